"""A TLS server on an address of its own, with a certificate that only these tests trust."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from local import certificate

# Loopback, but not where anything else of this machine listens.
SERVER_ADDRESS = "127.0.0.2"
SERVER_NAME = "images.test"

Reply = Callable[[socket.socket], None]


@dataclass
class Server:
    """Answers with the page of the path, if it has one, else with the next of `replies`; keeps what it was asked."""

    port: int
    pages: dict[str, bytes] = field(default_factory=dict)
    replies: list[bytes | Reply] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{SERVER_NAME}:{self.port}"


def make_certificate(folder: Path) -> Path:
    """A certificate for the server, with its key, as one PEM file."""
    return certificate.make_certificate(folder / "server.pem", names=[SERVER_NAME], addresses=[SERVER_ADDRESS])


@contextmanager
def serving(pem: Path) -> Iterator[Server]:
    """The server, which shows this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    with socket.create_server((SERVER_ADDRESS, 0)) as listener:
        server = Server(listener.getsockname()[1])
        context.sni_callback = lambda _socket, name, _context: server.names.append(name)
        thread = threading.Thread(target=_serve, args=(listener, context, server))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, server: Server) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            request = b""
            while b"\r\n\r\n" not in request and (more := connection.recv(4096)):
                request += more
            head, _, body = request.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            while length and len(body) < int(length[1]) and (more := connection.recv(4096)):
                body += more
            server.requests.append(request.decode())
            server.bodies.append(body)
            path = head.decode().partition(" ")[2].partition(" ")[0]
            reply = server.pages.get(path) or server.replies.pop(0)
            if isinstance(reply, bytes):
                connection.sendall(reply)
            else:
                reply(connection)
