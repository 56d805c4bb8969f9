"""Images fetched from https URLs that a caller names, without lending the caller our place in the network.

The name is resolved here, every address is checked, and the connection goes to a checked address: a name that
resolves to something else a moment later changes nothing. Redirects are followed by hand, each checked like the first.
"""

import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Buffer, Iterator
from contextlib import closing, contextmanager
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import cast

from core.errors import InvalidRequest
from core.inputs.addresses import Address, TrustedHosts, is_public
from core.inputs.urls import ForbiddenUrl, HttpsUrl

MAX_BYTES = 50 * 1024 * 1024
MAX_REDIRECTS = 3
TIMEOUT_SECONDS = 20.0
# For one connection attempt and for one read; TIMEOUT_SECONDS bounds their sum.
STEP_SECONDS = 5.0

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 64 * 1024
_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",
    "User-Agent": "Easel",
}
_EXPECTED = (
    "Use an https URL (port 443, no user name or password) of an image on the public internet, "
    "or send the image itself, as a file, a data URL or an upload."
)
_NOBODY = TrustedHosts()


class _DownloadFailed(Exception):
    """The image could not be had; the message completes "The image could not be downloaded from …: "."""


class _TooLarge(Exception):
    """More bytes than allowed, announced or received."""


def fetch(
    url: str,
    *,
    param: str,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT_SECONDS,
    trusted_hosts: TrustedHosts = _NOBODY,
) -> bytes:
    """The bytes behind an https URL, at most `max_bytes`, within `timeout` seconds all in all.

    Only port 443 is spoken to, so that nobody scans ports through Easel; trusted hosts may use any port.

    Raises:
        InvalidRequest: for `param`, naming no more of the URL than scheme and host: the URL or one it redirects to
            is not allowed (code invalid_image_url), the download failed (failed_to_download_image), or the
            image is too large (image_file_too_large).
    """
    deadline = time.monotonic() + timeout
    try:
        first = here = HttpsUrl.parse(url)
    except ForbiddenUrl as error:
        raise _forbidden("is not allowed", error, param) from None
    redirects = 0
    try:
        while True:
            with _get(here, _checked_addresses(here, trusted_hosts, deadline), deadline) as response:
                if response.status not in _REDIRECTS:
                    return _body(response, max_bytes)
                location = response.headers.get("Location")
            if location is None:
                raise _DownloadFailed("it redirects to nowhere")
            if redirects == MAX_REDIRECTS:
                raise _DownloadFailed(f"it redirects more than {MAX_REDIRECTS} times")
            redirects += 1
            # Header bytes come as Latin-1; servers mean UTF-8.
            here = here.join(location.encode("latin-1").decode("utf-8", "replace"))
    except ForbiddenUrl as error:
        fault = "redirects to a URL that is not allowed" if redirects else "is not allowed"
        raise _forbidden(fault, error, param) from None
    except _TooLarge:
        raise InvalidRequest(
            f"The image at {first.origin} has more than {max_bytes} bytes, which is the most that is allowed.",
            param=param,
            code="image_file_too_large",
        ) from None
    except (_DownloadFailed, OSError, http.client.HTTPException) as error:
        raise InvalidRequest(
            f"The image could not be downloaded from {first.origin}: {_reason(error, timeout)}. "
            "Its URL must answer 200 with the image itself.",
            param=param,
            code="failed_to_download_image",
        ) from None


@cache
def tls_context() -> ssl.SSLContext:
    """How servers are verified: by name, against the system's trust store (SSL_CERT_FILE is honoured).

    Made once, since loading the trust store takes about 20 ms.
    """
    context = ssl.create_default_context()
    context.sslsocket_class = _DeadlineSocket
    return context


class _DeadlineSocket(ssl.SSLSocket):
    """A TLS socket that gives up at a deadline, however slowly bytes keep trickling in."""

    deadline: float

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_step(self.deadline))
        return super().recv_into(buffer, nbytes, flags)


class _Connection(http.client.HTTPSConnection):
    """A connection to one of the given addresses, with TLS for the host of the URL."""

    def __init__(self, url: HttpsUrl, addresses: list[Address], deadline: float) -> None:
        super().__init__(url.host, url.port)
        self._addresses = addresses
        self._deadline = deadline

    def connect(self) -> None:
        plain = _connect(self._addresses, self.port, self._deadline)
        plain.settimeout(_step(self._deadline))
        secured = cast(_DeadlineSocket, tls_context().wrap_socket(plain, server_hostname=self.host))
        secured.deadline = self._deadline
        self.sock = secured


def _connect(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    """A connection to the first address that answers."""
    failure = OSError("no address")
    for address in addresses:
        family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_step(deadline))
            connection.connect((str(address), port))
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


@contextmanager
def _get(url: HttpsUrl, addresses: list[Address], deadline: float) -> Iterator[http.client.HTTPResponse]:
    with closing(_Connection(url, addresses, deadline)) as connection:
        connection.request("GET", url.target, headers=_HEADERS)
        with connection.getresponse() as response:
            yield response


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    if response.status != 200:
        raise _DownloadFailed(f"it answered with status {response.status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _DownloadFailed("it answered in a compressed encoding that was not asked for")
    announced = response.length
    if announced is not None and announced > max_bytes:
        raise _TooLarge
    body = io.BytesIO()
    while chunk := response.read1(_CHUNK_BYTES):
        if body.tell() + len(chunk) > max_bytes:
            raise _TooLarge
        body.write(chunk)
    if announced is not None and body.tell() < announced:
        raise _DownloadFailed("its answer was cut short")
    return body.getvalue()


def _checked_addresses(url: HttpsUrl, trusted_hosts: TrustedHosts, deadline: float) -> list[Address]:
    """The addresses of a URL's host, none of which leads where callers have no business."""
    addresses = [url.address] if url.address else _resolve(url.host, deadline)
    trusted = all(trusted_hosts.include(url.host, address) for address in addresses)
    if not trusted and url.port != 443:
        raise ForbiddenUrl("its port is not 443")
    if not all(is_public(address) or trusted_hosts.include(url.host, address) for address in addresses):
        raise ForbiddenUrl("its host is not on the public internet")
    return addresses


def _resolve(host: str, deadline: float) -> list[Address]:
    """Every address of a name. In a thread, since getaddrinfo knows no time-out."""
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(ip_address(entry[4][0]) for entry in found)))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=max(deadline - time.monotonic(), 0))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _step(deadline: float) -> float:
    """Seconds that the next step on the network may take."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, STEP_SECONDS)


def _forbidden(fault: str, error: ForbiddenUrl, param: str) -> InvalidRequest:
    return InvalidRequest(f"The URL in '{param}' {fault}: {error}. {_EXPECTED}", param=param, code="invalid_image_url")


def _reason(error: Exception, timeout: float) -> str:
    match error:
        case _DownloadFailed():
            return str(error)
        case TimeoutError():
            return f"it took too long ({STEP_SECONDS:g} seconds for a step, {timeout:g} in all are allowed)"
        case socket.gaierror():
            return "its host name could not be resolved"
        case ssl.SSLCertVerificationError():
            return "its TLS certificate is not trusted or is for another host"
        case http.client.HTTPException():
            return "its answer was cut short or is not HTTP"
    return "the connection failed"
