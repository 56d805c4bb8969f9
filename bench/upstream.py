"""The other ends of the wire, each in a process of its own: python -m bench.upstream KIND PORT_FILE [OPTIONS]

* `provider` answers as OpenAI's Images API does, with images of random bytes behind a PNG's header. The prompt says
  how: "size=3000000 delay=5 rate=75e6" are bytes of an image, seconds before the answer, and bytes a second.
* `s3` takes every PUT, after --delay seconds and at --rate bytes a second.
* `tls` forwards each connection to --to, as what terminates TLS in front of AWS does.

With --certificate, they speak TLS. They stay small, so that what is measured is the client.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_PIECE = 256 * 1024
_USAGE = {
    "total_tokens": 1070,
    "input_tokens": 14,
    "output_tokens": 1056,
    "input_tokens_details": {"text_tokens": 14, "image_tokens": 0},
}


@cache
def _image(size: int) -> bytes:
    """The start of a PNG of 1024 x 1024 pixels, filled up with random bytes; as base64."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 1024, 1024, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return base64.b64encode(start + os.urandom(size - len(start)))


@cache
def _answer(images: int, size: int) -> bytes:
    """An ImagesResponse."""
    rows = b", ".join(b'{"b64_json": "%s"}' % _image(size) for _ in range(images))
    start = json.dumps({"created": 1, "size": "1024x1024", "quality": "low", "output_format": "png", "usage": _USAGE})
    return start[:-1].encode() + b', "data": [' + rows + b"]}"


class Connection:
    """Serves one connection: request by request, until the client closes it."""

    def __init__(self, connection: socket.socket, kind: str, delay: float, rate: float) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb", buffering=_PIECE)
        self._kind, self._delay, self._rate = kind, delay, rate

    def serve(self) -> None:
        """Answer until the end."""
        while request := self._reader.readline():
            headers = {}
            while line := self._reader.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("expect"):
                self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self._body(headers)
            if self._kind == "s3":
                time.sleep(self._delay + (len(body) / self._rate if self._rate else 0))
                self._reply(b"", f'ETag: "{hashlib.md5(body[:64]).hexdigest()}"\r\n')
            elif request.startswith(b"GET"):
                self._reply(b'{"object": "list", "data": []}')
            else:
                self._sell(json.loads(body))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "content-length" in headers:
            return bytes(self._reader.read(int(headers["content-length"])))
        pieces = []
        while size := int(self._reader.readline().split(b";")[0] or b"0", 16):
            pieces.append(self._reader.read(size))
            self._reader.readline()
        while self._reader.readline().strip():  # trailers
            pass
        return b"".join(pieces)

    def _sell(self, order: Mapping[str, object]) -> None:
        said = dict(re.findall(r"(\w+)=(\S+)", str(order["prompt"])))
        body = _answer(int(str(order.get("n", 1))), int(said.get("size", 3_000_000)))
        time.sleep(float(said.get("delay", 0)))
        self._reply(body, rate=float(said.get("rate", 0)))

    def _reply(self, body: bytes, headers: str = "", rate: float = 0) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._connection.sendall(head.encode())
        started = time.monotonic()
        view = memoryview(body)
        for offset in range(0, len(body), _PIECE):
            if rate:
                time.sleep(max(0.0, started + offset / rate - time.monotonic()))
            self._connection.sendall(view[offset : offset + _PIECE])


def _serve(listener: socket.socket, context: ssl.SSLContext | None, kind: str, delay: float, rate: float) -> None:
    def run(plain: socket.socket) -> None:
        try:
            with context.wrap_socket(plain, server_side=True) if context else plain as connection:
                Connection(connection, kind, delay, rate).serve()
        except OSError:
            pass  # The client has gone.

    while True:
        plain, _ = listener.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=run, args=(plain,), daemon=True).start()


async def _forward(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))

    server = await asyncio.start_server(connected, sock=listener, ssl=context)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["provider", "s3", "tls"])
    parser.add_argument("port_file", type=Path)
    parser.add_argument("--certificate")
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--to", type=int, default=0)
    told = parser.parse_args()
    context = None
    if told.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(told.certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    told.port_file.write_text(str(listener.getsockname()[1]))
    if told.kind == "tls":
        if context is None:
            sys.exit("tls needs a certificate")
        asyncio.run(_forward(listener, context, told.to))
    else:
        _serve(listener, context, told.kind, told.delay, told.rate)


if __name__ == "__main__":
    main()
