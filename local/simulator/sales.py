"""How the APIs that are not OpenAI's sell an image: received, validated, recorded, then answered or spoiled by a fault.

The steps, their faults and the record are those of OpenAI's calls (calls.py); what differs is an Api.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from local.simulator.answers import GARBAGE, NOT_AN_IMAGE
from local.simulator.calls import new_call, read_body, state_of
from local.simulator.delivery import Cut, Reset, client_waits
from local.simulator.faults import CUTS, Fault
from local.simulator.state import State


class Refusal(Exception):
    """The answer to a call that is not accepted."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True)
class Sale:
    """An accepted call: how many images came with it, what draws its image, and what it costs in micro-dollars.

    `charge` and `answer` depend on the kind of the fault, None if there is none; `answer` gets the image and returns
    the JSON of the answer.
    """

    inputs: int
    draw: Callable[[], bytes]
    charge: Callable[[str | None], int]
    answer: Callable[[bytes, str | None], str]


class Api(Protocol):
    """An API: its rules and its ways to refuse."""

    max_body_bytes: int

    def authorize(self, state: State, request: Request) -> None:
        """Raise Refusal unless the caller is known."""

    def model(self, request: Request) -> str:
        """The model that is called."""

    def take(self, state: State, request: Request, body: bytes) -> Sale:
        """Validate a call; raises Refusal for the first rule that is broken."""

    def refusal(self, fault: Fault, model: str) -> Response:
        """How it says a fault that happens instead of the validation."""

    def failure(self) -> Response:
        """How it fails after it has accepted and charged."""

    def too_large(self) -> Response:
        """How it refuses a body that is too large."""


async def sell(request: Request, api: Api) -> Response:
    """Answer one call."""
    state, call = state_of(request), new_call(request)
    call.model = api.model(request)[:100]
    try:
        body = await read_body(request, api.max_body_bytes, lambda: Refusal(api.too_large()))
        api.authorize(state, request)
        fault = state.plan.take()
        call.fault = fault.kind if fault else None
        if fault is not None and fault.phase == "refuse":
            raise Refusal(api.refusal(fault, call.model))
        sale = await run_in_threadpool(api.take, state, request, body)
    except ClientDisconnect:
        return Response()
    except Refusal as refusal:
        state.ledger.add(call)
        call.status = refusal.response.status_code
        return refusal.response
    kind = fault.kind if fault else None
    call.accepted, call.n, call.input_images = True, 1, sale.inputs
    call.charged_micro_usd = sale.charge(kind)
    state.ledger.add(call)
    if kind == "reset":
        return Reset()
    if fault is not None and fault.seconds and not await client_waits(request, fault.seconds):
        return Response()
    if kind == "server_error_charged":
        response = api.failure()
    else:
        image = NOT_AN_IMAGE if kind == "wrong_bytes" else await run_in_threadpool(sale.draw)
        text = GARBAGE if kind == "garbage_json" else sale.answer(image, kind)
        response = (Cut if kind in CUTS else Response)(text, media_type="application/json")
    call.status = response.status_code
    return response
