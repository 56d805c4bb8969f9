"""Who is calling: one check for every entry point.

The cheap checks come first: the shape of a credential, the signature of a token, what this process remembers about a
key and about the network it comes from. Only then is anything looked up.

Addresses are shared, so what one caller does must not lock out another. A forged token costs no look-up and is simply
refused. Only keys that this process does not know yet wait while their network sends too many bad ones.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Protocol

from core.callers.audit import note_caller
from core.callers.model import Caller, hash_key, looks_like_key
from core.callers.rate_limit import ExpiringCache, Throttle
from core.callers.store import CallerStore
from core.errors import Hint, PermissionDenied, RateLimited, Unauthenticated

_HOW = "Send the header 'Authorization: Bearer ek_...' with an Easel API key, not the provider's."
_UNKNOWN = f"Unknown API key. {_HOW}"
# Where other APIs take their keys.
_OTHER_HEADERS = ("api-key", "x-api-key", "x-goog-api-key", "x-auth-token", "x-access-token")
_OTHER_PARAMETERS = ("key", "api_key", "api-key", "apikey", "access_token", "token")
# The three parts of a JWT (RFC 7515, compact form; the third is empty in an unsigned one).
_TOKEN_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_MAX_TOKEN_LENGTH = 8192
# Negative cache: a key that was unknown, revoked or expired stays rejected this long without another look-up.
_REFUSED_SECONDS = 60
_KNOWN_SECONDS = 3600
# Bad keys from one network. Guessing 256 bits is hopeless, but it must not cost much either.
_FAILURES_PER_MINUTE = 60
# The smallest network that one customer of an IPv6 provider gets (RFC 6177).
_IPV6_PREFIX = 64
_UNLIMITED = 0


class TokenCheck(Protocol):
    """Recognises signed tokens."""

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:
        """The caller that a token stands for; raises Unauthenticated or PermissionDenied."""
        ...


@dataclass(frozen=True)
class _Refusal:
    """Why a key is refused, and whose it is."""

    message: str
    caller_id: str | None


class Authenticator:
    """Admits callers with a valid key or token."""

    def __init__(self, callers: CallerStore, tokens: Callable[[], TokenCheck]) -> None:
        self._callers = callers
        self._tokens = tokens
        self._requests = Throttle()
        self._failures = Throttle()
        self._limits = ExpiringCache[int](_KNOWN_SECONDS)
        self._refused = ExpiringCache[_Refusal](_REFUSED_SECONDS)
        self._deferred = ExpiringCache[bool](_REFUSED_SECONDS)

    def caller_of(
        self,
        authorization: str | None,
        origin: str | None = None,
        *,
        reads_only: bool = False,
        source: str | None = None,
        misplaced: str | None = None,
    ) -> Caller:
        """The caller that an Authorization header stands for.

        Args:
            authorization: the header's value.
            origin: the Origin header. A key can be bound to origins, a browser token always is.
            reads_only: whether the call changes nothing (GET and HEAD). Browsers send no Origin with such a call if it
                goes to the page's own origin.
            source: the network address that the call comes from.
            misplaced: where else the call has what may be a key (see `misplaced_key`).

        Raises:
            Unauthenticated: there is no key or token, or it is unknown, revoked or expired.
            PermissionDenied: the key or token cannot be used from that origin.
            RateLimited: the key has used up its requests of this minute, or is new to this process while its network
                sends too many bad ones.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise _no_key(authorization, misplaced)
        if len(key) <= _MAX_TOKEN_LENGTH and _TOKEN_SHAPE.fullmatch(key):
            return self._caller_of_token(key, origin, reads_only)
        if not looks_like_key(key):
            raise Unauthenticated(_UNKNOWN)
        caller = self._caller_of_key(hash_key(key), source)
        if origin and caller.origins and origin not in caller.origins:
            raise PermissionDenied(
                f"The API key '{caller.name}' cannot be used from {origin[:200]}. "
                f"It is valid for: {', '.join(caller.origins)}.",
                code="origin_not_allowed",
            )
        return caller

    def _caller_of_token(self, token: str, origin: str | None, reads_only: bool) -> Caller:
        caller = self._tokens().caller_of(token, origin, reads_only=reads_only)
        # All tokens of a key share its rate.
        self._count(caller.key_hash or caller.id, caller.requests_per_minute or _UNLIMITED)
        return caller

    def _caller_of_key(self, key_hash: str, source: str | None) -> Caller:
        if refusal := self._refused.get(key_hash):
            raise _refused(refusal)
        limit = self._limits.get(key_hash)
        if limit is None:
            self._admit_unknown(key_hash, source)
        else:
            self._count(key_hash, limit)
        caller = self._callers.find_by_hash(key_hash)
        if caller is None or caller.status(time.time()) != "active":
            raise self._refuse(key_hash, caller, source)
        note_caller(caller.id)
        self._limits.put(key_hash, caller.requests_per_minute or _UNLIMITED)
        if limit is None:
            self._count(key_hash, caller.requests_per_minute or _UNLIMITED)
        return caller

    def _refuse(self, key_hash: str, caller: Caller | None, source: str | None) -> Unauthenticated:
        """Remember that a key is unknown, revoked or expired, and where it came from."""
        if caller is None:
            refusal = _Refusal(_UNKNOWN, None)
        else:
            status = caller.status(time.time())
            refusal = _Refusal(f"The API key '{caller.name}' is {status}. Ask the operator for a new one.", caller.id)
        self._refused.put(key_hash, refusal)
        if source:
            self._failures.take(_network_of(source), _FAILURES_PER_MINUTE)
        return _refused(refusal)

    def _count(self, name: str, per_minute: int) -> None:
        if per_minute == _UNLIMITED:
            return
        if wait := self._requests.wait(name, per_minute):
            raise RateLimited(
                f"This API key is limited to {per_minute} requests per minute. Nothing was bought.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=wait,
            )
        self._requests.take(name, per_minute)

    def _admit_unknown(self, key_hash: str, source: str | None) -> None:
        """Let a key wait that this process does not know, while its network sends too many bad ones.

        A key that comes again is looked up: a client does that, and whoever guesses has nothing to gain by it.
        """
        if not source or self._deferred.get(key_hash):
            return
        if wait := self._failures.wait(_network_of(source), _FAILURES_PER_MINUTE):
            self._deferred.put(key_hash, True)
            raise RateLimited(
                "This network has sent too many unknown keys, and this key has not been checked yet.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=wait,
            )


