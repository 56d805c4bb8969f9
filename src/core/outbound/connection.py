"""Connections to hosts that a caller names, without lending the caller our place in the network.

The name is resolved here, every address is checked, and the connection goes to a checked address: a name that
resolves to something else a moment later changes nothing.
"""

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Buffer
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import cast

from core.outbound.addresses import Address, TrustedHosts, is_public
from core.outbound.urls import ForbiddenUrl, HttpsUrl

# For one connection attempt and for one read; the deadline bounds their sum.
STEP_SECONDS = 5.0


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


class CheckedConnection(http.client.HTTPSConnection):
    """A connection to the host of a URL, at an address that was checked, until `deadline` (of time.monotonic).

    Only port 443 is spoken to, so that nobody scans ports through Easel; trusted hosts may use any port.

    Raises:
        ForbiddenUrl: the host is not on the public internet, or the port is another.
        OSError: its name cannot be resolved.
    """

    def __init__(self, url: HttpsUrl, trusted_hosts: TrustedHosts, deadline: float) -> None:
        super().__init__(url.host, url.port)
        self._addresses = _checked_addresses(url, trusted_hosts, deadline)
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
