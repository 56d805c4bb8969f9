"""The routes, the answers and the errors."""

import base64
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.simulator import art
from local.simulator.answers import NOT_BASE64
from local.simulator.calls import state_of
from local.simulator.catalog import VERSIONS
from local.simulator.faults import KINDS, Fault
from local.simulator.gemini.billing import tokens_of, tokens_of_refusal
from local.simulator.gemini.rules import MODELS, Invalid, Wish, wish_of
from local.simulator.order import Order
from local.simulator.sales import Refusal, Sale, sell
from local.simulator.state import State

_RPC = "type.googleapis.com/google.rpc"
_DAILY = "GenerateRequestsPerDayPerProjectPerModel"
_UNBILLED = ("refused_image", "no_image", "text_only")


async def _generate(request: Request) -> Response:
    return await sell(request, _Gemini())


async def _models(request: Request) -> Response:
    state = state_of(request)
    try:
        _Gemini().authorize(state, request)
    except Refusal as refusal:
        return refusal.response
    rows = []
    for name, model in MODELS.items():
        if model.shutdown is None or state.today < model.shutdown:
            row: dict[str, Any] = {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}
            if model.shutdown is not None:
                row["modelStatus"] = {"modelStage": "DEPRECATED", "retirementTime": f"{model.shutdown}T00:00:00Z"}
            rows.append(row)
    return JSONResponse({"models": rows})


# The method's name follows the model's after a colon.
ROUTES = [
    Route("/v1beta/models", _models),
    Route("/v1beta/models/{model}:generateContent", _generate, methods=["POST"]),
]


class _Gemini:
    """See Api."""

    max_body_bytes = 20_000_000

    def authorize(self, state: State, request: Request) -> None:
        if "key" in request.query_params:  # The real API takes it there; Easel must not, since URLs are logged.
            raise Refusal(_error(400, "INVALID_ARGUMENT", "The simulator takes keys in the header only."))
        key = request.headers.get("x-goog-api-key", "")
        if not key:
            raise Refusal(_error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."))
        if not (key in state.keys if state.keys else key.startswith("AIza")):
            raise Refusal(_invalid_key())

    def model(self, request: Request) -> str:
        return str(request.path_params["model"])

    def take(self, state: State, request: Request, body: bytes) -> Sale:
        name = self.model(request)
        model = MODELS.get(name)
        if model is None or (model.shutdown and model.shutdown <= state.today and not state.settings.serve_retired):
            raise Refusal(_error(404, "NOT_FOUND", f"models/{name[:100]} is not found for API version v1beta."))
        try:
            wish = wish_of(name, _json(body))
        except Invalid as fault:
            raise Refusal(_error(400, "INVALID_ARGUMENT", str(fault))) from None
        return Sale(
            inputs=len(wish.images),
            draw=lambda: art.draw(_order(wish, wish.size), plain=state.settings.plain),
            charge=lambda kind: _tokens(wish, kind).charge(name),
            answer=lambda image, kind: json.dumps(_answer(wish, image, kind, plain=state.settings.plain)),
        )

    def refusal(self, fault: Fault, _: str) -> Response:
        match fault.kind:
            case "rate_limit":
                return _limited("GenerateRequestsPerMinutePerProjectPerModel", fault.retry_after)
            case "slow_down":
                return JSONResponse([_limit("GenerateRequestsPerMinutePerProjectPerModel", None)], 429)
            case "insufficient_quota":
                return _limited(_DAILY, 58)
            case "billing_hard_limit":
                return _error(400, "FAILED_PRECONDITION", "Please enable billing on your project in Google AI Studio.")
            case "moderation_blocked":
                return JSONResponse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "x"})
            case "unauthorized":
                return _invalid_key()
            case "unverified":
                return _error(403, "PERMISSION_DENIED", "Your project has been denied access.")
            case "overloaded":
                return _error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
            case "gateway_timeout":
                return _error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
            case "bad_gateway":
                return HTMLResponse(KINDS[fault.kind].page or "", 502)
        return self.failure()

    def failure(self) -> Response:
        return _error(500, "INTERNAL", "An internal error has occurred. Please retry or report.")

    def too_large(self) -> Response:
        return _error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Invalid("Invalid JSON payload received.") from None


def _tokens(wish: Wish, kind: str | None) -> Any:
    return tokens_of_refusal(wish) if kind in _UNBILLED else tokens_of(wish)


def _answer(wish: Wish, image: bytes, kind: str | None, *, plain: bool) -> dict[str, Any]:
    reason, parts = "STOP", _parts(wish, image, kind, plain=plain)
    if kind in ("refused_image", "no_image"):
        reason, parts = ("IMAGE_SAFETY" if kind == "refused_image" else "NO_IMAGE"), []
    candidate: dict[str, Any] = {"index": 0, "finishReason": reason}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": wish.model, "responseId": secrets.token_hex(8)}
    if kind != "no_usage":
        answer["usageMetadata"] = _tokens(wish, kind).body()
    return answer


def _parts(wish: Wish, image: bytes, kind: str | None, *, plain: bool) -> list[dict[str, Any]]:
    """The drafts, which are smaller, then the picture. What is marked as a thought differs, as in life."""
    if kind in ("text_only", "empty_data"):
        return [{"text": "I can describe it, but I will not draw it."}] if kind == "text_only" else []
    data = NOT_BASE64 if kind == "bad_base64" else base64.b64encode(image).decode()
    mime = "image/png" if MODELS[wish.model].png else "image/jpeg"
    picture = {"inlineData": {"mimeType": mime, "data": data}, "thoughtSignature": secrets.token_urlsafe(48)}
    if not wish.thinks:
        return [picture]
    small = (wish.size[0] // 4 or 1, wish.size[1] // 4 or 1)
    draft = base64.b64encode(art.draw(_order(wish, small), plain=plain)).decode()
    inline = {"inlineData": {"mimeType": mime, "data": draft}}
    match len(wish.prompt) % 3:
        case 0:
            return [{"thought": True, "text": "A composition."}, {"thought": True, **inline}, picture]
        case 1:
            return [inline, picture]
    return [{"thought": True, **picture}]


def _order(wish: Wish, size: tuple[int, int]) -> Order:
    """What the artist of the simulator needs to know."""
    return Order(
        endpoint="edits" if wish.images else "generations",
        model=wish.model,
        family=VERSIONS["gpt-image-2"][1],
        prompt=wish.prompt,
        size=f"{size[0]}x{size[1]}",
        quality="low",
        output_format="png" if MODELS[wish.model].png else "jpeg",
        inputs=wish.images,
    )


def _error(status: int, name: str, message: str, details: list[dict[str, Any]] | None = None) -> JSONResponse:
    return JSONResponse(_error_body(status, name, message, details), status)


def _error_body(status: int, name: str, message: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    return {"error": error | ({"details": details} if details else {})}


def _invalid_key() -> Response:
    info = {"@type": f"{_RPC}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return _error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [info])


def _limited(quota: str, retry_after: float | None) -> JSONResponse:
    return JSONResponse(_limit(quota, retry_after), 429)


def _limit(quota: str, retry_after: float | None) -> dict[str, Any]:
    details: list[dict[str, Any]] = [{"@type": f"{_RPC}.QuotaFailure", "violations": [{"quotaId": quota}]}]
    if retry_after is not None:
        details.append({"@type": f"{_RPC}.RetryInfo", "retryDelay": f"{retry_after}s"})
    return _error_body(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", details)
