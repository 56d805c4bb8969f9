"""`stream=True` by each official client, as its own tests do: each way to call, read to the end or closed at once."""

import base64
import io
import secrets
from typing import Any

import pytest
from PIL import Image

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.support import wire

from .conftest import PYTHONS, Client, ClientError, File, Mode, Pictures

WISH: dict[str, Any] = {
    "model": "gpt-image-2.6-flare",
    "prompt": "A cute baby sea otter",
    "quality": "low",
    "size": "1024x1024",
}
# What the official tests send besides, as far as these models accept it.
EVERYTHING: dict[str, Any] = {
    "background": "opaque",
    "n": 1,
    "output_compression": 100,
    "output_format": "png",
    "partial_images": 1,
    "user": "user-1234",
}
# The ways in which each client streams.
WAYS = [(name, mode) for name in PYTHONS for mode in ("plain", "async", "raw", "streaming")] + [("node", "plain")]
SHORT_WAYS = [(name, mode) for name, mode in WAYS if mode in ("plain", "async")]


@pytest.fixture(params=["generate", "edit"])
def what(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asked(what: str, pictures: Pictures) -> dict[str, Any]:
    return WISH | ({"image": File(pictures.body_lotion)} if what == "edit" else {})


def assert_streamed(events: list[dict[str, Any]], what: str, previews: int) -> dict[str, Any]:
    """The event of the image, after so many previews; each has the fields and the class that the client declares."""
    *partial, event = events
    kind, of = {"generate": ("image_generation", "ImageGen"), "edit": ("image_edit", "ImageEdit")}[what]
    assert [each["type"] for each in partial] == [f"{kind}.partial_image"] * previews
    assert event["type"] == f"{kind}.completed"
    if "class" in event:  # Node's types are those of TypeScript only.
        assert event["class"] == f"{of}CompletedEvent"
        assert all(each["class"] == f"{of}PartialImageEvent" for each in partial)
    for each in events:
        assert Image.open(io.BytesIO(base64.b64decode(each["b64_json"]))).size == (1024, 1024)
        assert (each["size"], each["quality"], each["output_format"]) == ("1024x1024", "low", "png")
        assert each["background"] in ("opaque", "auto")
        assert isinstance(each["created_at"], int)
    assert event["usage"]["total_tokens"] == event["usage"]["input_tokens"] + event["usage"]["output_tokens"]
    assert event["usage"]["input_tokens_details"].keys() == {"text_tokens", "image_tokens"}
    return event


@pytest.mark.parametrize(("client", "mode"), WAYS, indirect=["client"])
def test_the_image_comes_as_a_typed_event(
    client: Client, mode: Mode, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    event = assert_streamed(client.stream(what, mode, **asked(what, pictures)), what, previews=0)
    assert wire.get(event["url"]).content == base64.b64decode(event["b64_json"])
    assert event["link"].endswith(event["id"])
    (call,) = simulator.calls()
    assert event["easel"]["cost"]["actual_micro_usd"] == call["charged_micro_usd"]


@pytest.mark.parametrize(("client", "mode"), SHORT_WAYS, indirect=["client"])
def test_previews_come_before_it(
    client: Client, mode: Mode, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    assert_streamed(client.stream(what, mode, **asked(what, pictures) | EVERYTHING), what, previews=1)
    assert len(simulator.calls()) == 1


@pytest.mark.parametrize(("client", "mode"), WAYS, indirect=["client"])
def test_a_stream_that_is_closed_at_once_loses_nothing(
    client: Client, mode: Mode, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    named: dict[str, Any] = {"extra_headers": {"Idempotency-Key": secrets.token_hex(8)}}
    assert client.stream(what, mode, closes=True, **asked(what, pictures), **named) is True
    (event,) = client.stream(what, mode, **asked(what, pictures), **named)
    assert event["easel"]["joined"] is True
    assert len(simulator.calls()) == 1


def test_an_error_after_the_purchase_is_raised_with_its_code(client: Client, simulator: SimulatorControl) -> None:
    simulator.plan("moderation_blocked")
    with pytest.raises(ClientError) as raised:
        client.stream("generate", **WISH)
    error = raised.value.seen
    assert (error["class"], error["code"]) == ("APIError", "moderation_blocked")
    assert error["body"]["job_id"].startswith("job_")
    assert len(simulator.calls()) == 1


def test_what_cannot_be_streamed_raises_a_bad_request_error(client: Client, simulator: SimulatorControl) -> None:
    with pytest.raises(ClientError) as raised:
        client.stream("generate", **WISH, n=2)
    error = raised.value.seen
    assert (error["class"], error["param"], error["body"]["charged"]) == ("BadRequestError", "n", False)
    assert simulator.calls() == []


def test_behind_api_gateway_the_error_names_the_direct_url(
    client: Client, stack: Stack, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    with pytest.raises(ClientError, match=r"Send the request to https://\S+/v1,") as raised:
        client.with_options(base_url=stack.api_url).stream(what, **asked(what, pictures))
    error = raised.value.seen
    assert (error["class"], error["code"]) == ("BadRequestError", "stream_not_supported")
    assert simulator.calls() == []
