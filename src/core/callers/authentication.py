"""Who is calling: the same check for every door.

What costs something comes as late as it can: the shape of a credential is looked at first, then what this function
remembers of it and of where it comes from, and only then is anything looked up.
"""

import re
import time
from collections.abc import Callable
from typing import Protocol

from core.callers.model import Caller, hash_key, looks_like_key
from core.callers.rate_limit import Remembered, Throttle
from core.callers.store import CallerStore
from core.errors import Hint, PermissionDenied, RateLimited, Unauthenticated

_HOW = "Send the header 'Authorization: Bearer ek_...' with an Easel API key, not the provider's."
# Three parts of a JWT (RFC 7515, compact form; an unsigned one has an empty third); no real one is that long.
_TOKEN_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_LONGEST_TOKEN = 8192
# What is refused again without a look: an operator who makes the very key that was tried before waits so long.
_UNKNOWN_SECONDS = 60
_KNOWN_SECONDS = 3600
# Credentials of one address that turn out to be nobody's; guessing 256 bits is hopeless, but must not cost much either.
_FAILURES_PER_MINUTE = 60
_UNLIMITED = 0


class TokenCheck(Protocol):
    """Recognises signed tokens."""

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:
        """Whom a token stands for; raises Unauthenticated or PermissionDenied."""
        ...


class Gate:
    """Lets callers with a valid key, or a valid token, in."""

    def __init__(self, callers: CallerStore, tokens: Callable[[], TokenCheck]) -> None:
        self._callers = callers
        self._tokens = tokens
        self._requests = Throttle()
        self._failures = Throttle()
        self._limits = Remembered[int](_KNOWN_SECONDS)
        self._unknown = Remembered[bool](_UNKNOWN_SECONDS)

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
            origin: the Origin header of a browser, which a key may be bound to, and a browser token always is.
            reads_only: whether the call changes nothing (GET and HEAD); browsers add no Origin to such calls to the
                page's own origin.
            source: the network address that the call comes from.

        Raises:
            Unauthenticated: no key, or one that is unknown, revoked or expired; or such a token.
            PermissionDenied: the key or token may not be used from that origin.
            RateLimited: the key has made all its requests of a minute, or the address tries too many credentials.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated(f"No API key was given. {_HOW}", code="missing_api_key")
        if len(key) <= _LONGEST_TOKEN and _TOKEN_SHAPE.fullmatch(key):
            return self._bearer_of(key, origin, reads_only, source)
        caller = self._holder_of(key, source) if looks_like_key(key) else None
        if caller is None:
            raise Unauthenticated(f"The API key is not known here. {_HOW}")
        status = caller.status(time.time())
        if status != "active":
            raise Unauthenticated(f"The API key '{caller.name}' is {status}. Ask the operator for a new one.")
        if origin and caller.origins and origin not in caller.origins:
            raise PermissionDenied(
                f"The API key '{caller.name}' may not be used from {origin}. "
                f"It may be used from: {', '.join(caller.origins)}.",
                code="origin_not_allowed",
            )
        return caller

    def _bearer_of(self, token: str, origin: str | None, reads_only: bool, source: str | None) -> Caller:
        self._admit_source(source)
        try:
            caller = self._tokens().caller_of(token, origin, reads_only=reads_only)
        except Unauthenticated as refused:
            if refused.problem.code == "invalid_token":
                self._failed(source)
            raise
        # All tokens of a key share what the key may do.
        self._count(caller.key_hash or caller.id, caller.requests_per_minute or _UNLIMITED)
        return caller

    def _holder_of(self, key: str, source: str | None) -> Caller | None:
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
                f"This API key may make {per_minute} requests a minute. Nothing was bought.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=wait,
            )
        self._requests.take(name, per_minute)

    def _admit_source(self, source: str | None) -> None:
        if source and (wait := self._failures.wait(source, _FAILURES_PER_MINUTE)):
            raise RateLimited(
                "Too many keys and tokens that are not known here came from this address.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=wait,
            )

    def _failed(self, source: str | None) -> None:
        if source:
            self._failures.take(source, _FAILURES_PER_MINUTE)


def holder_of_key(caller: Caller) -> Caller:
    """A caller that came with a key of its own.

    Raises:
        PermissionDenied: a browser token, which may buy and see what it made, and no more.
    """
    if caller.token is not None:
        raise PermissionDenied(
            "A browser token may not do this. It may buy images, ask for prices, upload, and read what it made itself.",
            code="token_not_allowed",
        )
    return caller
