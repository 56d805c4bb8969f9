"""A proxy that cuts lines on which nothing was sent for a while, as many between a client and the internet do."""

import contextlib
import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_BLOCK_BYTES = 64 * 1024


@contextlib.contextmanager
def idle_proxy(base_url: str, idle_seconds: float) -> Iterator[str]:
    """Another address of what is at that URL, as long as the block lasts."""
    target = urlsplit(base_url)
    address = (target.hostname or "", target.port or 80)

    class Line(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            with socket.create_connection(address) as server, selectors.DefaultSelector() as ready:
                ready.register(client, selectors.EVENT_READ, server)
                ready.register(server, selectors.EVENT_READ, client)
                while some := ready.select(idle_seconds):
                    for key, _ in some:
                        source = key.fileobj
                        assert isinstance(source, socket.socket)
                        if not (block := source.recv(_BLOCK_BYTES)):
                            return
                        key.data.sendall(block)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}{target.path}"
        finally:
            proxy.shutdown()
