"""The route, the answers and the errors, as botocore's client of bedrock-runtime calls and reads them."""

import base64
import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.simulator.answers import NOT_BASE64
from local.simulator.bedrock.drawing import draw
from local.simulator.bedrock.models import MODELS
from local.simulator.bedrock.rules import Invalid, wish_of
from local.simulator.faults import KINDS, Fault
from local.simulator.sales import Refusal, Sale, sell
from local.simulator.state import State

_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/[0-9]{8}/([a-z0-9-]+)/bedrock/aws4_request, ")
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_UNCHARGED = {"refused_image": "Filter reason: output image", "no_image": "Inference error"}


async def _invoke(request: Request) -> Response:
    return await sell(request, _Bedrock())


ROUTES = [Route("/model/{model}/invoke", _invoke, methods=["POST"])]


class _Bedrock:
    """See Api."""

    max_body_bytes = 25_000_000

    def authorize(self, _: State, request: Request) -> None:
        signature = _SIGNATURE.match(request.headers.get("authorization", ""))
        if signature is None:
            raise Refusal(_error(403, "UnrecognizedClientException", "The request is not signed for bedrock."))
        name, region = self.model(request), signature[1]
        if name not in MODELS and f"us.{name}" in MODELS:
            raise Refusal(
                _error(
                    400,
                    "ValidationException",
                    f"Invocation of model ID {name} with on-demand throughput isn't supported. Retry your request with "
                    "the ID or ARN of an inference profile that contains this model.",
                )
            )
        if name not in MODELS:
            raise Refusal(_error(400, "ValidationException", "The provided model identifier is invalid."))
        if region not in MODELS[name].regions:
            raise Refusal(_error(404, "ResourceNotFoundException", "The model is not available in this region."))

    def model(self, request: Request) -> str:
        return str(request.path_params["model"])

    def take(self, state: State, request: Request, body: bytes) -> Sale:
        try:
            wish = wish_of(self.model(request), json.loads(body))
        except ValueError:
            raise Refusal(_error(400, "ValidationException", "Malformed input request: no JSON.")) from None
        except Invalid as fault:
            raise Refusal(_error(400, "ValidationException", str(fault))) from None
        image = draw(wish, plain=state.settings.plain)
        if len(image) * 4 // 3 > _MAX_ANSWER_BYTES:
            raise Refusal(_error(424, "ModelErrorException", "The response of the model is too large."))
        return Sale(
            inputs=len(wish.images),
            draw=lambda: image,
            charge=lambda kind: 0 if kind in _UNCHARGED else wish.model.micro_usd,
            answer=_answer,
        )

    def refusal(self, fault: Fault, _: str) -> Response:
        match fault.kind:
            case "rate_limit":
                return _error(429, "ThrottlingException", "Too many requests, please wait before trying again.")
            case "slow_down":
                return _error(429, "ModelNotReadyException", "The model is not ready for inference yet.")
            case "insufficient_quota":
                return _error(400, "ServiceQuotaExceededException", "The service quota is exceeded.")
            case "billing_hard_limit" | "unverified":
                return _error(403, "AccessDeniedException", "You don't have access to the model with this ID.")
            case "unauthorized":
                return _error(403, "UnrecognizedClientException", "The security token in the request is invalid.")
            case "moderation_blocked":
                return Response(_document([], "Filter reason: prompt"), media_type="application/json")
            case "overloaded":
                return _error(503, "ServiceUnavailableException", "Bedrock is unable to process your request.")
            case "gateway_timeout":
                return _error(408, "ModelTimeoutException", "The request took too long to process.")
            case "bad_gateway":
                return HTMLResponse(KINDS[fault.kind].page or "", 502)
        return self.failure()

    def failure(self) -> Response:
        return _error(500, "InternalServerException", "The system encountered an unexpected error.")

    def too_large(self) -> Response:
        return _error(400, "ValidationException", "The request body is too large.")


def _answer(image: bytes, kind: str | None) -> str:
    if reason := _UNCHARGED.get(kind or ""):
        return _document([], reason)
    if kind in ("empty_data", "text_only"):
        return _document([], None)
    return _document([NOT_BASE64 if kind == "bad_base64" else base64.b64encode(image).decode()], None)


def _document(images: list[str], reason: str | None) -> str:
    return json.dumps({"seeds": [2130420379], "finish_reasons": [reason], "images": images})


def _error(status: int, code: str, message: str) -> JSONResponse:
    headers = {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    body: dict[str, Any] = {"message": message}
    return JSONResponse(body, status, headers)
