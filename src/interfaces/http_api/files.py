"""Pages and other files for anybody, with or without a key. `make build` packs them compressed: see local/web.py.

All are text: API Gateway would hand bytes only to clients whose Accept header names one of its BinaryMediaTypes, and
base64 to the others.
"""

import base64
import gzip
import hashlib
import re
from functools import cache
from pathlib import Path, PurePath

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import services
from core.errors import NotFound
from interfaces.http_api.call import Call, redirect

routes = Router()

# NAME.gz for each file; a name is a path below the base URL.
FOLDER = Path(__file__).with_name("web")
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
# A file whose name has a version never changes; the others may with the next deployment.
_VERSIONED = re.compile(r"-\d+\.\d+\.\d+\.")
_FOREVER = "public, max-age=31536000, immutable"
_FOR_A_WHILE = "public, max-age=300"


@routes.get("/")
def root() -> Response[str]:
    """The base URL itself leads to the description of this API."""
    call = Call(routes.current_event)
    if call.on_function_url and call.sent_path == "/":
        return redirect("v1/docs")
    return redirect("docs" if call.sent_path.endswith("/") else f"{PurePath(call.sent_path).name}/docs")


@routes.get("/openapi.json")
def description() -> Response[str]:
    """The description of this API, as an OpenAPI document."""
    return _answer("openapi.json")


@routes.get("/docs")
def docs() -> Response[str]:
    """The description of this API, as a page that can be searched, and where each call can be tried."""
    if Call(routes.current_event).sent_path.endswith("/"):
        return redirect("../docs")
    return _page("docs")


@routes.get("/docs/<file>")
def docs_file(file: str) -> Response[str]:
    """What the page of GET /docs consists of."""
    return _answer(f"docs/{file}")


@routes.get("/playground")
def playground() -> Response[str]:
    """A page to make images with, with a key or a browser token."""
    if not Call(routes.current_event).sent_path.endswith("/"):
        return redirect("playground/")
    return _page("playground")


@routes.get("/playground/<file>")
def playground_file(file: str) -> Response[str]:
    """What the page of GET /playground consists of."""
    return _answer(f"playground/{file}")


@routes.get("/easel.js")
def client() -> Response[str]:
    """The JavaScript client: one ES module, which a page imports from here."""
    return _answer("easel.js")


@routes.get("/easel.d.ts")
def client_types() -> Response[str]:
    """The types of the JavaScript client, for TypeScript."""
    return _answer("easel.d.ts")


def _page(folder: str) -> Response[str]:
    """The page of a folder. It can load and call only this deployment and its bucket."""
    bucket = services().image_links.origin
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
        f"img-src 'self' data: blob: {bucket}; connect-src 'self' {bucket}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response = _answer(f"{folder}/index.html")
    response.headers |= {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return response


def _answer(name: str) -> Response[str]:
    """A file, compressed for clients that accept it.

    API Gateway compresses by itself (MinimumCompressionSize).

    Raises:
        NotFound: there is no such file.
    """
    if name not in _names():
        raise NotFound(f"There is no file '{name[:100]}'.")
    call = Call(routes.current_event)
    packed, etag = _packed(name)
    content_type = CONTENT_TYPES[PurePath(name).suffix]
    caching = _FOREVER if _VERSIONED.search(name) else _FOR_A_WHILE
    headers = {"Cache-Control": caching, "ETag": etag, "Vary": "Accept-Encoding"}
    if call.has_version(etag):
        return Response(304, content_type, "", headers=headers)
    if call.on_function_url and call.accepts_gzip:
        response = Response(200, content_type, base64.b64encode(packed).decode(), headers=headers)
        response.headers["Content-Encoding"] = "gzip"
        response.base64_encoded = True
        return response
    return Response(200, content_type, gzip.decompress(packed).decode(), headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(FOLDER).as_posix().removesuffix(".gz") for path in FOLDER.rglob("*.gz"))


@cache
def _packed(name: str) -> tuple[bytes, str]:
    """A file compressed, and its ETag."""
    packed = (FOLDER / f"{name}.gz").read_bytes()
    return packed, f'W/"{hashlib.sha256(packed).hexdigest()[:32]}"'
