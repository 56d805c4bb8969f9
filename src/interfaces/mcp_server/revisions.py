"""The revisions of the protocol, so that no client is sent a word that is younger than the revision it speaks.

The SDK knows two shapes, that of 2025-11-25 and that of 2026-07-28. What 2025-11-25 has and the revisions before it do
not is taken out here, after the SDK has built an answer. Source: schema.ts of each revision in the specification.
"""

from collections.abc import Mapping
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from interfaces.mcp_server.session import current

# A client sends the revision in a header since 2025-06-18. One without it speaks 2025-03-26 or 2024-11-05; the server
# is stateless and does not remember which, so the client is sent what both know.
UNSTATED = "2024-11-05"

PROGRESS_MESSAGE = "2025-03-26"

_FIELDS_SINCE = {
    "completions": "2025-03-26",
    "title": "2025-06-18",
    "outputSchema": "2025-06-18",
    "structuredContent": "2025-06-18",
    "_meta": "2025-06-18",  # of anything but a whole result
    "icons": "2025-11-25",
}
_TOOL_FIELDS_SINCE = {"annotations": "2025-03-26"}
_BLOCKS_SINCE = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
# What an application defines; nothing in it is the protocol's.
_FOREIGN = ("inputSchema", "outputSchema", "structuredContent", "_meta")


def stated(headers: Mapping[str, str]) -> str:
    """The revision that a request's headers name, or what to assume without one."""
    return headers.get("mcp-protocol-version") or UNSTATED


async def no_younger_than_spoken(ctx: ServerRequestContext, call_next: CallNext) -> HandlerResult:
    """Middleware of the SDK: the result of a request, in the words of the client's revision."""
    result = await call_next(ctx)
    if not isinstance(result, dict):
        return result
    return in_revision(result, result.get("protocolVersion") or current().revision)


def in_revision(result: dict[str, Any], revision: str) -> dict[str, Any]:
    """A result without the fields and content blocks that the revision does not have."""
    known: dict[str, Any] = _known(result, revision)
    return known | {"_meta": result["_meta"]} if "_meta" in result else known


def _known(value: Any, revision: str) -> Any:
    match value:
        case list():
            return [_known(item, revision) for item in value if _block_since(item) <= revision]
        case dict():
            since = _FIELDS_SINCE | (_TOOL_FIELDS_SINCE if "inputSchema" in value else {})
            return {
                name: item if name in _FOREIGN else _known(item, revision)
                for name, item in value.items()
                if since.get(name, "") <= revision
            }
    return value


def _block_since(item: Any) -> str:
    return _BLOCKS_SINCE.get(str(item.get("type")), "") if isinstance(item, dict) else ""
