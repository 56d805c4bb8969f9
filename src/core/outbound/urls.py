"""URLs that callers name, parsed once: what is checked here is exactly what is connected to."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

from core.outbound.addresses import HOST_NAME, Address

MAX_CHARACTERS = 8192

# Parsers disagree about whitespace, control characters and backslashes in URLs; no valid URL needs them.
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class ForbiddenUrl(Exception):
    """The URL is not allowed; the message says why, without repeating any of it."""


@dataclass(frozen=True)
class HttpsUrl:
    """An https URL. `host` is lower case without brackets or a trailing dot, `target` the path and query."""

    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a URL strictly.

        Raises:
            ForbiddenUrl: it is not an https URL, or it is ambiguous.
        """
        if len(url) > MAX_CHARACTERS:
            raise ForbiddenUrl(f"it has more than {MAX_CHARACTERS} characters")
        if _UNSAFE.search(url):
            raise ForbiddenUrl("it contains whitespace, control characters or backslashes")
        try:
            parts = urlsplit(url)
            port = 443 if parts.port is None else parts.port
        except ValueError:
            raise ForbiddenUrl("its host or port is malformed") from None
        if parts.scheme != "https":
            raise ForbiddenUrl("it does not start with https://")
        if "@" in parts.netloc:
            raise ForbiddenUrl("it contains a user name or password")
        host = (parts.hostname or "").removesuffix(".")
        _check_host(host, bracketed="[" in parts.netloc)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(host, port, quote(target, safe=_PRINTABLE, errors="replace"))

    def join(self, reference: str) -> Self:
        """The URL that a reference, such as a redirect, leads to from this one.

        Raises:
            ForbiddenUrl: see `parse`.
        """
        try:
            url = urljoin(self.origin + self.target, reference)
        except ValueError:
            raise ForbiddenUrl("its host or port is malformed") from None
        return self.parse(url)

    @property
    def origin(self) -> str:
        """Scheme, host and port: all that messages can contain, since the path and query can be secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The host, if it is written as an address."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def _check_host(host: str, *, bracketed: bool) -> None:
    if bracketed:
        try:
            address = ip_address(host)
        except ValueError:
            raise ForbiddenUrl("its host is not a valid address") from None
        if address.version != 6 or "%" in host:
            raise ForbiddenUrl("its host is not a valid address")
        return
    if not host.isascii():
        raise ForbiddenUrl("its host is not ASCII (write an international name in its xn-- form)")
    if not HOST_NAME.fullmatch(host):
        raise ForbiddenUrl("its host is not a valid host name")
    # Resolvers read "127.1", "0x7f000001" and "2130706433" as addresses.
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            ip_address(host)
        except ValueError:
            raise ForbiddenUrl("its host is an address that is not written as four decimal numbers") from None
