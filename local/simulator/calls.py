"""Image calls: each is received, validated, recorded, and then answered, or spoiled by a fault."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from local.simulator import art
from local.simulator.answers import json_answer, place_of_cut, stream_answer
from local.simulator.billing import charge_of
from local.simulator.bodies import read_fields
from local.simulator.catalog import EDIT_IMAGES_MAX, IMAGE_MAX_BYTES, Endpoint
from local.simulator.delivery import Cut, Events, Reset, client_waits
from local.simulator.errors import ApiError
from local.simulator.faults import CUTS, Fault
from local.simulator.intake import take_order
from local.simulator.ledger import Call
from local.simulator.order import Order
from local.simulator.state import State

BODY_MAX_BYTES = (EDIT_IMAGES_MAX + 1) * IMAGE_MAX_BYTES


async def generations(request: Request) -> Response:
    """POST /v1/images/generations."""
    return await _images(request, "generations")


async def edits(request: Request) -> Response:
    """POST /v1/images/edits."""
    return await _images(request, "edits")


async def variations(request: Request) -> Response:
    """POST /v1/images/variations: retired for every model."""
    call = new_call(request)
    error = ApiError(
        400,
        "This endpoint no longer accepts requests. Use POST /v1/images/edits with a prompt instead.",
    )
    try:
        await read_body(request, BODY_MAX_BYTES, _too_large)
        state_of(request).authorize(api_key(request))
    except ApiError as earlier:
        error = earlier
    state_of(request).ledger.add(call)
    call.status = error.status
    return error_response(error)


def state_of(request: Request) -> State:
    """The simulator's state."""
    state: State = request.app.state.simulator
    return state


def api_key(request: Request) -> str:
    """The API key of a call, empty if it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("api-key", "")


def error_response(error: ApiError) -> Response:
    """An error as an HTTP response."""
    if error.page is not None:
        return HTMLResponse(error.page, error.status)
    return JSONResponse(error.body(), error.status, error.headers)


async def _images(request: Request, endpoint: Endpoint) -> Response:
    state, call = state_of(request), new_call(request)
    try:
        order, fault = await _decide(state, request, endpoint, call)
    except ClientDisconnect:
        return Response()
    except ApiError as error:
        state.ledger.add(call)
        call.status = error.status
        return error_response(error)
    call.accepted, call.n, call.input_images = True, order.n, len(order.inputs)
    call.charged_micro_usd = charge_of(order)
    if order.stream and fault is not None and (fault.kind, fault.after) == ("stream_blocked", 0):
        call.accepted, call.charged_micro_usd = False, 0  # The prompt was refused, only later than usual.
    state.ledger.add(call)
    return await _answer(state, request, call, order, fault)


def new_call(request: Request) -> Call:
    """The record of a call that has just arrived."""
    return Call(
        id=f"call_{secrets.token_hex(12)}",
        time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        path=request.url.path,
        client_request_id=request.headers.get("x-client-request-id"),
    )


async def _decide(state: State, request: Request, endpoint: Endpoint, call: Call) -> tuple[Order, Fault | None]:
    body = await read_body(request, BODY_MAX_BYTES, _too_large)
    state.authorize(api_key(request))
    fault = state.plan.take()
    call.fault = fault.kind if fault else None
    refusal = None
    try:
        fields = await read_fields(endpoint, request.headers, body)
        model = fields.values.get("model")
        call.model = model[:100] if isinstance(model, str) else None
    except ApiError as error:
        refusal = error
    if fault is not None and fault.phase == "refuse":
        raise fault.error(call.model)
    if refusal is not None:
        raise refusal
    order = await run_in_threadpool(
        take_order, endpoint, fields, state.today, serve_retired=state.settings.serve_retired
    )
    return order, fault


async def read_body(request: Request, limit: int, refusal: Callable[[], Exception]) -> bytes:
    """The body of a call; raises the refusal if it has more bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise refusal()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> ApiError:
    return ApiError(413, "The request body is too large.")


async def _answer(state: State, request: Request, call: Call, order: Order, fault: Fault | None) -> Response:
    kind = fault.kind if fault else None
    if kind == "reset":
        return Reset()
    seconds = fault.seconds if fault else 0.0
    if seconds and not order.stream and not await client_waits(request, seconds):
        return Response()
    if fault is not None and kind == "server_error_charged":
        response = error_response(fault.error(call.model))
    elif order.stream:
        response = await _stream(state, order, fault)
    else:
        response = await _complete(state, request, order, fault)
    call.status = response.status_code
    return response


async def _complete(state: State, request: Request, order: Order, fault: Fault | None) -> Response:
    def publish(data: bytes) -> str:
        return str(request.url_for("file", name=state.publish(data)))

    plain = state.settings.plain
    images = await run_in_threadpool(lambda: [art.draw(order, index, plain=plain) for index in range(order.n)])
    body = json_answer(order, images, fault.kind if fault else None, publish)
    if fault is None or fault.kind not in CUTS:
        return Response(body, media_type="application/json")
    cut = Cut(body, media_type="application/json")
    if fault.kind == "cut_image":
        cut.kept = place_of_cut(body, fault.after)
    return cut


async def _stream(state: State, order: Order, fault: Fault | None) -> Response:
    """A stream whose events are spread over the time that the image takes."""
    plain = state.settings.plain
    image = await run_in_threadpool(art.draw, order, 0, plain=plain)
    drafts = await run_in_threadpool(
        lambda: [art.draw_draft(order, index, plain=plain) for index in range(order.partial_images or 0)]
    )
    events = stream_answer(order, drafts, image, fault)
    if fault and fault.kind in CUTS:
        return Cut("".join(events), media_type=Events.media_type)
    pause = fault.seconds / max(1, len(events)) if fault else 0.0
    return Events(events, pause, cut=fault is not None and fault.kind == "stream_cut")
