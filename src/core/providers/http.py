"""What adapters of providers on the web share: connections, time limits, the key, and what errors of transport mean."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.providers import InDoubt, ListUnavailable, NotBought, ProviderResult, Refused
from core.providers.api_key import ProviderKey
from core.providers.outcomes import problem, unreachable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 5.0
LIST_SECONDS = 20.0
_ERROR_BODY_LIMIT = 64 * 1024

# Networks drop connections that are silent, some after two minutes, and a purchase is silent until its images are made.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)  # Linux has all of them.
    ),
]


def http_client() -> httpx.Client:
    """A connection pool to providers."""
    transport = httpx.HTTPTransport(socket_options=KEEP_ALIVE)
    return httpx.Client(transport=transport, headers={"User-Agent": "easel"}, follow_redirects=False)


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
def transport_errors_named() -> Iterator[None]:
    """Distinguish calls that certainly did not reach the provider from those that may have."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise unreachable() from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Refused(
            problem(502, "provider_misconfigured", "The provider's base URL is not usable."), elsewhere=True
        ) from error
    except httpx.TransportError as error:
        raise InDoubt("The connection to the provider broke after the request was sent.") from error


@contextmanager
def list_errors_named() -> Iterator[None]:
    """Raise ListUnavailable for whatever keeps a provider's list of models from being read."""
    try:
        yield
    except (NotBought, Refused) as error:
        raise ListUnavailable(error.problem.code) from error
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ListUnavailable(type(error).__name__) from error


def timeouts(until: float) -> httpx.Timeout:
    """The limits of a call that must end by then, in seconds of the monotonic clock."""
    remaining = max(1.0, until - time.monotonic())
    return httpx.Timeout(remaining, connect=min(CONNECT_TIMEOUT_SECONDS, remaining))


@contextmanager
def cut_off_at(until: float, response: httpx.Response) -> Iterator[None]:
    """Cut off a body that arrives too slowly: httpx limits each read, not all of them together."""
    stream = response.extensions.get("network_stream")
    if stream is None:  # Not every transport of httpx has a socket.
        yield
        return
    connection = stream.get_extra_info("socket")

    def cut() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def error_document(response: httpx.Response) -> Any:
    """The JSON of an error answer; None if it is none, or is too long."""
    raw = bytearray()
    for chunk in response.iter_bytes():
        raw += chunk
        if len(raw) > _ERROR_BODY_LIMIT:
            return None
    try:
        return json.loads(raw)
    except ValueError:
        return None
