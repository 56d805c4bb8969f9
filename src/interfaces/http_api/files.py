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

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

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
# RapiDoc writes its styles into the page.
_WITH_OWN_STYLES = ("docs.html",)
_FOREVER = "public, max-age=31536000, immutable"
_FOR_A_WHILE = "public, max-age=300"


@routes.get("/")
def root() -> Response[str]:
    """The base URL itself leads to the description of this API."""
    return _redirect("docs")


@routes.get("/openapi.json")
def description() -> Response[str]:
    """The description of this API, as an OpenAPI document."""
    return _answer("openapi.json")


@routes.get("/docs")
def docs() -> Response[str]:
    """The description of this API, as a page that can be searched, and where each call can be tried."""
    if Call(routes.current_event).sent_path.endswith("/"):
        return _redirect("docs")  # else its links would lead elsewhere
    return _answer("docs.html")


@routes.get("/docs/<file>")
def docs_file(file: str) -> Response[str]:
    """What the page of GET /docs consists of."""
    return _answer(f"docs/{file}")


@routes.get("/playground")
def playground() -> Response[str]:
    """The page to make images with, which takes a key or a browser token, is in a folder of its own."""
    return _redirect("playground/index.html")


@routes.get("/playground/<file>")
def playground_file(file: str) -> Response[str]:
    """What the playground consists of."""
    return _answer(f"playground/{file}")


@routes.get("/easel.js")
def client() -> Response[str]:
    """The JavaScript client: one ES module, which a page imports from here."""
    return _answer("easel.js")


@routes.get("/easel.d.ts")
def client_types() -> Response[str]:
    """The types of the JavaScript client, for TypeScript."""
    return _answer("easel.d.ts")


def _redirect(path: str) -> Response[str]:
    return redirect(f"{Call(routes.current_event).base_url(services())}/{path}")


def _page_headers(name: str) -> dict[str, str]:
    """A page can load and call only this deployment and its bucket."""
    bucket = services().image_links.origin
    styles = "'self' 'unsafe-inline'" if name in _WITH_OWN_STYLES else "'self'"
    policy = (
        f"default-src 'none'; script-src 'self'; style-src {styles}; "
        f"img-src 'self' data: blob: {bucket}; connect-src 'self' {bucket}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}


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
    if name.endswith(".html"):
        headers |= _page_headers(name)
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
