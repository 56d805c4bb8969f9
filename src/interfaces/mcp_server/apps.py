"""The protocol's Apps extension: a host that declares it shows a purchase in Easel's viewer (revision 2026-01-26).

Such a host is given three things more than others: on the tools whose results the viewer shows, its address; the tool
that it calls; and the viewer itself, one HTML document that may load images of this deployment and nothing else. The
SDK's own `Apps` registers with its MCPServer, which Easel does not use.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import InitializeRequestParams, Resource, TextResourceContents
from mcp.types import Tool as Description

from composition.services import services
from interfaces.mcp_server.session import current
from interfaces.mcp_server.tools import FOR_VIEWER, TOOLS, Tool

IDENTIFIER = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
VIEWER_URI = "ui://easel/viewer.html"

# The first revision in which a tool has `_meta`, where it says that it is not for models.
_SINCE = "2025-06-18"
_SHOWN = ("generate_image", "edit_image", "get_image_job")
# Begins the session id of a host of the older revisions, which declares the extension once, in its handshake.
_SESSION = "apps-"
_SESSION_HEADER = "mcp-session-id"


def declared(context: ServerRequestContext) -> bool:
    """Whether the client is a host that shows apps: it says so in this request, or said so in its handshake."""
    able = context.session.client_capabilities
    if current().revision < _SINCE:
        return False
    return _shows(able.extensions) if able else current().protocol_session.startswith(_SESSION)


def _shows(extensions: Mapping[str, Any] | None) -> bool:
    types = ((extensions or {}).get(IDENTIFIER) or {}).get("mimeTypes")
    return isinstance(types, list) and MIME_TYPE in types


async def acknowledged(ctx: ServerRequestContext, call_next: CallNext) -> HandlerResult:
    """Middleware of the SDK: a host that declares the extension learns that the server has it.

    A host of the older revisions is given a session id, which says so again with each of its requests: the server
    itself remembers nothing. Whoever makes one up is shown what every host can see.
    """
    result = await call_next(ctx)
    match ctx.method, result:
        case "initialize", {"protocolVersion": str(revision)} if revision >= _SINCE:
            able = InitializeRequestParams.model_validate(ctx.params).capabilities
            if _shows(able.extensions):
                current().answer_headers[_SESSION_HEADER] = _SESSION + current().request_id
        case "server/discover", dict(discovered) if declared(ctx):
            discovered["capabilities"]["extensions"][IDENTIFIER] = {}
            discovered["cacheScope"] = "private"
    return result


def tools() -> list[Description]:
    """The tools as such a host sees them."""
    shown = {"ui": {"resourceUri": VIEWER_URI}}
    hidden = {"ui": {"visibility": ["app"]}}
    return [
        *(
            tool.description.model_copy(update={"meta": shown}) if tool.name in _SHOWN else tool.description
            for tool in TOOLS.values()
        ),
        FOR_VIEWER.description.model_copy(update={"meta": hidden, "title": None, "output_schema": None}),
    ]


def tool(name: str) -> Tool[Any] | None:
    """The tool that only such a host may call, if that is its name."""
    return FOR_VIEWER if name == FOR_VIEWER.name else None


def resource() -> Resource:
    """The viewer as such a host lists it."""
    return Resource(uri=VIEWER_URI, name="viewer", title="Easel's viewer", mime_type=MIME_TYPE, _meta=_meta())


def viewer() -> TextResourceContents:
    """The viewer itself, the same for every caller."""
    return TextResourceContents(uri=VIEWER_URI, mime_type=MIME_TYPE, text=_page(), _meta=_meta())


def _meta() -> dict[str, Any]:
    """What its frame may load: images from the bucket, and through the permalinks that lead there."""
    link = urlsplit(services().settings.public_url)
    origins = [services().image_links.origin, f"{link.scheme}://{link.netloc}"]
    return {"ui": {"csp": {"resourceDomains": origins}, "prefersBorder": True}}


@cache
def _page() -> str:
    return Path(__file__).with_name("viewer.html").read_text(encoding="utf-8")
