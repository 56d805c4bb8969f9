"""The least that fetching images and storing them can cost: raw sockets, base64 by SIMD, and nothing else."""

import os
import socket
import ssl
from urllib.parse import urlsplit

import pybase64

_START = b'"b64_json": "'
_PIECE = 256 * 1024
_connections = {}


def data_path(event, context):
    """Buy, and store each image once it is there."""
    images = event["order"]["n"]
    provider, s3 = _connection(os.environ["NAIVE_PROVIDER"]), _connection(os.environ["AWS_ENDPOINT_URL_S3"])
    body = ('{"prompt": "%s", "n": %d}' % (event["order"]["prompt"], images)).encode()
    provider.sendall(b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    received = bytearray()
    for _ in range(images):
        start = _receive_until(provider, received, _START, 0) + len(_START)
        end = _receive_until(provider, received, b'"', start)
        with memoryview(received) as view, view[start:end] as text:
            image = pybase64.b64decode(text)
        del received[:end]
        s3.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(image))
        s3.sendall(image)
        s3.recv(_PIECE)
    _receive_until(provider, received, b"]}", 0)
    return {"stored": images}


def _receive_until(connection, received, mark, start):
    """Receive until the mark is there, at or behind `start`; returns its place."""
    while (place := received.find(mark, start)) < 0:
        start = max(start, len(received) - len(mark))
        received += connection.recv(_PIECE)
    return place


def _connection(url):
    """The connection to a host, which stays open."""
    address = urlsplit(url)
    if url not in _connections:
        context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
        plain = socket.create_connection((address.hostname, address.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _connections[url] = context.wrap_socket(plain, server_hostname=address.hostname)
    return _connections[url]
