"""Connections to hosts that callers name, without giving callers access to our network.

The name is resolved here, every address is checked, and the connection goes to a checked address. So it does not matter
if the name resolves to something else a moment later (DNS rebinding).
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

# Limit for each connection attempt and each read; the deadline limits their sum.
STEP_SECONDS = 5.0


@cache
def tls_context() -> ssl.SSLContext:
    """Verifies servers by name against the system's trust store; SSL_CERT_FILE is honoured.

    Cached, since loading the trust store takes about 20 ms.
    """
    context = ssl.create_default_context()
    context.sslsocket_class = _DeadlineSocket
    return context


class _DeadlineSocket(ssl.SSLSocket):
    """A TLS socket that times out at a deadline, even if bytes keep trickling in."""

    deadline: float

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_step(self.deadline))
        return super().recv_into(buffer, nbytes, flags)


class CheckedConnection(http.client.HTTPSConnection):
    """A connection to the host of a URL, at a checked address, until `deadline` (of time.monotonic).

    Only port 443 is allowed, so that nobody can scan ports through Easel; trusted hosts can use any port.

    Raises:
        ForbiddenUrl: the host is not on the public internet, or the port is not 443.
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
    """A connection to the first address that accepts one."""
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
    """The addresses of a URL's host, after checking that all of them are allowed."""
    addresses = [url.address] if url.address else _resolve(url.host, deadline)
    trusted = all(trusted_hosts.include(url.host, address) for address in addresses)
    if not trusted and url.port != 443:
        raise ForbiddenUrl("its port is not 443")
    if not all(is_public(address) or trusted_hosts.include(url.host, address) for address in addresses):
        raise ForbiddenUrl("its host is not on the public internet")
    return addresses


def _resolve(host: str, deadline: float) -> list[Address]:
    """All addresses of a name. Runs in a thread, since getaddrinfo has no timeout."""
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
    """The timeout of the next network operation in seconds."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return min(remaining, STEP_SECONDS)
