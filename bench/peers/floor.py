"""The least that fetching images and storing them can cost: raw sockets, base64 by SIMD, and nothing else."""

import json
import os
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import pybase64

_START = b'"b64_json": "'
_connections: dict[str, ssl.SSLSocket] = {}
_buffer = bytearray(8_000_000)  # more than the base64 of one image


def data_path(event: Any, context: object) -> Any:
    """Buy, and store each image once it is there."""
    images = event["order"]["n"]
    provider, s3 = _connection(os.environ["NAIVE_PROVIDER"]), _connection(os.environ["AWS_ENDPOINT_URL_S3"])
    body = ('{"prompt": "%s", "n": %d}' % (event["order"]["prompt"], images)).encode()
    provider.sendall(
        b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    filled = 0
    with memoryview(_buffer) as view:
        for _ in range(images):
            start, filled = _receive_until(provider, view, _START, 0, filled)
            start += len(_START)
            end, filled = _receive_until(provider, view, b'"', start, filled)
            image = pybase64.b64decode(view[start:end])
            _buffer[: filled - end] = view[end:filled].tobytes()
            filled -= end
            s3.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(image))
            s3.sendall(image)
            s3.recv(65536)
        _receive_until(provider, view, b"]}", 0, filled)
    return {"stored": images}


def _receive_until(
    connection: socket.socket, view: memoryview, mark: bytes, start: int, filled: int
) -> tuple[int, int]:
    """Receive until the mark is there, at or behind `start`; returns its place, and the end of what was received."""
    while (place := _buffer.find(mark, start, filled)) < 0:
        start = max(start, filled - len(mark))
        filled += connection.recv_into(view[filled:])
    return place, filled


def _connection(url: str) -> ssl.SSLSocket:
    """The connection to a host, which stays open."""
    address = urlsplit(url)
    if url not in _connections:
        context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
        plain = socket.create_connection((address.hostname, address.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _connections[url] = context.wrap_socket(plain, server_hostname=address.hostname)
    return _connections[url]
