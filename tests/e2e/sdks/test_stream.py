"""`stream=True` by each official client, as its own tests do: each way to call, read to the end or closed at once."""

import base64
import io
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
    "user": "user-1234",
}
# For each client, the ways in which it streams.
WAYS = [(name, mode) for name in PYTHONS for mode in ("plain", "async", "raw", "streaming")] + [("node", "plain")]


@pytest.fixture(params=["generate", "edit"])
def what(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asked(what: str, pictures: Pictures) -> dict[str, Any]:
    return WISH | ({"image": File(pictures.body_lotion)} if what == "edit" else {})


@pytest.mark.parametrize(("client", "mode"), WAYS, indirect=["client"])
@pytest.mark.parametrize("more", [{}, EVERYTHING], ids=["required parameters", "all parameters"])
def test_the_image_comes_as_a_typed_event(
    client: Client, mode: Mode, what: str, more: dict[str, Any], pictures: Pictures, simulator: SimulatorControl
) -> None:
    (event,) = client.stream(what, mode, **asked(what, pictures) | more)
    assert event["type"] == {"generate": "image_generation.completed", "edit": "image_edit.completed"}[what]
    # Node's types are those of TypeScript only.
    assert event.get("class") in (None, {"generate": "ImageGenCompletedEvent", "edit": "ImageEditCompletedEvent"}[what])
    content = base64.b64decode(event["b64_json"])
    assert Image.open(io.BytesIO(content)).size == (1024, 1024)
    assert (event["size"], event["quality"], event["output_format"]) == ("1024x1024", "low", "png")
    assert event["background"] == "opaque"
    assert isinstance(event["created_at"], int)
    assert event["usage"]["total_tokens"] == event["usage"]["input_tokens"] + event["usage"]["output_tokens"]
    assert event["usage"]["input_tokens_details"].keys() == {"text_tokens", "image_tokens"}
    assert wire.get(event["url"]).content == content
    assert event["link"].endswith(event["id"])
    (call,) = simulator.calls()
    assert event["easel"]["cost"]["actual_micro_usd"] == call["charged_micro_usd"]


@pytest.mark.parametrize(("client", "mode"), WAYS, indirect=["client"])
def test_a_client_that_closes_its_stream_gets_the_image_by_asking_again(
    client: Client, mode: Mode, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    simulator.plan("slow", seconds=1)
    assert client.stream(what, mode, closes=True, **asked(what, pictures)) is True
    (event,) = client.stream(what, mode, **asked(what, pictures))
    assert event["easel"]["joined"] is True
    assert len(simulator.calls()) == 1


def test_an_error_after_the_purchase_is_raised_with_its_code(
    client: Client, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    simulator.plan("moderation_blocked")
    with pytest.raises(ClientError) as raised:
        client.stream(what, **asked(what, pictures))
    error = raised.value.seen
    assert (error["class"], error["code"]) == ("APIError", "moderation_blocked")
    assert error["body"]["job_id"].startswith("job_")
    assert len(simulator.calls()) == 1


def test_what_cannot_be_streamed_raises_a_bad_request_error(
    client: Client, what: str, pictures: Pictures, simulator: SimulatorControl
) -> None:
    with pytest.raises(ClientError) as raised:
        client.stream(what, **asked(what, pictures), n=2)
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
