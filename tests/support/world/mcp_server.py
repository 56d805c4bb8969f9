"""Calls of the MCP door: raw ones, and the official client's, each an event that the handler answers."""

import base64
import copy
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import anyio.to_thread
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from handlers import mcp
from tests.support.world.invocations import Context, sample_event

Era = Literal["auto", "legacy"]
Event = dict[str, Any]
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Raw:
    """An HTTP answer as it left the handler."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The message, which older revisions wrap in an event."""
        return json.loads(self.text.rpartition("data: ")[2] if self.text.startswith("event:") else self.text)

    @property
    def result(self) -> Any:
        return self.json()["result"]

    @property
    def said(self) -> str:
        """The text a model reads first."""
        return str(self.result["content"][0]["text"])

    @property
    def error(self) -> Any:
        """The error that a tool ran into."""
        assert self.result["isError"], self.text
        return json.loads(self.said)["error"]


@dataclass
class McpDoor:
    """The door, called with a key."""

    key: str
    seconds_ago: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str = "/mcp", body: str | None = None, **headers: str | None) -> Raw:
        """Any HTTP request; a header of None is left out."""
        event = copy.deepcopy(sample_event("mcp"))
        sent = event["headers"] | {"authorization": f"Bearer {self.key}"} | self.headers
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        event["headers"] = {name: value for name, value in sent.items() if value is not None}
        event["rawPath"] = path
        event["requestContext"]["http"] |= {"method": method, "path": path}
        event["requestContext"]["timeEpoch"] = int((time.time() - self.seconds_ago) * 1000)
        event["requestContext"]["requestId"] = f"request-{time.monotonic_ns()}"
        event["body"] = body
        answered = mcp.handler(event, Context())
        text = answered["body"]
        if answered.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        return Raw(answered["statusCode"], answered["headers"], text)

    def ask(
        self, method: str, about: str | None = None, /, headers: dict[str, Any] | None = None, **params: Any
    ) -> Raw:
        """A request of 2026-07-28."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        return self.send("POST", body=json.dumps(body), **{"mcp_method": method, "mcp_name": about} | (headers or {}))

    def ask_in(self, revision: str, method: str, /, **params: Any) -> Raw:
        """A request of any revision: its clients name it in a header since 2025-06-18, and in `_meta` since 2026."""
        if revision == "2026-07-28":
            return self.ask(method, params.get("name") or params.get("uri"), **params)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return self.send("POST", body=body, mcp_protocol_version=revision if revision >= "2025-06-18" else None)

    def call(self, tool: str, /, **arguments: Any) -> Raw:
        """tools/call of 2026-07-28."""
        return self.ask("tools/call", tool, name=tool, arguments=arguments)

    def through_client[Result](
        self, use: Callable[[Client], Coroutine[Any, Any, Result]], era: Era = "auto", **options: Any
    ) -> Result:
        """What the official client makes of it, in either era of the protocol; `options` are its own."""

        async def run() -> Result:
            async with (
                httpx2.AsyncClient(transport=_Handler(self), timeout=60) as http,
                Client(
                    streamable_http_client("https://easel.test/mcp", http_client=http), mode=era, **options
                ) as client,
            ):
                return await use(client)

        return anyio.run(run)

    def client_calls(self, tool: str, era: Era = "auto", /, **arguments: Any) -> CallToolResult:
        """One call of a tool by the official client, which holds the result against the tool's schema."""
        return self.through_client(lambda client: client.call_tool(tool, arguments), era)


class _Handler(httpx2.AsyncBaseTransport):
    """Hands the client's HTTP requests to the handler."""

    def __init__(self, door: McpDoor) -> None:
        self._door = door

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers: dict[str, str | None] = {"mcp-method": None, "mcp-name": None, "mcp-protocol-version": None}
        headers |= {name: value for name, value in request.headers.items() if name.startswith(("mcp-", "accept"))}
        body = (await request.aread()).decode()

        def answer() -> Raw:
            names = {name.replace("-", "_"): value for name, value in headers.items()}
            return self._door.send(request.method, request.url.path, body, **names)

        raw = await anyio.to_thread.run_sync(answer)
        return httpx2.Response(raw.status, headers=raw.headers, text=raw.text, request=request)
