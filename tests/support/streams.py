"""How soon a stream says what, measured where Lambda receives it."""

import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import pytest

from core import aws
from handlers import direct
from streaming_runtime import Handler, RuntimeApi, serve
from tests.support.events import Event, read_events
from tests.support.lambda_service import SEPARATOR, LambdaService, Report
from tests.support.world import World
from tests.support.world.aws import handled

_BODY = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024", "stream": True}
# For everything but the purchase: what a busy machine may take, and a worker wants to have left for a preview.
_MARGIN_SECONDS = 90


@dataclass(frozen=True)
class Timing:
    """Seconds: until the first heartbeat, of the longest silence, and of each event after what caused it.

    The causes are that the job lists a preview, and that it has ended.
    """

    first_heartbeat: float
    longest_silence: float
    delays: list[float]
    events: list[Event]


def timed_stream(world: World, purchase_seconds: float, previews: int) -> Timing:
    """A stream of an image that the provider takes so long for, sent by the runtime to a Runtime API."""
    world.simulator.plan("slow", seconds=purchase_seconds)
    event = world.api.event("POST", "/images/generations", _BODY | {"partial_images": previews}, door="direct")
    causes: list[float] = []

    def note(params: Any, **_: Any) -> None:
        listed = params["Item"].get("previews", {}).get("L", [])
        if len(listed) > len(causes):
            causes.append(time.monotonic())

    def work() -> None:
        while not (waiting := world.jobs.messages()):
            time.sleep(0.05)
        world.jobs.deliver(waiting[0], purchase_seconds + _MARGIN_SECONDS)
        causes.append(time.monotonic())

    with (
        pytest.MonkeyPatch.context() as patch,
        handled(aws.dynamodb(), "provide-client-params.dynamodb.PutItem", note),
        LambdaService(event) as service,
    ):
        for name, value in {"NAME": "easel", "VERSION": "$LATEST", "MEMORY_SIZE": "512"}.items():
            patch.setenv(f"AWS_LAMBDA_FUNCTION_{name}", value)
        api = RuntimeApi(service.address)
        worker = threading.Thread(target=work)
        worker.start()
        began = time.monotonic()
        serve(api, cast(Handler, direct.handler), *api.next())
        worker.join()
        report = service.report(_MARGIN_SECONDS)
    return _timing(report, began, causes)


def _timing(report: Report, began: float, causes: list[float]) -> Timing:
    # The prelude is a piece of its own.
    moments = [moment for moment, piece in report.pieces if SEPARATOR not in piece]
    silences = [later - earlier for earlier, later in pairwise([began, *moments])]
    sent = [moment for moment, piece in report.pieces if piece.startswith(b"event:")]
    delays = [moment - cause for cause, moment in zip(causes, sent, strict=True)]
    return Timing(moments[0] - began, max(silences), delays, read_events(report.body.decode()))
