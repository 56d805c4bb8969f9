"""The internet of providers, played by one TLS server of this machine: what they were sent, and what they answer."""

import json as json_module
import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from urllib3.util import connection

from composition import process, worker
from local.certificate import make_certificate

HOSTS = [
    "api.atelier.example",
    "api.openai.com",
    "contoso.openai.azure.com",
    "files.test",
    "gemini.test",
    "images.studio.example.com",
    "llm.example.com",
    "provider.example",
    "provider.test",
    "studio.openai.azure.com",
]


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    url: str
    headers: Message
    content: bytes

    def json(self) -> Any:
        return json_module.loads(self.content)


@dataclass(frozen=True)
class Reply:
    """An answer. Several pieces are sent as chunks, after which it may be cut off, or never end."""

    status: int
    pieces: Sequence[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Literal["whole", "cut", "open"] = "whole"

    @classmethod
    def of(
        cls,
        status: int = 200,
        *,
        json: Any = None,
        text: str = "",
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> "Reply":
        """An ordinary answer, of JSON, text or bytes."""
        content = content or (text if json is None else json_module.dumps(json)).encode()
        return cls(status, [content], headers or {})

    def json(self) -> Any:
        return json_module.loads(b"".join(self.pieces))


# No connection is made; it is closed without an answer.
REFUSED, CLOSED = Reply(0, []), Reply(0, [])

Answer = Reply | Callable[[Request], Reply]


class Internet:
    """Answers by method and URL: with each reply in turn, and with the last one again and again."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._connect = connection.create_connection
        self.forget()

    def forget(self) -> None:
        """Nobody was asked, and nobody answers."""
        self.requests: list[Request] = []
        self.anybody: Callable[[Request], Reply] | None = None
        self._replies: dict[str, list[Answer]] = defaultdict(list)

    def on(self, method: str, url: str, *replies: Answer) -> None:
        self._replies[f"{method} {url}"] = list(replies)

    def post(self, url: str, *replies: Answer) -> None:
        self.on("POST", url, *replies)

    def get(self, url: str, *replies: Answer) -> None:
        self.on("GET", url, *replies)

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        found = self._next(f"{request.method} {request.url.partition('?')[0]}") or self.anybody
        assert found, f"unexpected: {request.method} {request.url}"
        return found if isinstance(found, Reply) else found(request)

    def connect(self, address: tuple[str, int], *more: Any, **options: Any) -> socket.socket:
        """Stands in for urllib3's: it leads to this server, unless who is called refuses."""
        host, _ = address
        if host in ("127.0.0.1", "localhost"):
            return self._connect(address, *more, **options)
        if host not in HOSTS:
            raise socket.gaierror(socket.EAI_NONAME, f"unknown: {host}")
        for route, replies in self._replies.items():
            if urlsplit(route.partition(" ")[2]).hostname == host and replies[0] is REFUSED:
                self._next(route)
                raise ConnectionRefusedError("refused")
        return self._connect(self._address, *more, **options)

    def _next(self, route: str) -> Answer | None:
        replies = self._replies.get(route)
        if not replies:
            return None
        return replies.pop(0) if len(replies) > 1 else replies[0]


@contextmanager
def _running(folder: Path) -> Iterator[tuple[Internet, Path]]:
    """The server, and the certificate that its clients have to trust."""
    certificate = make_certificate(folder / "internet.pem", names=HOSTS)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"https://{self.headers['Host']}{self.path}"
            self._send(played.answer(Request(self.command, url, self.headers, content)))

        do_GET = do_POST  # noqa: N815 # the name that http.server calls

        def _send(self, reply: Reply) -> None:
            self.close_connection = reply is CLOSED or reply.ending == "cut"
            if reply is CLOSED:
                return
            self.send_response(reply.status)
            whole = len(reply.pieces) == 1 and reply.ending == "whole"
            framing = ("Content-Length", str(len(reply.pieces[0]))) if whole else ("Transfer-Encoding", "chunked")
            for name, value in {**reply.headers, framing[0]: framing[1]}.items():
                self.send_header(name, value)
            self.end_headers()
            if whole:
                self.wfile.write(reply.pieces[0])
                return
            for piece in reply.pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if reply.ending == "whole":
                self.wfile.write(b"0\r\n\r\n")
            elif reply.ending == "open":
                self.rfile.read(1)  # until the client has had enough

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that leaves is no error."""

    with Server(("127.0.0.1", 0), Handler) as server:
        played = Internet(("127.0.0.1", server.server_port))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield played, certificate
        finally:
            server.shutdown()


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Internet, Path]]:
    with _running(tmp_path_factory.mktemp("internet")) as found:
        yield found


@pytest.fixture
def internet(_server: tuple[Internet, Path]) -> Iterator[Internet]:
    """Where connections to providers lead meanwhile; nobody answers yet."""
    server, certificate = _server
    server.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        patch.setattr(connection, "create_connection", server.connect)
        _forget_client()
        yield server
        _forget_client()


def _forget_client() -> None:
    """The functions' client is made again with the trust of the moment."""
    if worker.http_client.cache_info().currsize:
        worker.http_client().close()
    worker.http_client.cache_clear()
    process.restart()
