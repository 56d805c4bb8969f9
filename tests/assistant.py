"""The official Python client of MCP, as an assistant's host uses it, on the deployed stack."""

from collections.abc import Callable, Coroutine
from typing import Any, Literal

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

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
