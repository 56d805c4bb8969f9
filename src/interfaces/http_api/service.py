"""Routes about the deployment itself; they need no key."""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import services
from core import __version__
from interfaces.http_api.call import Call, answer

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
    return _public("openapi.json", "application/json")


@routes.get("/docs")
def page() -> Response[str]:
    """The description of this API, as one page that loads nothing else."""
    return _public("docs.html", "text/html; charset=utf-8", {"Content-Security-Policy": _PAGE_POLICY})


@routes.route(".+", method="OPTIONS")
def preflight() -> Response[str]:
    """A browser's preflight request; the headers that answer it are on every response."""
    return Response(204, body="")


@dataclass(frozen=True)
class _File:
    """A file of this package, as it is served; `gzipped` is in base64."""

    text: str
    gzipped: str
    etag: str


@cache
def _file(name: str) -> _File:
    content = (_FILES / name).read_bytes()
    gzipped = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return _File(content.decode(), gzipped, f'W/"{hashlib.sha256(content).hexdigest()[:32]}"')


def _public(name: str, content_type: str, headers: Mapping[str, str] | None = None) -> Response[str]:
    """A file for anybody, compressed for clients that accept it.

    API Gateway compresses by itself (MinimumCompressionSize): it would pass on bytes only to clients whose Accept
    header names one of its BinaryMediaTypes, and hand the others the base64.
    """
    call = Call(routes.current_event)
    file = _file(name)
    headers = {**(headers or {}), **_CACHE, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if call.has_version(file.etag):
        return Response(304, content_type, "", headers=headers)
    if call.on_function_url and call.accepts_gzip:
        packed = Response(200, content_type, file.gzipped, headers={**headers, "Content-Encoding": "gzip"})
        packed.base64_encoded = True
        return packed
    return Response(200, content_type, file.text, headers=headers)
