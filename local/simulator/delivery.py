"""Responses that take their time or break off, and waiting for a client."""

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import override

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

TRANSPORT = "simulator.transport"


class Cut(Response):
    """Announces the whole body, sends half of it, or what is `kept`, and closes the connection."""

    kept: int | None = None

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a part; returning early makes the server close the connection."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        part = bytes(self.body)[: len(self.body) // 2 if self.kept is None else self.kept]
        await send({"type": "http.response.body", "body": part, "more_body": True})


class Events(Response):
    """Sends server-sent events, each after a pause in seconds; one that is `cut` closes the connection after the last.

    The body of the request must have been read before.
    """

    media_type = "text/event-stream"

    def __init__(self, events: Sequence[str], pause: float, *, cut: bool = False) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._events = events
        self._pause = pause
        self._cut = cut

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them as they come; returning early makes the server close the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for event in self._events:
            if self._pause and not await client_waits(Request(scope, receive), self._pause):
                return
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        if not self._cut:
            await send({"type": "http.response.body", "body": b""})


class Reset(Response):
    """Closes the connection without sending a byte."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the connection with a TCP reset, and wait until it is closed."""
        transport: asyncio.Transport = scope[TRANSPORT]
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await receive()


async def client_waits(request: Request, seconds: float) -> bool:
    """Wait; False if the client disconnected meanwhile. The body must have been read before."""
    disconnected = asyncio.ensure_future(request.receive())
    await asyncio.wait({disconnected}, timeout=seconds)
    if disconnected.done():
        return False
    disconnected.cancel()
    return True
