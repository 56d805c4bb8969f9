"""Routes about the deployment itself; they need no key."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core import __version__
from interfaces.http_api.call import answer

if TYPE_CHECKING:
    from core.responses import schemas

routes = Router()


@routes.get("/health")
def health() -> Response[str]:
    """Whether the deployment can answer, its version and its models."""
    models = services().catalog.live_models(datetime.now(UTC).date())
    document: schemas.Health = {"status": "ok", "version": __version__, "models": models}
    return answer(200, document)


@routes.route(".+", method="OPTIONS")
def preflight() -> Response[str]:
    """A browser's preflight request; the headers that answer it are on every response."""
    return Response(204, body="")
