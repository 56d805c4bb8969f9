"""Who is calling: the same check for every door."""

from collections.abc import Callable

from core.callers import Caller, looks_like_key
from core.errors import PermissionDenied, Unauthenticated
from core.stores.callers import CallerStore

_HOW = "Send the header 'Authorization: Bearer ek_...' with an Easel API key, not the provider's."


class Gate:
    """Lets callers with a valid key in."""

    def __init__(self, callers: CallerStore, clock: Callable[[], float]) -> None:
        self._callers = callers
        self._clock = clock

    def caller_of(self, authorization: str | None, origin: str | None = None) -> Caller:
        """The caller that an Authorization header stands for.

        Args:
            authorization: the header's value.
            origin: the Origin header of a browser, which a key may be bound to.

        Raises:
            Unauthenticated: no key, or one that is unknown, revoked or expired.
            PermissionDenied: the key may not be used from that origin.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated(f"No API key was given. {_HOW}", code="missing_api_key")
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
