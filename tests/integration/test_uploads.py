"""Inputs that are sent straight to the bucket: the form, its bounds, and use by their owner alone."""

import base64
import json
import time
from typing import Any

import pytest

from cli import keys
from composition.services import services
from core.callers.model import Caller
from core.errors import InvalidRequest, NotFound
from tests.support.world import World, aws

MAX_BYTES = 52_428_800


def create(world: World, **body: Any) -> Any:
    answer = world.api.call("POST", "/uploads", {"content_type": "image/png"} | body)
    assert answer.status == 201, answer.text
    return answer.json()


def policy(upload: Any) -> Any:
    return json.loads(base64.b64decode(upload["fields"]["policy"]))


def arrive(upload: Any, data: bytes = b"first") -> None:
    """What the bucket does with a form that fits its policy."""
    aws.s3().put_object(
        Bucket="images", Key=upload["fields"]["key"], Body=data, ContentType=upload["fields"]["Content-Type"]
    )


def caller_of(world: World, key: str | None = None) -> Caller:
    return services().authentication.caller_of(f"Bearer {key or world.api.key}")


def other_key(world: World) -> str:
    return keys.create(world.stack, "other", None, [], [])[0]


def test_the_form_is_bound_to_key_type_size_and_time(world: World) -> None:
    upload = create(world, filename="otter.png")
    assert (upload["object"], upload["status"], upload["method"]) == ("upload", "pending", "POST")
    assert upload["max_bytes"] == MAX_BYTES
    assert 890 < upload["expires_at"] - time.time() <= 900
    assert 86_390 < upload["kept_until"] - time.time() <= 86_400
    key = f"uploads/{caller_of(world).id}/{upload['id']}"
    assert upload["fields"]["key"] == key
    conditions = policy(upload)["conditions"]
    for condition in ({"key": key}, {"Content-Type": "image/png"}, ["content-length-range", 1, MAX_BYTES]):
        assert condition in conditions
    assert not any(condition[0] == "starts-with" for condition in conditions if isinstance(condition, list))
    assert upload["url"] == "https://images.s3.amazonaws.com/"
    assert upload["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_a_declared_size_is_the_bound(world: World) -> None:
    upload = create(world, bytes=1234)
    assert upload["max_bytes"] == 1234
    assert ["content-length-range", 1, 1234] in policy(upload)["conditions"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"content_type": "image/gif"}, "content_type", "invalid_value"),
        ({"content_type": None}, "content_type", "missing_required_parameter"),
        ({"bytes": 0}, "bytes", "invalid_value"),
        ({"bytes": MAX_BYTES + 1}, "bytes", "invalid_value"),
        ({"bytes": "12"}, "bytes", "invalid_type"),
        ({"bytes": True}, "bytes", "invalid_type"),
        ({"filename": "x" * 256}, "filename", "invalid_value"),
        ({"purpose": "vision"}, "purpose", "unknown_parameter"),
    ],
)
def test_a_wrong_body_is_refused(world: World, body: dict[str, Any], param: str, code: str) -> None:
    answer = world.api.call("POST", "/uploads", {"content_type": "image/png"} | body)
    error = answer.json()["error"]
    assert (answer.status, error["param"], error["code"]) == (400, param, code)


def test_a_content_type_is_required(world: World) -> None:
    answer = world.api.call("POST", "/uploads", {})
    assert answer.json()["error"]["code"] == "missing_required_parameter"


def test_an_upload_is_pending_until_its_bytes_arrive(world: World) -> None:
    upload = create(world, filename="otter.png")
    before = world.api.call("GET", f"/uploads/{upload['id']}").json()
    assert (before["status"], before["bytes"]) == ("pending", None)
    assert "fields" not in before
    arrive(upload, b"12345")
    after = world.api.call("GET", f"/uploads/{upload['id']}").json()
    assert (after["status"], after["bytes"], after["filename"]) == ("ready", 5, "otter.png")


def test_another_callers_upload_is_404(world: World) -> None:
    upload = create(world)
    arrive(upload)
    other = other_key(world)
    for method in ("GET", "DELETE"):
        answer = world.api.call(method, f"/uploads/{upload['id']}", key=other)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    with pytest.raises(NotFound):
        services().uploads.open(caller_of(world, other), upload["id"])
    assert world.api.call("GET", f"/uploads/{upload['id']}").json()["status"] == "ready"


def test_a_job_is_no_upload(world: World) -> None:
    job_id = world.api.accepted()
    for method in ("GET", "DELETE"):
        assert world.api.call(method, f"/uploads/{job_id}").status == 404
    assert world.api.job(job_id)["status"] == "queued"


def test_an_expired_upload_is_404(world: World) -> None:
    upload = create(world)
    arrive(upload)
    world.jobs.set_numbers(upload["id"], expires_at=int(time.time()) - 1)
    assert world.api.call("GET", f"/uploads/{upload['id']}").status == 404
    with pytest.raises(NotFound):
        services().uploads.open(caller_of(world), upload["id"])


def test_a_deleted_upload_is_gone(world: World) -> None:
    upload = create(world)
    arrive(upload)
    answer = world.api.call("DELETE", f"/uploads/{upload['id']}")
    assert answer.json() == {"id": upload["id"], "object": "upload.deleted", "deleted": True}
    assert aws.s3().list_objects_v2(Bucket="images")["KeyCount"] == 0
    assert world.api.call("GET", f"/uploads/{upload['id']}").status == 404
    assert world.api.call("DELETE", f"/uploads/{upload['id']}").status == 404


def test_an_upload_is_opened_by_its_owner_once_it_is_there(world: World) -> None:
    upload = create(world)
    with pytest.raises(InvalidRequest) as error:
        services().uploads.open(caller_of(world), upload["id"])
    assert error.value.problem.code == "upload_pending"
    assert "have not arrived yet" in error.value.problem.message
    arrive(upload)
    opened = services().uploads.open(caller_of(world), upload["id"])
    assert (opened.key, opened.size, opened.content_type) == (upload["fields"]["key"], 5, "image/png")
    found = aws.s3().get_object(Bucket="images", Key=opened.key, IfMatch=opened.etag)
    assert found["Body"].read() == b"first"


def test_an_upload_stands_for_the_bytes_that_were_used_first(world: World) -> None:
    upload = create(world)
    arrive(upload)
    first = services().uploads.open(caller_of(world), upload["id"])
    arrive(upload)  # The same bytes again change nothing.
    assert services().uploads.open(caller_of(world), upload["id"]) == first
    arrive(upload, b"second")
    with pytest.raises(InvalidRequest) as error:
        services().uploads.open(caller_of(world), upload["id"])
    assert error.value.problem.code == "upload_changed"


def test_an_upload_may_change_until_its_first_use(world: World) -> None:
    upload = create(world)
    arrive(upload)
    arrive(upload, b"better")
    assert services().uploads.open(caller_of(world), upload["id"]).size == len(b"better")
