"""How soon a stream says what, measured where Lambda receives it."""

import threading
import time
from dataclasses import dataclass
from typing import cast

import pytest

from handlers import direct
from streaming_runtime import Handler, RuntimeApi, serve
from tests.support.events import Event, read_events
from tests.support.lambda_service import SEPARATOR, LambdaService, Report
from tests.support.world import World

# For everything but the purchase: what a busy machine may take.
_MARGIN_SECONDS = 30


@dataclass(frozen=True)
class Timing:
    """Seconds: until the first heartbeat, of the longest silence, and from the end of the job to its event."""

    first_heartbeat: float
    longest_silence: float
    end_to_event: float
    events: list[Event]


def timed_stream(world: World, purchase_seconds: float) -> Timing:
    """A stream of an image that the provider takes so long for, sent by the runtime to a Runtime API."""
    world.simulator.plan("slow", seconds=purchase_seconds)
    body = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024", "stream": True}
    event = world.api.event("POST", "/images/generations", body, door="direct")
    ended: list[float] = []

    def work() -> None:
        while not (waiting := world.jobs.messages()):
            time.sleep(0.05)
        world.jobs.deliver(waiting[0], purchase_seconds + _MARGIN_SECONDS)
        ended.append(time.monotonic())

    with pytest.MonkeyPatch.context() as patch, LambdaService(event) as service:
        for name, value in {"NAME": "easel", "VERSION": "$LATEST", "MEMORY_SIZE": "512"}.items():
            patch.setenv(f"AWS_LAMBDA_FUNCTION_{name}", value)
        api = RuntimeApi(service.address)
        worker = threading.Thread(target=work)
        worker.start()
        began = time.monotonic()
        serve(api, cast(Handler, direct.handler), *api.next())
        worker.join()
        report = service.report(_MARGIN_SECONDS)
    return _timing(report, began, ended[0])


def _timing(report: Report, began: float, ended: float) -> Timing:
    # The prelude is a piece of its own.
    moments = [moment for moment, piece in report.pieces if SEPARATOR not in piece]
    last_event = next(moment for moment, piece in report.pieces if piece.startswith(b"event:"))
    silences = [later - earlier for earlier, later in zip([began, *moments], moments, strict=False)]
    return Timing(moments[0] - began, max(silences), last_event - ended, read_events(report.body.decode()))
