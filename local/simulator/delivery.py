"""Ways to send an answer, the broken ones included."""

import asyncio
import socket
import struct
from typing import override

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

TRANSPORT = "simulator.transport"


class Cut(Response):
    """Promises the whole body, sends half of it, and hangs up."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the half; returning early makes the server close the connection."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Reset(Response):
    """Closes the connection without a byte of answer."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the connection with a TCP reset and wait until it is gone."""
        transport: asyncio.Transport = scope[TRANSPORT]
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await receive()


async def client_waits(request: Request, seconds: float) -> bool:
    """Let that much time pass; False when the client left meanwhile. The body must have been read."""
    gone = asyncio.ensure_future(request.receive())
    await asyncio.wait({gone}, timeout=seconds)
    if gone.done():
        return False
    gone.cancel()
    return True
