"""A server of somebody's own that speaks OpenAI's API: one small model, no key, and no word about what it used.

Such servers know a few fields, answer in base64, and have no edits; docs/providers.md names some.
"""

import base64
import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulator import art, errors
from local.simulator.answers import NOT_BASE64
from local.simulator.calls import error_response
from local.simulator.catalog import VERSIONS
from local.simulator.errors import ApiError
from local.simulator.faults import Fault
from local.simulator.order import Order
from local.simulator.sales import Refusal, Sale, sell
from local.simulator.state import State

MODEL = "small-diffusion"
# What its owner reckons for power and hardware.
MICRO_USD_PER_IMAGE = 2000
SIZES = ("512x512", "768x512")
_FIELDS = ("model", "prompt", "n", "size", "response_format", "seed")


async def _generate(request: Request) -> Response:
    return await sell(request, _SelfHosted())


async def _models(_: Request) -> Response:
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "self-hosted"}]})


ROUTES = [
    Route("/self-hosted/v1/models", _models),
    Route("/self-hosted/v1/images/generations", _generate, methods=["POST"]),
]


class _SelfHosted:
    """See Api."""

    max_body_bytes = 1_000_000

    def authorize(self, _: State, request: Request) -> None:
        if "authorization" in request.headers or "api-key" in request.headers:  # A real one would ignore it.
            raise Refusal(error_response(ApiError(400, "The simulator wants no key here: it belongs to another host.")))

    def model(self, _: Request) -> str:
        return MODEL

    def take(self, state: State, _: Request, body: bytes) -> Sale:
        try:
            order = _order(json.loads(body))
        except ApiError as error:
            raise Refusal(error_response(error)) from None
        except ValueError:
            raise Refusal(error_response(ApiError(400, "The body is not JSON."))) from None
        return Sale(
            inputs=0,
            draw=lambda: art.draw(order, plain=state.settings.plain),
            charge=lambda _: MICRO_USD_PER_IMAGE,
            answer=_answer,
        )

    def refusal(self, fault: Fault, model: str) -> Response:
        return error_response(fault.error(model))

    def failure(self) -> Response:
        return error_response(ApiError(500, "CUDA out of memory."))

    def too_large(self) -> Response:
        return error_response(ApiError(413, "The request body is too large."))


def _order(document: Any) -> Order:
    """The order in a body. Raises ApiError for the first rule that it breaks."""
    if not isinstance(document, dict):
        raise ApiError(400, "The body is not an object.")
    for name in document:
        if name not in _FIELDS:
            raise errors.unknown(name)
    if document.get("model") != MODEL:
        raise errors.model_not_found(str(document.get("model"))[:100])
    prompt, size = document.get("prompt"), document.get("size", SIZES[0])
    if not isinstance(prompt, str) or not prompt:
        raise errors.missing("prompt")
    if size not in SIZES:
        raise errors.unsupported_value("size", size, SIZES)
    if document.get("n", 1) != 1:
        raise ApiError(400, "One image a call.", param="n")
    return Order(
        endpoint="generations",
        model=MODEL,
        family=VERSIONS["gpt-image-2"][1],
        prompt=prompt,
        size=size,
        quality="low",
    )


def _answer(image: bytes, kind: str | None) -> str:
    text = NOT_BASE64 if kind == "bad_base64" else base64.b64encode(image).decode()
    data = [] if kind in ("empty_data", "text_only", "refused_image", "no_image") else [{"b64_json": text}]
    return json.dumps({"created": int(time.time()), "data": data})
