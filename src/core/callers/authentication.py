"""Who is calling: one check for every entry point.

The cheap checks come first: the shape of a credential, then what this process remembers about it and about the address
it comes from. Only then is anything looked up.
"""

import re
import time
from collections.abc import Callable
from typing import Protocol

from core.callers.model import Caller, hash_key, looks_like_key
from core.callers.rate_limit import ExpiringCache, Throttle
from core.callers.store import CallerStore
from core.errors import Hint, PermissionDenied, RateLimited, Unauthenticated

_HOW = "Send the header 'Authorization: Bearer ek_...' with an Easel API key, not the provider's."
# The three parts of a JWT (RFC 7515, compact form; the third is empty in an unsigned one).
_TOKEN_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_MAX_TOKEN_LENGTH = 8192
# Negative cache: an unknown key stays rejected this long, even if an operator creates it meanwhile.
_UNKNOWN_SECONDS = 60
_KNOWN_SECONDS = 3600
# Unknown credentials from one address. Guessing 256 bits is hopeless, but it must not cost much either.
_FAILURES_PER_MINUTE = 60
_UNLIMITED = 0


class TokenCheck(Protocol):
    """Recognises signed tokens."""

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:
        """The caller that a token stands for; raises Unauthenticated or PermissionDenied."""
        ...


class Authenticator:
    """Admits callers with a valid key or token."""

    def __init__(self, callers: CallerStore, tokens: Callable[[], TokenCheck]) -> None:
        self._callers = callers
        self._tokens = tokens
        self._requests = Throttle()
        self._failures = Throttle()
        self._limits = ExpiringCache[int](_KNOWN_SECONDS)
        self._unknown = ExpiringCache[bool](_UNKNOWN_SECONDS)

    def caller_of(
        self,
        authorization: str | None,
        origin: str | None = None,
        *,
        reads_only: bool = False,
        source: str | None = None,
    ) -> Caller:
        """The caller that an Authorization header stands for.

        Args:
            authorization: the header's value.
            origin: the Origin header. A key can be bound to origins, a browser token always is.
            reads_only: whether the call changes nothing (GET and HEAD). Browsers send no Origin with such a call if it
                goes to the page's own origin.
            source: the network address that the call comes from.

        Raises:
            Unauthenticated: there is no key or token, or it is unknown, revoked or expired.
            PermissionDenied: the key or token cannot be used from that origin.
            RateLimited: the key has used up its requests of this minute, or the address has tried too many credentials.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated(f"No API key was given. {_HOW}", code="missing_api_key")
        if len(key) <= _MAX_TOKEN_LENGTH and _TOKEN_SHAPE.fullmatch(key):
            return self._caller_of_token(key, origin, reads_only, source)
        caller = self._caller_of_key(key, source) if looks_like_key(key) else None
        if caller is None:
            raise Unauthenticated(f"Unknown API key. {_HOW}")
        status = caller.status(time.time())
        if status != "active":
            raise Unauthenticated(f"The API key '{caller.name}' is {status}. Ask the operator for a new one.")
        if origin and caller.origins and origin not in caller.origins:
            raise PermissionDenied(
                f"The API key '{caller.name}' cannot be used from {origin}. "
                f"It is valid for: {', '.join(caller.origins)}.",
                code="origin_not_allowed",
            )
        return caller

    def _caller_of_token(self, token: str, origin: str | None, reads_only: bool, source: str | None) -> Caller:
        self._admit_source(source)
        try:
            caller = self._tokens().caller_of(token, origin, reads_only=reads_only)
        except Unauthenticated as refused:
            if refused.problem.code == "invalid_token":
                self._failed(source)
            raise
        # All tokens of a key share its rate.
        self._count(caller.key_hash or caller.id, caller.requests_per_minute or _UNLIMITED)
        return caller

    def _caller_of_key(self, key: str, source: str | None) -> Caller | None:
        key_hash = hash_key(key)
        if self._unknown.get(key_hash):
            return None
        limit = self._limits.get(key_hash)
        if limit is None:
            self._admit_source(source)
        else:
            self._count(key_hash, limit)
        caller = self._callers.find_by_hash(key_hash)
        if caller is None:
            self._unknown.put(key_hash, True)
            self._failed(source)
            return None
        self._limits.put(key_hash, caller.requests_per_minute or _UNLIMITED)
        if limit is None:
            self._count(key_hash, caller.requests_per_minute or _UNLIMITED)
        return caller

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

    def _admit_source(self, source: str | None) -> None:
        if source and (wait := self._failures.wait(source, _FAILURES_PER_MINUTE)):
            raise RateLimited(
                "This address has sent too many unknown keys and tokens.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=wait,
            )

    def _failed(self, source: str | None) -> None:
        if source:
            self._failures.take(source, _FAILURES_PER_MINUTE)


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
