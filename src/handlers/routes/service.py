"""Routes about this deployment itself; they need no key."""

from datetime import UTC, datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.doors import doors
from handlers import http

routes = Router()


@routes.get("/health")
def health() -> Response[str]:
    """Whether this deployment can answer."""
    return http.answer(200, {"status": "ok", "models": doors().catalog.live_models(datetime.now(UTC).date())})


@routes.route(".+", method="OPTIONS")
def preflight() -> Response[str]:
    """A browser's question before the real request; the headers that answer it are on every answer."""
    return Response(204, body="")
