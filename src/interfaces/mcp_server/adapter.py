"""One Lambda invocation as one request to an MCP server: Function URL event in, Function URL response out.

The server lives as long as the process; its HTTP app and Mangum are made for each call, since the SDK's session manager
can run only once (reference: python-sdk#3121). Nothing is kept between calls, so any process can answer any of them.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from mangum import Mangum
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from core.errors import EaselError, MethodNotAllowed, NotFound
from core.responses.builders import error_document

PATH = "/mcp"
# A Function URL accepts 6 MB; the SDK answers a larger body than this with 413.
BODY_BYTES = 4 * 1024 * 1024

_REQUEST_HEADERS = (
    "authorization",
    "x-api-key",
    "content-type",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
)
_PREFLIGHT = {
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": ", ".join(_REQUEST_HEADERS),
    "access-control-max-age": "86400",
}

Event = dict[str, Any]
Answer = dict[str, Any]


class McpServer(Protocol):
    """What the adapter needs of an SDK server, low-level or MCPServer."""

    def streamable_http_app(
        self,
        *,
        stateless_http: bool,
        json_response: bool,
        max_request_body_size: int,
        transport_security: TransportSecuritySettings,
    ) -> Starlette:
        """The server as an ASGI app, good for one lifespan."""


def answered_without_server(event: Event, origins: Sequence[str]) -> Answer | None:
    """The answer to a request that does not reach the MCP server; None for one that does.

    A GET would open a stream that lasts until the function times out (python-sdk#2474), and a stateless server has
    nothing to DELETE.
    """
    method = event["requestContext"]["http"]["method"]
    if event["rawPath"] != PATH:
        return _refused(event, NotFound(f"The MCP server is at {PATH}."))
    if method == "OPTIONS" and shared_with(event, origins):
        return {"statusCode": 204, "headers": {**_PREFLIGHT}, "body": ""}
    if method != "POST":
        return _refused(event, MethodNotAllowed("This MCP server is stateless: it accepts only POST."))
    return None


def _refused(event: Event, error: EaselError) -> Answer:
    return {
        "statusCode": error.problem.status,
        "headers": {"content-type": "application/json", "allow": "POST"},
        "body": json.dumps(error_document(error, event["requestContext"]["requestId"])),
    }


def shared_with(event: Event, origins: Sequence[str]) -> dict[str, str]:
    """The headers that let a page from an allowed origin read the answer."""
    origin = event["headers"].get("origin", "")
    if origin not in origins:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "www-authenticate, mcp-protocol-version, mcp-session-id",
        "vary": "origin",
    }


def answer(server: McpServer, event: Event, context: Any, *, hosts: Sequence[str], origins: Sequence[str]) -> Answer:
    """The server's answer to a POST.

    Args:
        server: the server.
        event: a Function URL event, payload format 2.0.
        context: the invocation's context, which Powertools and Mangum type differently.
        hosts: host names it may be called by, besides the Function URL's own.
        origins: origins of the pages that may call it.
    """
    security = TransportSecuritySettings(
        allowed_hosts=[event["requestContext"]["domainName"], *hosts], allowed_origins=[*origins]
    )
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=False,  # so that progress can be reported
        max_request_body_size=BODY_BYTES,
        transport_security=security,
    )
    # Mangum uses its thread's event loop. One loop per call ends whatever a failed call left running.
    with asyncio.Runner() as runner:
        runner.get_loop()
        answered: Answer = Mangum(app)(event, context)
    if answered["statusCode"] == 400:
        answered["body"] = _without_inner_text(answered["body"])
        answered["headers"]["content-length"] = str(len(answered["body"].encode()))
    return answered


def _without_inner_text(body: str) -> str:
    """A refusal of the SDK without the text of its parser or of pydantic, which quotes what was sent."""
    for kind in ("Parse error", "Validation error"):
        body = re.sub(rf'"message":\s*"{kind}: (?:[^"\\]|\\.)*"', f'"message":"{kind}"', body)
    return body
