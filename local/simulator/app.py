"""The ASGI application: its routes, its error answers, and the headers of every answer."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.simulator import bedrock, calls, control, errors, gemini, self_hosted
from local.simulator.calls import api_key, error_response, state_of
from local.simulator.catalog import VERSIONS, Version
from local.simulator.errors import ApiError
from local.simulator.state import Settings, State


def build_app(settings: Settings) -> Starlette:
    """The simulator as an ASGI application with a state of its own."""
    app = Starlette(
        routes=[
            Route("/v1/images/generations", calls.generations, methods=["POST"]),
            Route("/v1/images/edits", calls.edits, methods=["POST"]),
            # Azure serves the same API under this path.
            Route("/openai/v1/images/generations", calls.generations, methods=["POST"]),
            Route("/openai/v1/images/edits", calls.edits, methods=["POST"]),
            Route("/v1/images/variations", calls.variations, methods=["POST"]),
            Route("/v1/models", _models),
            Route("/openai/v1/models", _models),
            Route("/v1/models/{id}", _model),
            *gemini.ROUTES,
            *bedrock.ROUTES,
            *self_hosted.ROUTES,
            Route("/files/{name}", _file, name="file"),
            Route("/health", _health),
            *control.ROUTES,
        ],
        exception_handlers={HTTPException: _http_error, ApiError: _api_error},
        middleware=[Middleware(_ProviderHeaders)],
    )
    app.state.simulator = State(settings)
    return app


async def _models(request: Request) -> Response:
    state = state_of(request)
    state.authorize(api_key(request))
    served = [_model_body(version) for version, _ in VERSIONS.values() if state.serves(version)]
    return JSONResponse({"object": "list", "data": served})


async def _model(request: Request) -> Response:
    state = state_of(request)
    state.authorize(api_key(request))
    name = request.path_params["id"]
    version, _ = VERSIONS.get(name, (None, None))
    if version is None or not state.serves(version):
        raise errors.model_not_found(name[:100], retired=version is not None)
    return JSONResponse(_model_body(version))


def _model_body(version: Version) -> dict[str, Any]:
    created = datetime(version.created.year, version.created.month, version.created.day, tzinfo=UTC)
    body: dict[str, Any] = {
        "id": version.name,
        "object": "model",
        "created": int(created.timestamp()),
        "owned_by": "system",
    }
    if version.shutdown is not None:
        body["shutdown_date"] = version.shutdown.isoformat()
    return body


async def _file(request: Request) -> Response:
    data = state_of(request).published(request.path_params["name"])
    if data is None:
        raise ApiError(404, "The file was not found or has expired.")
    return Response(data, media_type="image/png")


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _api_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    call = f"({request.method} {request.url.path})"
    message = f"Not allowed {call}" if error.status_code == 405 else f"Invalid URL {call}"
    return error_response(ApiError(error.status_code, message))


class _ProviderHeaders:
    """Adds the headers with which the provider identifies and times an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
                headers["openai-processing-ms"] = str(round((time.monotonic() - started) * 1000))
                headers["openai-version"] = "2020-10-01"
                headers["openai-organization"] = "simulated"
            await send(message)

        await self._app(scope, receive, send_with_headers)
