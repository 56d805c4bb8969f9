"""Access tokens of an OpenID Connect issuer: users of the operator's own sign-in are callers, with default limits.

The issuer's keys are found through its discovery document and cached. An unknown key id makes the keys be read again,
but at most every half minute, whatever callers send. Like browser_tokens, this module loads PyJWT and cryptography, so
`composition.services` imports it when the first token arrives.
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

from core.callers.audit import note_caller
from core.callers.model import Caller
from core.errors import PermissionDenied, ServiceUnavailable, Unauthenticated
from core.ledger.model import Budget

# Only asymmetric signatures: the issuer publishes the public keys, and no secret is shared with it.
ALGORITHMS = ("RS256", "ES256")
_LEEWAY_SECONDS = 30
_CACHE_SECONDS = 3600
_REFRESH_SECONDS = 30
_TIMEOUT = urllib3.Timeout(connect=2, read=3)
_MAX_BYTES = 256 * 1024

log = logging.getLogger(__name__)


class IssuerUnavailable(Exception):
    """The issuer's keys cannot be read; the message says why."""


@dataclass(frozen=True)
class OidcPolicy:
    """Whose tokens are accepted, and what their users can do.

    A token must have the `scope`, unless that is empty. The limits apply to each user.
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
        # SSL_CERT_FILE is honoured.
        self._http = urllib3.PoolManager(ssl_context=ssl.create_default_context(), retries=False, timeout=_TIMEOUT)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with that id.

        Raises:
            IssuerUnavailable: no keys are cached, and the issuer does not answer.
        """
        now = time.time()
        is_due = key_id not in self._keys or now - self._read_at >= _CACHE_SECONDS
        if is_due and now - self._tried_at >= _REFRESH_SECONDS:
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
        document = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        # OpenID Connect Discovery, section 4.3: the document speaks for the issuer that it was read from, or for none.
        if document.get("issuer") != self._issuer:
            raise IssuerUnavailable("its discovery document names another issuer")
        place = document.get("jwks_uri")
        if not isinstance(place, str) or not place.startswith("https://"):
            raise IssuerUnavailable("its discovery document names no https jwks_uri")
        entries = self._get(place).get("keys")
        if not isinstance(entries, list):
            raise IssuerUnavailable("its keys are not a list")
        found = {}
        for entry in entries:
            try:
                key = jwt.PyJWK.from_dict(entry)
            except (jwt.PyJWTError, AttributeError, LookupError, TypeError, ValueError):
                continue  # A kind of key that is not used here, or not a key at all.
            if not isinstance(key.key_id, str):
                continue
            if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
                found[key.key_id] = key
        if not found:
            raise IssuerUnavailable(f"it publishes no key for {' or '.join(ALGORITHMS)}")
        return found

    def _get(self, url: str) -> Mapping[str, Any]:
        try:
            answer = self._http.request("GET", url, redirect=False, preload_content=False)
            with answer:
                body = answer.read(_MAX_BYTES + 1)
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise IssuerUnavailable(type(error).__name__) from error
        if answer.status != 200 or len(body) > _MAX_BYTES:
            raise IssuerUnavailable(f"it answered {answer.status} with {len(body)} bytes")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise IssuerUnavailable("its answer is not JSON") from error
        if not isinstance(document, dict):
            raise IssuerUnavailable("its answer is not a JSON object")
        return document


class OidcTokens:
    """Verifies access tokens of an issuer."""

    def __init__(self, policy: OidcPolicy, keys: IssuerKeys) -> None:
        self._policy = policy
        self._keys = keys

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:  # noqa: ARG002 - see TokenCheck
        """The user that an access token stands for, as a caller.

        Raises:
            Unauthenticated: the token is forged, expired, or not for this deployment.
            PermissionDenied: it lacks the required scope.
            ServiceUnavailable: the issuer's keys cannot be read.
        """
        claims = self._verified(text)
        caller_id = _caller_id(self._policy.issuer, claims["sub"])
        note_caller(caller_id)
        if self._policy.scope and self._policy.scope not in _scopes(claims):
            raise PermissionDenied(
                f"The access token lacks the scope '{self._policy.scope}'. Sign in again and request it.",
                code="insufficient_scope",
            )
        return Caller(
            id=caller_id,
            name="a user of the sign-in",
            created_at=int(claims["iat"]),
            expires_at=int(claims["exp"]) + _LEEWAY_SECONDS,
            budget=self._policy.budget,
            images_per_minute=self._policy.images_per_minute,
            requests_per_minute=self._policy.requests_per_minute,
            hides_deployment_budget=True,
        )

    def _verified(self, text: str) -> Mapping[str, Any]:
        try:
            key_id = jwt.get_unverified_header(text).get("kid")
            key = self._keys.find(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise _invalid()
            # The algorithm is the key's, not the one in the token's header.
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
                "The access token cannot be checked, because the keys of the sign-in cannot be read. Nothing was "
                "bought; try again.",
                retry_after=_REFRESH_SECONDS,
            ) from None
        if not claims["sub"].strip():
            raise _invalid()  # Whoever has no name would share an account with all others who have none.
        return claims


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "The access token was not issued by this deployment's sign-in, was changed, or is for another service. Sign in "
        "again.",
        code="invalid_token",
    )


def _scopes(claims: Mapping[str, Any]) -> list[Any]:
    """RFC 8693 defines `scope`, separated by spaces; some issuers send `scp`, as a string or a list.

    Whatever has another type grants nothing.
    """
    given = claims.get("scope", claims.get("scp"))
    if isinstance(given, str):
        return given.split()
    return given if isinstance(given, list) else []


def _caller_id(issuer: str, subject: str) -> str:
    """A stable id that does not reveal who the user is."""
    text = f"{issuer}\n{subject}"
    # JSON may contain lone surrogates.
    return "sub_" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
