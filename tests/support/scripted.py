"""An HTTP server whose answers a test writes beforehand: what a deployment says, and how connections break."""

import json
import mimetypes
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.chromium import running

WEB = Path(__file__).parents[2] / "web"


@dataclass(frozen=True)
class Reply:
    """An answer; without a status, the connection breaks instead."""

    status: int | None
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


BREAK = Reply(None)


@dataclass(frozen=True)
class Request:
    """What arrived."""

    route: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Script:
    """The answers to each route, such as "POST /jobs": one after the other, and the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._replies: dict[str, list[Reply]] = defaultdict(list)
        self._otherwise: list[Reply] = []

    def on(self, route: str, *replies: Reply) -> None:
        self._replies[route] = list(replies)

    def otherwise(self, reply: Reply) -> None:
        """Answer every other route with it."""
        self._otherwise = [reply]

    def next(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self._replies[request.route] or self._otherwise
        assert replies, f"unexpected: {request.route}"
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def sent(self, route: str) -> list[Request]:
        """The requests of a route, in their order."""
        return [request for request in self.requests if request.route == route]


@contextmanager
def scripted() -> Iterator[tuple[str, Script]]:
    """The server's origin, which also serves an empty page and the files of web/, and its script."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._send(
                    Reply(200), b'<!doctype html><title>A page</title><link rel="icon" href="data:,">', "text/html"
                )
            elif (file := WEB / self.path[1:]).is_file():
                self._send(Reply(200), file.read_bytes(), mimetypes.guess_type(file)[0] or "")
            else:
                self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = script.next(Request(f"{self.command} {self.path}", self.headers, body))
            if reply.status is not None:
                text = reply.document if isinstance(reply.document, str) else json.dumps(reply.document)
                self._send(reply, text.encode(), "application/json")

        def do_DELETE(self) -> None:
            self.do_POST()

        def _send(self, reply: Reply, content: bytes, content_type: str) -> None:
            self.send_response(reply.status or 200)
            for name, value in {"Content-Type": content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    with running(Handler) as origin:
        yield origin, script
