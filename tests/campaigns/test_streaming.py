"""A stream keeps its promises while the provider takes a minute."""

import base64
import io
from collections.abc import Iterator

import openai
import pytest
from PIL import Image

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support.idle_proxy import idle_proxy
from tests.support.streams import timed_stream
from tests.support.world import World, deployed, simulated

PURCHASE_SECONDS = 60
IDLE_SECONDS = 30


@pytest.fixture
def world() -> Iterator[World]:
    with simulated() as simulator, deployed(simulator) as world:
        yield world


def test_lambda_receives_heartbeats_previews_and_the_image_within_a_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_MAX_WAIT_SECONDS", "840")
    world.restart()
    timing = timed_stream(world, PURCHASE_SECONDS, previews=3)
    assert [event.name.partition(".")[2] for event in timing.events] == ["partial_image"] * 3 + ["completed"]
    assert timing.first_heartbeat < 1
    assert timing.longest_silence < 11
    assert max(timing.delays) < 1


def test_behind_a_proxy_that_cuts_idle_lines_a_stream_brings_its_image(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    wish = {"model": "gpt-image-2", "prompt": "A patient otter", "quality": "low", "size": "1024x1024"}
    simulator.plan("slow", seconds=PURCHASE_SECONDS, count=2)
    with (
        idle_proxy(stack.direct_url, IDLE_SECONDS) as base_url,
        openai.OpenAI(base_url=base_url, api_key=key.key, max_retries=0) as client,
    ):
        with pytest.raises(openai.APIConnectionError):
            client.images.generate(**wish)  # type: ignore[call-overload] # arguments at run time
        *_, last = client.images.generate(**wish, stream=True)  # type: ignore[call-overload] # see above
    assert last.type == "image_generation.completed"
    assert Image.open(io.BytesIO(base64.b64decode(last.b64_json))).size == (1024, 1024)
