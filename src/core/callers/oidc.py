"""Access tokens of an OpenID Connect issuer: a user of the operator's own sign-in is a caller, with default limits.

The issuer's keys are found by its discovery document and kept in memory. A key that is not among them is looked for
again, but not more often than every half minute, whatever anybody sends. Like browser_tokens, this loads PyJWT and
cryptography, so `composition.services` builds it when the first token comes.
"""

import hashlib
import json
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import urllib3

from core.callers.model import Caller
from core.errors import PermissionDenied, ServiceUnavailable, Unauthenticated
from core.ledger.model import Budget

# Signatures by a key pair of which the issuer publishes one half. A secret shared with an issuer is no such thing.
ALGORITHMS = ("RS256", "ES256")
_LEEWAY_SECONDS = 30
_KEPT_SECONDS = 3600
_LOOK_AGAIN_SECONDS = 30
_TIMEOUT = urllib3.Timeout(connect=2, read=3)
_MOST_BYTES = 256 * 1024

log = logging.getLogger(__name__)


class IssuerUnavailable(Exception):
    """The issuer's keys cannot be had; the message says why."""


@dataclass(frozen=True)
class OidcPolicy:
    """Whose tokens are believed, and what their users may do.

    `scope` is one that a token must have; empty for none. The limits are those of each user.
    """

    issuer: str
    audience: str
    scope: str = ""
    budget: Budget = field(default_factory=Budget)
    images_per_minute: int | None = None
    requests_per_minute: int | None = None


class IssuerKeys:
    """The public keys of an issuer, by their `kid`."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        # The environment's certificates count, as for every other program (SSL_CERT_FILE).
        self._http = urllib3.PoolManager(ssl_context=ssl.create_default_context(), retries=False, timeout=_TIMEOUT)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key of that id.

        Raises:
            IssuerUnavailable: no keys are known, and the issuer does not answer.
        """
        now = time.time()
        is_due = key_id not in self._keys or now - self._read_at >= _KEPT_SECONDS
        if is_due and now - self._tried_at >= _LOOK_AGAIN_SECONDS:
            self._tried_at = now
            try:
                self._keys = self._read()
                self._read_at = now
            except IssuerUnavailable as error:
                log.error("the issuer's keys cannot be read", extra={"error": str(error)})
        if not self._keys:
            raise IssuerUnavailable("no keys are known")
        return self._keys.get(key_id)

    def _read(self) -> dict[str, jwt.PyJWK]:
        place = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration").get("jwks_uri")
        if not isinstance(place, str) or not place.startswith("https://"):
            raise IssuerUnavailable("its discovery document names no https jwks_uri")
        found = {}
        for entry in self._get(place).get("keys", ()):
            try:
                key = jwt.PyJWK.from_dict(entry)
            except (jwt.PyJWTError, AttributeError):
                continue  # Keys of kinds that are not used here.
            if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
                found[key.key_id] = key
        if not found:
            raise IssuerUnavailable(f"it publishes no key for {' or '.join(ALGORITHMS)}")
        return found

    def _get(self, url: str) -> Mapping[str, Any]:
        try:
            answer = self._http.request("GET", url, redirect=False, preload_content=False)
            with answer:
                body = answer.read(_MOST_BYTES + 1)
        except urllib3.exceptions.HTTPError as error:
            raise IssuerUnavailable(type(error).__name__) from error
        if answer.status != 200 or len(body) > _MOST_BYTES:
            raise IssuerUnavailable(f"it answered {answer.status} with {len(body)} bytes")
        try:
            document = json.loads(body)
        except ValueError as error:
            raise IssuerUnavailable("it answered something that is no JSON") from error
        if not isinstance(document, dict):
            raise IssuerUnavailable("it answered something that is no JSON object")
        return document


class OidcTokens:
    """Recognises access tokens of an issuer."""

    def __init__(self, policy: OidcPolicy, keys: IssuerKeys) -> None:
        self._policy = policy
        self._keys = keys

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:  # noqa: ARG002 - see TokenCheck
        """The user that an access token stands for, as a caller.

        Raises:
            Unauthenticated: forged, expired, or not for this deployment.
            PermissionDenied: it lacks the scope.
            ServiceUnavailable: the issuer's keys are out of reach.
        """
        claims = self._verified(text)
        if self._policy.scope and self._policy.scope not in _scopes(claims):
            raise PermissionDenied(
                f"The access token lacks the scope '{self._policy.scope}'. Sign in again with it.",
                code="insufficient_scope",
            )
        return Caller(
            id=_caller_id(self._policy.issuer, claims["sub"]),
            name="a user of the sign-in",
            created_at=int(claims["iat"]),
            expires_at=int(claims["exp"]) + _LEEWAY_SECONDS,
            budget=self._policy.budget,
            images_per_minute=self._policy.images_per_minute,
            requests_per_minute=self._policy.requests_per_minute,
        )

    def _verified(self, text: str) -> Mapping[str, Any]:
        try:
            key_id = jwt.get_unverified_header(text).get("kid")
            key = self._keys.find(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise _invalid()
            # The key says how the signature is checked, not the token's own header.
            claims: dict[str, Any] = jwt.decode(
                text,
                key.key,
                algorithms=[key.algorithm_name],
                issuer=self._policy.issuer,
                audience=self._policy.audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "sub", "iat", "exp"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The access token has expired. Sign in again.", code="token_expired") from None
        except jwt.ImmatureSignatureError:
            raise Unauthenticated("The access token is not valid yet.", code="token_not_active") from None
        except jwt.InvalidTokenError:
            raise _invalid() from None
        except IssuerUnavailable:
            raise ServiceUnavailable(
                "The sign-in's keys are out of reach, so the access token cannot be checked. Nothing was bought; try "
                "again.",
                retry_after=_LOOK_AGAIN_SECONDS,
            ) from None
        return claims


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "The access token is not one of this deployment's sign-in, or was changed, or is for something else. Sign in "
        "again.",
        code="invalid_token",
    )


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """RFC 8693 has `scope`, a text with spaces; some issuers have `scp`, a text or a list."""
    given = claims.get("scope", claims.get("scp", ""))
    return given.split() if isinstance(given, str) else [str(each) for each in given]


def _caller_id(issuer: str, subject: str) -> str:
    """The same for the same user at any time; it tells nothing about who that is."""
    return "sub_" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]
