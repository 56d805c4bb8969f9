"""Assistants on the deployed stack: through the official Python client of MCP, and by bare HTTP."""

from collections.abc import Callable, Coroutine
from typing import Any, Literal

import anyio
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support import wire

Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")  # 2026-07-28, and what came before it

# A laptop cloud on a busy machine takes its time; a call may wait 45 seconds for its pictures besides.
PATIENCE_SECONDS = 100


def use[Result](
    url: str, key: str, steps: Callable[[Client], Coroutine[Any, Any, Result]], era: Era = "auto"
) -> Result:
    """What the steps return that are done with a connected client."""

    async def run() -> Result:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE_SECONDS) as http,
            Client(streamable_http_client(url, http_client=http), mode=era) as client,
        ):
            return await steps(client)

    return anyio.run(run)


_META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def ask(url: str, key: str, method: str, name: str | None = None, /, **more: Any) -> httpx.Response:
    """A request of 2026-07-28 as it is on the wire; `params` and further `headers` may be given."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
        **({"Mcp-Name": name} if name else {}),
        **more.get("headers", {}),
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**more.get("params", {}), "_meta": _META}}
    return wire.post(url, json=body, headers=headers, timeout=PATIENCE_SECONDS)
