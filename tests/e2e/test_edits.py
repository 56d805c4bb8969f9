"""Images made from others, on the deployed stack: forms through both gateways, ids, large uploads, and the web."""

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire
from tests.support.pictures import encoded
from tests.support.tls_server import SERVER_ADDRESS, Server, make_certificate, serving

FIELDS = {"model": "gpt-image-2.6-flare", "prompt": "Give the otter a hat", "quality": "low"}


def png(size: tuple[int, int] = (300, 200), hole: bool = False) -> bytes:
    image = Image.new("RGBA", size, (20, 120, 140, 255))
    if hole:
        image.paste((0, 0, 0, 0), (10, 10, 60, 60))
    return encoded(image)


def edit(door: str, key: Key, **content: Any) -> httpx.Response:
    return wire.post(f"{door}/images/edits", headers=key.headers, timeout=90, **content)


def assert_downloads(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    image = answer.json()["data"][0]
    Image.open(io.BytesIO(wire.get(image["url"]).raise_for_status().content)).verify()
    return image


@pytest.fixture(params=["api", "direct"])
def door(request: pytest.FixtureRequest, stack: Stack) -> str:
    return stack.api_url if request.param == "api" else stack.direct_url


@pytest.mark.parametrize("files", [1, 3])
def test_a_form_with_files_and_a_mask(door: str, key: Key, simulator: SimulatorControl, files: int) -> None:
    parts = [("image[]", (f"{n}.png", png(), "image/png")) for n in range(files)]
    parts.append(("mask", ("mask.png", png(hole=True), "image/png")))
    assert_downloads(edit(door, key, data=FIELDS, files=parts))
    (call,) = simulator.calls()
    assert call["input_images"] == files


def test_a_form_beyond_what_lambda_takes_is_refused_by_aws_and_buys_nothing(
    door: str, key: Key, simulator: SimulatorControl
) -> None:
    before = wire.get(f"{door}/jobs", headers=key.headers).json()["data"]
    large = png() + bytes(20 * 1024 * 1024)
    answer = edit(door, key, data=FIELDS, files=[("image", ("a.png", large, "image/png"))])
    assert answer.status_code == 413
    after = wire.get(f"{door}/jobs", headers=key.headers).json()["data"]
    assert [job["id"] for job in after] == [job["id"] for job in before]
    assert simulator.calls() == []


def test_an_image_is_edited_again_and_again_by_its_id(door: str, key: Key, simulator: SimulatorControl) -> None:
    image = assert_downloads(edit(door, key, data=FIELDS, files=[("image", ("a.png", png(), "image/png"))]))
    for _ in range(2):
        image = assert_downloads(edit(door, key, json=FIELDS | {"images": [{"file_id": image["id"]}]}))
    assert len(simulator.calls()) == 3


def test_a_30_mb_upload_is_edited(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    file = io.BytesIO()
    Image.frombytes("RGB", (3300, 3100), os.urandom(3300 * 3100 * 3)).save(file, "PNG", compress_level=0)
    assert 30_000_000 < len(file.getvalue()) < 50_000_000
    made = wire.post(f"{stack.api_url}/uploads", json={"content_type": "image/png"}, headers=key.headers).json()
    sent = wire.post(made["url"], data=made["fields"], files={"file": ("big.png", file.getvalue())}, timeout=60)
    assert sent.status_code in (200, 201, 204), sent.text
    assert_downloads(edit(stack.direct_url, key, json=FIELDS | {"images": [{"file_id": made["id"]}]}))


def answer_with(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def web(stack: Stack, tmp_path: Path) -> Iterator[Server]:
    """A web server that this deployment trusts: its certificate, and its address although it is loopback."""
    certificate = make_certificate(tmp_path)
    variables = {"SSL_CERT_FILE": str(certificate), "EASEL_TRUSTED_IMAGE_HOSTS": f"{SERVER_ADDRESS}/32"}
    with stack.with_variables(variables, "DirectFunction"), serving(certificate) as server:
        yield server


def edit_from(stack: Stack, key: Key, url: str) -> httpx.Response:
    return edit(stack.direct_url, key, json=FIELDS | {"images": [{"image_url": url}]})


def test_an_image_is_fetched_from_the_web(stack: Stack, key: Key, simulator: SimulatorControl, web: Server) -> None:
    web.replies = [answer_with(b"", "302 Found", Location="/there.png"), answer_with(png())]
    assert_downloads(edit_from(stack, key, f"https://{SERVER_ADDRESS}:{web.port}/here.png"))
    assert len(web.requests) == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/a.png",
        "https://10.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://2130706433/a.png",
        f"https://{socket.gethostname()}/a.png",
        "http://example.com/a.png",
        "ftp://example.com/a.png",
    ],
)
def test_addresses_that_are_nobodys_business_are_refused(
    stack: Stack, key: Key, simulator: SimulatorControl, url: str
) -> None:
    answer = edit_from(stack, key, url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_image_url"), answer.text
    assert simulator.calls() == []


def test_a_redirect_to_the_metadata_service_is_refused(
    stack: Stack, key: Key, simulator: SimulatorControl, web: Server
) -> None:
    web.replies = [answer_with(b"", "302 Found", Location="https://169.254.169.254/latest/meta-data/")]
    answer = edit_from(stack, key, f"https://{SERVER_ADDRESS}:{web.port}/a.png")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_image_url")
    assert "169.254" not in answer.text
    assert simulator.calls() == []


def test_a_body_of_200_mb_is_refused_before_it_is_read(
    stack: Stack, key: Key, simulator: SimulatorControl, web: Server
) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n")
        connection.sendall(png())

    def lying(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"\0" * 1024 * 1024)

    for reply in (endless, lying):
        web.replies = [reply]
        answer = edit_from(stack, key, f"https://{SERVER_ADDRESS}:{web.port}/a.png")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "image_file_too_large"), answer.text
    assert simulator.calls() == []
