"""Successful answers: the response body or the stream of events, as a fault may change them."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from local.simulator.billing import usage_of
from local.simulator.faults import Fault
from local.simulator.order import Order

# Stores an image for a while, and returns its URL.
Publish = Callable[[bytes], str]

NOT_AN_IMAGE = b"These bytes are not an image."
NOT_BASE64 = "!!! this is not base64 !!!"
GARBAGE = '{"created": 1713833628, "data": [{"b64_'

_SVG_AUTHOR_TOKENS = 400


def json_answer(order: Order, images: list[bytes], fault: str | None, publish: Publish) -> str:
    """The body of a 200 answer."""
    if fault == "garbage_json":
        return GARBAGE
    if fault == "wrong_bytes":
        images = [NOT_AN_IMAGE] * len(images)
    body: dict[str, Any] = {"created": int(time.time())}
    body["data"] = [_datum(order, image, publish) for image in images]
    if fault == "empty_data":
        body["data"] = []
    if fault == "bad_base64":
        body["data"] = [datum | {"b64_json": NOT_BASE64} for datum in body["data"]]
    if not order.family.dalle:
        body |= _settings(order) | {"usage": usage_of(order).body()}
        if order.safety_identifier is not None:
            body["safety_identifier"] = order.safety_identifier
        if order.svg is not None:
            body["svg_usage"] = _svg_usage(order.svg["model"])
        if fault == "no_usage":
            del body["usage"]
    return json.dumps(body)


def place_of_cut(body: str, after: int) -> int:
    """Where to cut a body in the middle of the image that follows so many others, or just before its end."""
    pieces = body.split('"b64_json"')
    if after + 1 >= len(pieces):
        return len(body) - 1
    return len('"b64_json"'.join(pieces[: after + 1])) + len(pieces[after + 1]) // 2


def stream_answer(order: Order, drafts: list[bytes], image: bytes, fault: Fault | None) -> list[str]:
    """The server-sent events of a 200 answer: one for each partial image, then the finished image.

    A fault may end them earlier, or with an error.
    """
    events = _events(order, drafts, image, fault.kind if fault else None)
    if fault and fault.phase == "stream":
        events = events[: fault.after]
        if fault.kind in ("stream_error", "stream_blocked"):
            events.append(_event("error", {"type": "error"} | fault.error(order.model).body()))
    return events


def _events(order: Order, drafts: list[bytes], image: bytes, fault: str | None) -> list[str]:
    prefix = "image_generation" if order.endpoint == "generations" else "image_edit"
    if fault == "garbage_json":
        return [f"event: {prefix}.completed\ndata: {GARBAGE}\n\n"]
    if fault == "empty_data":
        return []
    common = {"created_at": int(time.time())} | _settings(order)
    events = []
    for index, draft in enumerate(drafts):
        kind = f"{prefix}.partial_image"
        event = {"type": kind, "b64_json": _b64(draft)} | common | {"partial_image_index": index}
        events.append(_event(kind, event))
    final = NOT_AN_IMAGE if fault == "wrong_bytes" else image
    text = NOT_BASE64 if fault == "bad_base64" else _b64(final)
    kind = f"{prefix}.completed"
    completed: dict[str, Any] = {"type": kind, "b64_json": text} | common
    if fault != "no_usage":
        completed["usage"] = usage_of(order).body(streamed=True)
    if order.safety_identifier is not None:
        completed["safety_identifier"] = order.safety_identifier
    return [*events, _event(kind, completed)]


def _settings(order: Order) -> dict[str, Any]:
    return {
        "background": "transparent" if order.transparent else "opaque",
        "output_format": order.format,
        "quality": order.actual_quality,
        "size": "{}x{}".format(*order.actual_size),
    }


def _datum(order: Order, image: bytes, publish: Publish) -> dict[str, str]:
    if not order.family.dalle:
        return {"b64_json": _b64(image)}
    datum = {}
    if "style" in order.family.generations:
        datum["revised_prompt"] = f"{order.prompt} (simulated, {order.style or 'vivid'} style)"
    if order.response_format == "b64_json":
        datum["b64_json"] = _b64(image)
    else:
        datum["url"] = publish(image)
    return datum


def _svg_usage(author: str) -> dict[str, Any]:
    tokens = _SVG_AUTHOR_TOKENS
    return {
        "model": author,
        "input_tokens": tokens,
        "output_tokens": tokens,
        "reasoning_tokens": 0,
        "total_tokens": 2 * tokens,
    }


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
