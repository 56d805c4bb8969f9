"""Tells the two kinds of signed tokens apart: Easel's browser tokens, and access tokens of the operator's sign-in."""

import jwt

from core.callers.authentication import TokenCheck
from core.callers.model import Caller
from core.callers.oidc import ALGORITHMS, OidcTokens
from core.errors import PermissionDenied


class SignedTokens:
    """Hands a token to the check for its algorithm. The two kinds share neither keys nor algorithms."""

    def __init__(self, browser_tokens: TokenCheck, access_tokens: OidcTokens | None) -> None:
        self._browser_tokens = browser_tokens
        self._access_tokens = access_tokens

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:
        """The caller that a token stands for; raises what the checks raise."""
        try:
            algorithm = jwt.get_unverified_header(text).get("alg")
        except jwt.InvalidTokenError:
            algorithm = None
        if self._access_tokens is not None and algorithm in ALGORITHMS:
            return self._access_tokens.caller_of(text, origin, reads_only=reads_only)
        return self._browser_tokens.caller_of(text, origin, reads_only=reads_only)


class NoBrowserTokens:
    """Refuses browser tokens unread, where they are not accepted, so that what signs them need not be known there."""

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:  # noqa: ARG002 - see TokenCheck
        """Raises PermissionDenied."""
        raise PermissionDenied(
            "A browser token cannot be used here. It works for the HTTP API only; send an API key.",
            code="token_not_allowed",
        )