def misplaced_key(headers: Mapping[str, str | None], query: Mapping[str, str]) -> str | None:
    """The header or query parameter in which other APIs take their keys, and this call has something."""
    for name in _OTHER_HEADERS:
        if headers.get(name):
            return f"the header '{name}'"
    return next((f"the query parameter '{name}'" for name in _OTHER_PARAMETERS if query.get(name)), None)


def _no_key(authorization: str | None, misplaced: str | None) -> Unauthenticated:
    """Says what came instead of a key, without repeating any of it."""
    scheme, _, key = (authorization or "").strip().partition(" ")
    if not scheme:
        found = f"Easel does not read keys from {misplaced}. " if misplaced else ""
    elif scheme.lower() == "bearer":
        found = "After 'Bearer', the header 'Authorization' is empty. "
    elif scheme.lower() == "basic":
        found = "The header 'Authorization' has Basic authentication, which Easel does not support. "
    elif not key:
        found = "In the header 'Authorization', the word 'Bearer' is missing before the key. "
    else:
        found = "The header 'Authorization' does not begin with 'Bearer'. "
    return Unauthenticated(f"No API key was given. {found}{_HOW}", code="missing_api_key")


def _refused(refusal: _Refusal) -> Unauthenticated:
    note_caller(refusal.caller_id)
    return Unauthenticated(refusal.message)


def _network_of(source: str) -> str:
    """Whatever shares a fate with this address: an IPv4 address itself, or the /64 of an IPv6 address."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if not isinstance(address, IPv6Address):
        return source
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))


def require_key(caller: Caller) -> Caller:
    """The caller, if it used an API key.

    Raises:
        PermissionDenied: it used a browser token, which can only buy images and read what it made.
    """
    if caller.token is not None:
        raise PermissionDenied(
            "A browser token cannot do this. It can buy images, get quotes, upload files, and read what it made.",
            code="token_not_allowed",
        )
    return caller
