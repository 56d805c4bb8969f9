"""Downloads images from https URLs that callers name, without giving callers access to our network.

Only checked addresses are connected to. Each redirect is followed explicitly and checked like the first URL.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO

from core.errors import InvalidRequest
from core.outbound import connection as connecting
from core.outbound.addresses import TrustedHosts
from core.outbound.connection import CheckedConnection
from core.outbound.urls import ForbiddenUrl, HttpsUrl

MAX_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 64 * 1024
# Each piece costs time: 50 MB in chunks of one byte would cost minutes.
_FREE_READS = 10_000
_MIN_BYTES_PER_READ = 256
_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",
    "User-Agent": "Easel",
}
_EXPECTED = (
    "Use an https URL (port 443, no user name or password) of an image on the public internet, "
    "or send the image itself, or upload it first."
)


class _DownloadFailed(Exception):
    """The download failed; the message completes "The image could not be downloaded from …: "."""


class _TooLarge(Exception):
    """More bytes than allowed were announced or received."""


def fetch(
    url: str,
    file: IO[bytes],
    *,
    param: str,
    max_bytes: int,
    timeout: float,
    trusted_hosts: TrustedHosts,
) -> None:
    """Download an https URL into a file: at most `max_bytes`, within `timeout` seconds in total.

    Only port 443 is allowed, so that nobody can scan ports through Easel; trusted hosts can use any port.

    Raises:
        InvalidRequest: the URL, or one it redirects to, is not allowed (code invalid_image_url), the download failed
            (failed_to_download_image), or the image is too large (image_file_too_large). The message names only the
            scheme and host of the URL.
    """
    deadline = time.monotonic() + timeout
    try:
        first = here = HttpsUrl.parse(url)
    except ForbiddenUrl as error:
        raise _forbidden("is not allowed", error, param) from None
    redirects = 0
    try:
        while True:
            with _get(here, trusted_hosts, deadline) as response:
                if response.status not in _REDIRECTS:
                    _write(response, file, max_bytes)
                    return
                location = response.headers.get("Location")
            if location is None:
                raise _DownloadFailed("it redirects without a location")
            if redirects == MAX_REDIRECTS:
                raise _DownloadFailed(f"it redirects more than {MAX_REDIRECTS} times")
            redirects += 1
            # http.client decodes headers as Latin-1, but servers send UTF-8.
            here = here.join(location.encode("latin-1").decode("utf-8", "replace"))
    except ForbiddenUrl as error:
        fault = "redirects to a URL that is not allowed" if redirects else "is not allowed"
        raise _forbidden(fault, error, param) from None
    except _TooLarge:
        raise InvalidRequest(
            f"The image at {first.origin} is larger than the maximum of {max_bytes} bytes.",
            param=param,
            code="image_file_too_large",
        ) from None
    except (_DownloadFailed, OSError, http.client.HTTPException) as error:
        raise InvalidRequest(
            f"The image could not be downloaded from {first.origin}: {_reason(error, timeout)}. "
            "The URL must answer 200 with the image itself.",
            param=param,
            code="failed_to_download_image",
        ) from None


@contextmanager
def _get(url: HttpsUrl, trusted_hosts: TrustedHosts, deadline: float) -> Iterator[http.client.HTTPResponse]:
    with closing(CheckedConnection(url, trusted_hosts, deadline)) as connection:
        connection.request("GET", url.target, headers=_HEADERS)
        with connection.getresponse() as response:
            yield response


def _write(response: http.client.HTTPResponse, file: IO[bytes], max_bytes: int) -> None:
    if response.status != 200:
        raise _DownloadFailed(f"it answered with status {response.status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _DownloadFailed("it answered in a compressed encoding that was not requested")
    announced = response.length
    if announced is not None and announced > max_bytes:
        raise _TooLarge
    received = reads = 0
    while chunk := response.read1(_CHUNK_BYTES):
        received += len(chunk)
        reads += 1
        if received > max_bytes:
            raise _TooLarge
        if reads > _FREE_READS and received < reads * _MIN_BYTES_PER_READ:
            raise _DownloadFailed("it answered in too many tiny pieces")
        file.write(chunk)
    if announced is not None and received < announced:
        raise _DownloadFailed("its answer was cut short")


def _forbidden(fault: str, error: ForbiddenUrl, param: str) -> InvalidRequest:
    return InvalidRequest(f"The URL in '{param}' {fault}: {error}. {_EXPECTED}", param=param, code="invalid_image_url")


def _reason(error: Exception, timeout: float) -> str:
    match error:
        case _DownloadFailed():
            return str(error)
        case TimeoutError():
            return f"it took too long (limits: {connecting.STEP_SECONDS:g} seconds per step, {timeout:g} in total)"
        case socket.gaierror():
            return "its host name could not be resolved"
        case ssl.SSLCertVerificationError():
            return "its TLS certificate is not trusted or is for another host"
        case http.client.HTTPException():
            return "its answer was cut short or is not HTTP"
    return "the connection failed"
