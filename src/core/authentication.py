"""Who is calling: the same check for every door."""

import re
from collections.abc import Callable
from typing import Protocol

from core.callers import Caller, looks_like_key
from core.errors import PermissionDenied, Unauthenticated
from core.stores.callers import CallerStore

_HOW = "Send the header 'Authorization: Bearer ek_...' with an Easel API key, not the provider's."
# Three parts of a JWT (RFC 7515, compact form; an unsigned one has an empty third); no real one is that long.
_TOKEN_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_LONGEST_TOKEN = 8192


class TokenCheck(Protocol):
    """Recognises signed tokens."""

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:
        """Whom a token stands for; raises Unauthenticated or PermissionDenied."""
        ...


class Gate:
    """Lets callers with a valid key, or a valid token, in."""

    def __init__(self, callers: CallerStore, tokens: Callable[[], TokenCheck], clock: Callable[[], float]) -> None:
        self._callers = callers
        self._tokens = tokens
        self._clock = clock

    def caller_of(self, authorization: str | None, origin: str | None = None, *, reads_only: bool = False) -> Caller:
        """The caller that an Authorization header stands for.

        Args:
            authorization: the header's value.
            origin: the Origin header of a browser, which a key may be bound to, and a browser token always is.
            reads_only: whether the call changes nothing (GET and HEAD); browsers add no Origin to such calls to the
                page's own origin.

        Raises:
            Unauthenticated: no key, or one that is unknown, revoked or expired; or such a token.
            PermissionDenied: the key or token may not be used from that origin.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated(f"No API key was given. {_HOW}", code="missing_api_key")
        if len(key) <= _LONGEST_TOKEN and _TOKEN_SHAPE.fullmatch(key):
            return self._tokens().caller_of(key, origin, reads_only=reads_only)
        caller = self._callers.find(key) if looks_like_key(key) else None
        if caller is None:
            raise Unauthenticated(f"The API key is not known here. {_HOW}")
        status = caller.status(self._clock())
        if status != "active":
            raise Unauthenticated(f"The API key '{caller.name}' is {status}. Ask the operator for a new one.")
        if origin and caller.origins and origin not in caller.origins:
            raise PermissionDenied(
                f"The API key '{caller.name}' may not be used from {origin}. "
                f"It may be used from: {', '.join(caller.origins)}.",
                code="origin_not_allowed",
            )
        return caller


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
