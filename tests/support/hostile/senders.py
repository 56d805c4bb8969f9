"""How hostile requests are sent: through both gateways, to the MCP server, and into the inbox."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from cli import drops, keys
from core.logs import core_logger, logger
from handlers import api, direct, mcp
from tests.support.hostile.requests import Drop, HttpRequest, McpRequest, Request
from tests.support.world import World, aws
from tests.support.world.invocations import Context, sample_event

Gateway = str
GATEWAYS: tuple[Gateway, ...] = ("api", "direct")
# JSON-RPC's code for a fault of the server.
_INTERNAL_ERROR = -32603


class Senders:
    """Sends requests to a world, as the holder of a key that owns everything in the inbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key, caller = keys.create(world.stack, "attacker", None, [], [])
        drops.map_prefix(world.stack, "team", caller.id)

    def http(self, request: HttpRequest, gateway: Gateway) -> dict[str, Any]:
        """The answer to a request of the HTTP API, as it leaves the handler."""
        return _handler(gateway)(self._http_event(request, gateway), Context())

    def prepared(self, request: Request, gateway: Gateway = "api") -> Callable[[], str | None]:
        """The call that sends the request, and says what is wrong with the answer; None if nothing is.

        What exists before the call, such as its event and the objects of the inbox, is made now.
        """
        match request:
            case HttpRequest():
                event = self._http_event(request, gateway)
                return lambda: _http_fault(_handler(gateway)(event, Context()))
            case McpRequest():
                event = self._mcp_event(request)
                return lambda: _mcp_fault(mcp.handler(event, Context()))
            case Drop():
                self._empty_inbox()
                for key, make in request.beside.items():
                    self._world.inbox.put(key, make())
                event = self._world.inbox.put(request.key, request.data(), **dict(request.metadata))
                return lambda: "it is delivered again" if self._world.inbox.deliver(event) else None

    def _http_event(self, request: HttpRequest, gateway: Gateway) -> dict[str, Any]:
        event = sample_event(gateway)
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._key}", **request.headers}
        body = request.body() if request.body else None
        event |= {
            "headers": headers,
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": isinstance(body, bytes),
            "queryStringParameters": dict(request.query) or None,
        }
        now = int(time.time() * 1000)
        if gateway == "api":
            event |= {"httpMethod": request.method, "path": request.path}
            event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
            event["requestContext"] |= {"path": f"/v1{request.path}", "requestTimeEpoch": now}
        else:
            query = urlencode(request.query, errors="surrogatepass")
            event |= {"rawPath": f"/v1{request.path}", "rawQueryString": query}
            event["requestContext"] |= {"timeEpoch": now}
            event["requestContext"]["http"] |= {"method": request.method, "path": f"/v1{request.path}"}
        return event

    def _mcp_event(self, request: McpRequest) -> dict[str, Any]:
        event = sample_event("mcp")
        headers = event["headers"] | {"authorization": f"Bearer {self._key}"} | dict(request.headers)
        event["headers"] = {name: value for name, value in headers.items() if value is not None}
        event["body"] = request.body()
        event["requestContext"]["timeEpoch"] = int(time.time() * 1000)
        return event

    def _empty_inbox(self) -> None:
        found = aws.s3().list_objects_v2(Bucket="inbox").get("Contents", [])
        for each in found:
            aws.s3().delete_object(Bucket="inbox", Key=each["Key"])


def _handler(gateway: Gateway) -> Callable[[Any, Any], dict[str, Any]]:
    return api.handler if gateway == "api" else direct.handler


def _http_fault(answer: dict[str, Any]) -> str | None:
    json.dumps(answer).encode()  # as Lambda does
    status = answer["statusCode"]
    return f"{status}: {answer.get('body')}"[:300] if status >= 500 else None


def _mcp_fault(answer: dict[str, Any]) -> str | None:
    json.dumps(answer).encode()
    status, text = answer["statusCode"], answer.get("body") or ""
    if status >= 500 or f'"code":{_INTERNAL_ERROR}' in text.replace(" ", "") or "internal_error" in text:
        return f"{status}: {text}"[:300]
    return None


def be_quiet() -> None:
    """Keep the functions' logs out of the report."""
    logger.setLevel("CRITICAL")
    core_logger.setLevel("CRITICAL")
