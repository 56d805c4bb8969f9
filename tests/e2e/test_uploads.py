"""The signed form of an upload, sent as a browser, a program and curl send it, and what the bucket refuses."""

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.uploads.store import Upload, UploadBucket
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

MAX_BYTES = 52_428_800
PNG = b"\x89PNG\r\n\x1a\n"


def create(stack: Stack, key: Key, **wish: Any) -> Any:
    body = {"content_type": "image/png"} | wish
    answer = wire.post(f"{stack.api_url}/uploads", json=body, headers=key.headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def send(upload: Any, data: bytes = PNG, *, headers: dict[str, str] | None = None, **changed: str) -> httpx.Response:
    return wire.post(
        upload["url"], data=upload["fields"] | changed, files={"file": ("x.png", data)}, headers=headers, timeout=60
    )


def found(stack: Stack, key: Key, upload: Any) -> Any:
    return wire.get(f"{stack.api_url}/uploads/{upload['id']}", headers=key.headers).json()


def test_thirty_megabytes_go_straight_to_the_bucket(stack: Stack, key: Key) -> None:
    upload = create(stack, key, filename="large.png")
    data = PNG + os.urandom(30 * 1024 * 1024)
    assert found(stack, key, upload)["status"] == "pending"
    assert send(upload, data).status_code == 204
    ready = found(stack, key, upload)
    assert (ready["status"], ready["bytes"], ready["filename"]) == ("ready", len(data), "large.png")
    stored = stack.client("s3").get_object(Bucket=stack.images_bucket, Key=upload["fields"]["key"])
    assert stored["Body"].read() == data
    assert stored["ContentType"] == "image/png"


def test_the_largest_upload_is_fifty_megabytes(stack: Stack, key: Key) -> None:
    upload = create(stack, key)
    assert upload["max_bytes"] == MAX_BYTES
    refused = send(upload, bytes(MAX_BYTES + 1))
    assert (refused.status_code, "EntityTooLarge" in refused.text) == (400, True)
    assert found(stack, key, upload)["status"] == "pending"
    assert send(upload, bytes(MAX_BYTES)).status_code == 204


def test_curl_sends_the_form_as_the_documentation_prints_it(stack: Stack, key: Key, tmp_path: Path) -> None:
    upload = create(stack, key)
    picture = tmp_path / "picture.png"
    picture.write_bytes(PNG)
    fields = [part for name, value in upload["fields"].items() for part in ("-F", f"{name}={value}")]
    command = ["curl", "--fail", "--silent", *fields, "-F", f"file=@{picture}", upload["url"]]
    subprocess.run(command, check=True)
    assert found(stack, key, upload)["status"] == "ready"


@pytest.mark.parametrize(
    ("changed", "data", "status", "code"),
    [
        ({"Content-Type": "text/html"}, PNG, 403, "AccessDenied"),
        ({"Content-Type": "image/svg+xml"}, PNG, 403, "AccessDenied"),
        ({"key": "uploads/key_0000000000000000/file_00000000000000000000000000000000"}, PNG, 403, "AccessDenied"),
        ({"key": "images/img_00000000000000000000000000000000.png"}, PNG, 403, "AccessDenied"),
        ({"x-amz-meta-note": "mine"}, PNG, 403, "AccessDenied"),
        ({"x-amz-signature": "0" * 64}, PNG, 403, "SignatureDoesNotMatch"),
        ({}, b"", 400, "EntityTooSmall"),
        ({}, b"x" * 101, 400, "EntityTooLarge"),
    ],
)
def test_the_bucket_refuses_what_was_not_signed(
    stack: Stack, key: Key, changed: dict[str, Any], data: bytes, status: int, code: str
) -> None:
    upload = create(stack, key, bytes=100)
    refused = send(upload, data, **changed)
    assert (refused.status_code, code in refused.text) == (status, True), refused.text
    assert found(stack, key, upload)["status"] == "pending"


def test_a_widened_policy_is_refused(stack: Stack, key: Key) -> None:
    upload = create(stack, key, bytes=100)
    policy = json.loads(base64.b64decode(upload["fields"]["policy"]))
    policy["conditions"] = [
        ["content-length-range", 1, MAX_BYTES] if "content-length-range" in c else c for c in policy["conditions"]
    ]
    widened = base64.b64encode(json.dumps(policy).encode()).decode()
    assert send(upload, bytes(200), policy=widened).status_code == 403


def test_a_form_ends_with_its_time(stack: Stack) -> None:
    """Signed by the administrator for a second: the real one lives for a quarter of an hour."""
    bucket = UploadBucket(stack.client("s3"), stack.images_bucket)
    now = int(time.time())
    form = bucket.form(Upload("file_1", "key_1", "image/png", 100, now, now + 60), now, seconds=1)
    upload = {"url": form.url, "fields": form.fields}
    time.sleep(2)
    refused = send(upload)
    assert (refused.status_code, "expired" in refused.text) == (403, True), refused.text


def test_a_web_page_may_send_the_form_and_read_the_answer(stack: Stack, key: Key) -> None:
    upload = create(stack, key)
    page = {"Origin": "https://shop.example"}
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = httpx.options(upload["url"], headers=page | ask)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, "*")
    answer = send(upload, headers=page)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
    refused = send(upload, headers=page, key="uploads/other")
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (403, "*")


def test_an_upload_belongs_to_its_caller_and_can_be_deleted(stack: Stack, key: Key, make_key: MakeKey) -> None:
    upload = create(stack, key)
    send(upload)
    url = f"{stack.direct_url}/uploads/{upload['id']}"
    other = make_key()
    assert wire.get(url, headers=other.headers).status_code == 404
    assert wire.delete(url, headers=other.headers).status_code == 404
    assert wire.delete(url, headers=key.headers).json()["deleted"] is True
    assert wire.get(url, headers=key.headers).status_code == 404
    with pytest.raises(stack.client("s3").exceptions.ClientError):
        stack.client("s3").head_object(Bucket=stack.images_bucket, Key=upload["fields"]["key"])
