"""What adapters of providers on the web share: connections, time limits, the key, and what errors of transport mean.

A request is sent once, and only to where it was addressed: nothing here repeats one or follows a redirect. What a
broken call means for the money depends only on when it breaks. Until a connection stands, TLS included, nothing was
sent, so nothing was bought; from then on the provider may have the request.
"""

import json
import logging
import os
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, InvalidHeader, LocationValueError
from urllib3.fields import RequestField
from urllib3.response import HTTPResponse
from urllib3.util import Url, parse_url

from core.providers import InDoubt, InputFile, ListUnavailable, NotBought, ProviderResult, Refused
from core.providers.api_key import ProviderKey
from core.providers.outcomes import problem, unreachable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 5.0
LIST_SECONDS = 20.0
# Servers, and what is in between, close idle connections, and a request that crosses with this would be in doubt.
IDLE_SECONDS = 5.0
_BLOCK_BYTES = 256 * 1024
_ERROR_BODY_LIMIT = 64 * 1024
# Source: RFC 9110, section 5.
_HEADER_NAME, _HEADER_VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t -~]*")
_BROKEN = (HTTPError, HTTPException, OSError)

# Networks drop connections that are silent, some after two minutes, and a purchase is silent until its images are made.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)  # Linux has all of them.
    ),
]
_SOCKET_OPTIONS = [*HTTPConnection.default_socket_options, *KEEP_ALIVE]


@dataclass(frozen=True)
class Body:
    """What is sent: its parts, and their length in bytes."""

    content_type: str
    length: int
    parts: Iterable[bytes]


def json_body(document: Any) -> Body:
    """A body of JSON."""
    text = json.dumps(document, separators=(",", ":")).encode()
    return Body("application/json", len(text), [text])


