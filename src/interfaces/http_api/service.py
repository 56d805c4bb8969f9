"""Routes about the deployment itself; they need no key."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import services
from core import __version__
from interfaces.http_api.call import answer

if TYPE_CHECKING:
    from core.responses import schemas

routes = Router()

# `make openapi` writes openapi.json, and `make build` puts docs.html beside it.
_FILES = Path(__file__).parent
_CACHE = {"Cache-Control": "public, max-age=300"}
# The page is static: no scripts, nothing from other origins.
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@routes.get("/health")
def health() -> Response[str]:
    """Whether the deployment can answer, its version and its models."""
    models = services().catalog.live_models(datetime.now(UTC).date())
    document: schemas.Health = {"status": "ok", "version": __version__, "models": models}
    return answer(200, document)


@routes.get("/openapi.json")
def description() -> Response[str]:
    """The description of this API, as an OpenAPI document."""
    return Response(200, "application/json", (_FILES / "openapi.json").read_text(), headers={**_CACHE})


@routes.get("/docs")
def page() -> Response[str]:
    """The description of this API, as one page that loads nothing else."""
    headers = {**_CACHE, "Content-Security-Policy": _PAGE_POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(200, "text/html; charset=utf-8", (_FILES / "docs.html").read_text(), headers=headers)


@routes.route(".+", method="OPTIONS")
def preflight() -> Response[str]:
    """A browser's preflight request; the headers that answer it are on every response."""
    return Response(204, body="")