def form_body(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, InputFile]]) -> Body:
    """A form of fields and then files, each with its name. Files are read while they are sent, once."""
    boundary = secrets.token_hex(16)
    pieces: list[bytes | IO[bytes]] = []
    for name, text in fields:
        pieces += [_head(boundary, name), text.encode(), b"\r\n"]
    for name, each in files:
        pieces += [_head(boundary, name, each.filename, each.content_type), each.file, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    length = sum(len(piece) if isinstance(piece, bytes) else piece.seek(0, os.SEEK_END) for piece in pieces)

    def parts() -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            piece.seek(0)
            while block := piece.read(_BLOCK_BYTES):
                yield block

    return Body(f"multipart/form-data; boundary={boundary}", length, parts())


def _head(boundary: str, name: str, filename: str | None = None, content_type: str | None = None) -> bytes:
    part = RequestField(name, b"", filename)
    part.make_multipart(content_type=content_type)
    return f"--{boundary}\r\n{part.render_headers()}".encode()


class GetFailed(Exception):
    """Nothing could be read; the message says why. `status` is that of the answer, if there was one."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class _Request:
    method: str
    place: Url
    headers: Mapping[str, str]
    body: Body | None = None


class HttpClient:
    """Sends requests to providers, over a connection that was in use a moment ago or else a new one."""

    def __init__(self) -> None:
        self._trust = _trusted()
        self._idle: dict[tuple[str | None, ...], tuple[HTTPConnection, float]] = {}

    @contextmanager
    def post(self, url: str, headers: Mapping[str, str], body: Body, until: float) -> Iterator[HTTPResponse]:
        """The answer to a purchase, to be read inside; it is cut off at `until`, in seconds of the monotonic clock.

        Raises:
            NotBought: no connection could be made, so nothing was sent.
            Refused: the URL or a header cannot be used, so nothing was sent.
            InDoubt: the connection broke afterwards, or the time was up.
        """
        try:
            request = _request("POST", url, headers, body)
            connection = self._connected(request.place, until)
        except (LocationValueError, InvalidHeader) as error:
            message = "The provider's base URL, or a header such as its key, is not usable. Nothing was bought."
            raise Refused(problem(502, "provider_misconfigured", message), elsewhere=True) from error
        except _BROKEN as error:
            raise unreachable() from error
        try:
            with self._answer(connection, request, until) as answer:
                yield answer
        except _BROKEN as error:
            raise InDoubt("The connection to the provider broke after the request was sent.") from error

    def get(self, url: str, headers: Mapping[str, str], until: float) -> bytes:
        """The body of an answer with status 200 that comes before `until`.

        Raises:
            GetFailed: there is none.
        """
        try:
            request = _request("GET", url, headers)
            with self._answer(self._connected(request.place, until), request, until) as answer:
                if answer.status != 200:
                    raise GetFailed(f"HTTP {answer.status}", answer.status)
                return answer.read()
        except _BROKEN as error:
            raise GetFailed(type(error).__name__) from error

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            connection, _ = self._idle.popitem()[1]
            connection.close()

    def _connected(self, place: Url, until: float) -> HTTPConnection:
        """A connection that stands, over which nothing of the request was sent."""
        kept, last_used = self._idle.pop(_origin(place), (None, 0.0))
        if kept and kept.is_connected and time.monotonic() < last_used + IDLE_SECONDS:
            return kept
        if kept:
            kept.close()
        connection = self._unconnected(place)
        connection.timeout = min(CONNECT_TIMEOUT_SECONDS, _remaining(until))
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.auto_open = 0  # If it is lost in the middle of a request, no other may go on with the rest.
        return connection

    def _unconnected(self, place: Url) -> HTTPConnection:
        host = (place.host or "").strip("[]")
        if place.scheme == "http":
            return HTTPConnection(host, place.port, socket_options=_SOCKET_OPTIONS)
        return HTTPSConnection(host, place.port, socket_options=_SOCKET_OPTIONS, ssl_context=self._trust)

    @contextmanager
    def _answer(self, connection: HTTPConnection, request: _Request, until: float) -> Iterator[HTTPResponse]:
        """Send the request, and give its answer. The connection is kept if the answer was read to its end."""
        line, answer, complete = connection.sock, None, False
        connection.timeout = _remaining(until)
        try:
            with _cut_off_at(until, line):
                with suppress(ConnectionError):  # Who closes before everything is sent may have answered.
                    connection.request(
                        request.method,
                        request.place.request_uri,
                        request.body.parts if request.body else None,
                        request.headers,
                        preload_content=False,
                    )
                answer = connection.getresponse()
                yield answer
                complete = answer.isclosed() and connection.sock is line
        finally:
            if not complete:
                if answer:
                    answer.close()
                connection.close()
            elif self._idle.setdefault(_origin(request.place), (connection, time.monotonic()))[0] is not connection:
                connection.close()  # Another thread's is kept already.


def _request(method: str, url: str, headers: Mapping[str, str], body: Body | None = None) -> _Request:
    """Raises LocationValueError or InvalidHeader if it cannot be sent."""
    place = parse_url(url)
    if not place.host or place.scheme not in ("http", "https"):
        raise LocationValueError("neither http nor https")
    # Base64 of a compressed image hardly compresses; inflating it would only cost time.
    headers = {"User-Agent": "easel", "Accept-Encoding": "identity", **headers}
    if body:
        headers |= {"Content-Type": body.content_type, "Content-Length": str(body.length)}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidHeader(name)
    return _Request(method, place, headers, body)


def _origin(place: Url) -> tuple[str | None, ...]:
    return place.scheme, place.netloc


def _trusted() -> ssl.SSLContext:
    """Who is trusted: the authorities of SSL_CERT_FILE or SSL_CERT_DIR, else Mozilla's."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folder:
        file = certifi.where()
    return ssl.create_default_context(cafile=file or None, capath=folder or None)


def _remaining(until: float) -> float:
    return max(1.0, until - time.monotonic())


@contextmanager
def _cut_off_at(until: float, line: socket.socket) -> Iterator[None]:
    """Cut off a call that takes too long: a socket's time-out limits each read and write, not all of them together."""

    def cut() -> None:
        with suppress(OSError):
            # Not SSLSocket's own, which would have the reader take what is still encrypted for the answer.
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def chunks(answer: HTTPResponse) -> Iterator[bytes]:
    """The body of an answer, as it comes."""
    encoded = "content-encoding" in answer.headers  # though the request asked for what is not
    while chunk := answer.read1(_BLOCK_BYTES, decode_content=encoded):
        yield chunk


def error_document(answer: HTTPResponse) -> Any:
    """The JSON of an error answer; None if it is none, or is too long."""
    raw = bytearray()
    for chunk in chunks(answer):
        raw += chunk
        if len(raw) > _ERROR_BODY_LIMIT:
            return None
    try:
        return json.loads(raw)
    except ValueError:
        return None


def usable_base_url(url: str) -> str:
    """A provider's base URL, without a slash at its end. Raises ValueError unless it is https, or http to loopback."""
    parts = urlsplit(url)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost")):
        raise ValueError("must start with https:// (plain http only to loopback)")
    return url.rstrip("/")


class KeyRefused(Exception):
    """The provider refused the key, so nothing was bought."""

    def __init__(self) -> None:
        super().__init__("the provider refused the key")


def with_key(key: ProviderKey, buy: Callable[[str], ProviderResult]) -> ProviderResult:
    """Buy with the key; once more with the key read again if it was refused, since the secret may have been rotated.

    Raises:
        NotBought, Refused, InDoubt.
    """
    try:
        return buy(key.read())
    except KeyRefused:
        log.warning("provider refused the key, reading the secret again")
    try:
        return buy(key.read(again=True))
    except KeyRefused:
        message = "The provider refuses this deployment's API key; the operator has to renew it. Nothing was bought."
        raise Refused(problem(502, "provider_authentication_failed", message), elsewhere=True) from None


@contextmanager
def list_errors_named() -> Iterator[None]:
    """Raise ListUnavailable for whatever keeps a provider's list of models from being read."""
    try:
        yield
    except (NotBought, Refused) as error:
        raise ListUnavailable(error.problem.code) from error
    except GetFailed as error:
        raise ListUnavailable(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ListUnavailable(type(error).__name__) from error
