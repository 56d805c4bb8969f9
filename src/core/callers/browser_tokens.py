"""Browser tokens, which a web page uses instead of a key: minting, verifying and revoking them.

A token is a signed JWT that names its record, and the record says what the token allows. So a forged or expired token
costs no look-up, and a token is refused from the moment it or its key is revoked.

Importing this module loads PyJWT and cryptography, which takes nearly a tenth of a second. `composition.services`
imports it when the first token arrives.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import jwt
from pydantic import Field

from core.callers.audit import note_caller
from core.callers.browser_token_store import TokenStore
from core.callers.model import BrowserToken, Caller, is_token_id, new_token_id
from core.callers.origins import NOT_AN_ORIGIN, is_web_origin
from core.callers.rate_limit import ExpiringCache
from core.callers.signing_keys import SigningSecret, SigningUnavailable
from core.callers.store import CallerStore
from core.catalog import Catalog
from core.errors import Hint, InvalidRequest, NotFound, PermissionDenied, ServiceUnavailable, Unauthenticated
from core.validation import Body

MAX_SECONDS = 86400
_ALGORITHM = "HS256"
# A token is valid only for the deployment that made it, since each deployment has its own secret.
_ISSUER = _AUDIENCE = "easel"
_CLAIMS = ["iss", "aud", "sub", "jti", "iat", "nbf", "exp"]
# The clocks of two functions differ by less than this.
_LEEWAY_SECONDS = 5
# A token that was revoked, or whose key was, is refused this long without another look-up.
_REVOKED_SECONDS = 60

log = logging.getLogger(__name__)

# A host name has at most 253 characters.
_Origin = Annotated[str, Field(max_length=300)]
_ModelName = Annotated[str, Field(max_length=128)]


class TokenBody(Body):
    """The JSON body of POST /v1/tokens."""

    example = '{"images": 3, "origins": ["https://shop.example"]}'

    images: int = Field(ge=1, le=10000)
    """How many images the token can buy in total."""
    origins: list[_Origin] = Field(min_length=1, max_length=20)
    """The web origins it can be used from, as browsers send them: `https://shop.example`."""
    expires_in: int = Field(default=600, ge=30, le=MAX_SECONDS)
    """How long the token is valid, in seconds."""
    budget_micro_usd: int | None = Field(default=None, ge=1, le=10**12)
    """How much it can spend in total, in micro-dollars. If absent, only the key's own budget applies."""
    models: list[_ModelName] | None = Field(default=None, min_length=1, max_length=50)
    """The models it can use, out of those the key can use. If absent, all of them."""
    label: str | None = Field(default=None, max_length=100)
    """Free-form label; not interpreted."""


class Tokens:
    """Mints, verifies and revokes browser tokens."""

    def __init__(
        self,
        records: TokenStore,
        callers: CallerStore,
        secret: SigningSecret,
        catalog: Catalog,
    ) -> None:
        self._records = records
        self._callers = callers
        self._secret = secret
        self._catalog = catalog
        self._revoked = ExpiringCache[bool](_REVOKED_SECONDS)

    def mint(self, caller: Caller, document: Mapping[str, Any]) -> tuple[BrowserToken, str]:
        """A new token for a caller's key, and the text that the page sends.

        Raises:
            InvalidRequest: the document is not a valid TokenBody, or an origin or model in it is invalid.
            PermissionDenied: it asks for more than the key allows.
            ServiceUnavailable: the signing secret cannot be read.
        """
        body = TokenBody.read(document)
        self._check_models(caller, body.models or [])
        _check_origins(caller, body.origins)
        if caller.key_hash is None:
            raise PermissionDenied("Browser tokens can only be made with an API key (ek_…).", code="api_key_required")
        now = int(time.time())
        expires_at = now + body.expires_in
        token = BrowserToken(
            id=new_token_id(),
            caller_id=caller.id,
            key_hash=caller.key_hash,
            images=body.images,
            origins=tuple(body.origins),
            created_at=now,
            expires_at=min(expires_at, caller.expires_at or expires_at),
            budget_micro_usd=body.budget_micro_usd,
            models=tuple(body.models or ()),
            label=body.label,
        )
        text = self._sign(token)
        self._records.add(token)
        return token, text

    def caller_of(self, text: str, origin: str | None, *, reads_only: bool) -> Caller:
        """The caller that a page acts for with this token.

        Args:
            text: the token.
            origin: the Origin header.
            reads_only: whether the call changes nothing; such a call to the page's own origin has no Origin header.

        Raises:
            Unauthenticated: the token is forged, expired or revoked, or its key is no longer valid.
            PermissionDenied: it is not valid for that origin.
            ServiceUnavailable: the signing secret cannot be read.
        """
        caller_id, token_id = self._verified(text)
        note_caller(caller_id, token_id)
        if self._revoked.get(token_id):
            raise _token_revoked()
        token = self._records.get(token_id)
        caller = self._callers.find_by_hash(token.key_hash) if token else None
        if token is None or caller is None or caller.status(time.time()) != "active":
            self._revoked.put(token_id, True)
            raise _token_revoked()
        if origin is None and not reads_only:
            raise PermissionDenied(
                "Browser tokens only work from web pages, with the Origin header that browsers add. On a server, use "
                "an API key.",
                code="origin_required",
            )
        if origin is not None and origin not in token.origins:
            raise PermissionDenied(
                f"The browser token cannot be used from {origin[:200]}. It is valid for: {', '.join(token.origins)}.",
                code="origin_not_allowed",
            )
        return replace(caller, token=token)

    def read(self, caller: Caller, token_id: str) -> BrowserToken:
        """A caller's token.

        Raises:
            NotFound: there is no such token, it is another caller's, or it has expired or been revoked.
        """
        token = self._records.get(token_id) if is_token_id(token_id) else None
        if token is None or token.caller_id != caller.id or token.expires_at <= time.time():
            raise NotFound(
                f"There is no valid token '{token_id[:64]}'; it may have expired or been revoked. List the valid ones "
                "with GET /v1/tokens.",
                param="id",
            )
        return token

    def list_of(self, caller: Caller, limit: int, after: str | None) -> tuple[list[BrowserToken], str | None]:
        """A caller's valid tokens, newest first, and after which id the next page begins, if there is one.

        Raises:
            NotFound: `after` is not a valid token of the caller.
        """
        last = self.read(caller, after) if after is not None else None
        return self._records.list_of(caller.id, limit, time.time(), last)

    def revoke(self, caller: Caller, token_id: str) -> None:
        """Revoke a token at once. What it bought still belongs to its key.

        Raises:
            NotFound: there is no such token, it is another caller's, or it has expired or been revoked before.
        """
        self._records.delete(self.read(caller, token_id).id)

    def _sign(self, token: BrowserToken) -> str:
        key = _available(self._secret.current)
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": token.caller_id,
            "jti": token.id,
            "iat": token.created_at,
            "nbf": token.created_at,
            "exp": token.expires_at,
        }
        return jwt.encode(claims, key.secret, _ALGORITHM, headers={"kid": key.id})

    def _verified(self, text: str) -> tuple[str, str]:
        """The ids of the caller and of a token that this deployment signed and that is valid now."""
        try:
            header = jwt.get_unverified_header(text)
        except jwt.InvalidTokenError:
            raise _invalid() from None
        key_id = header.get("kid")
        key = _available(lambda: self._secret.find(key_id)) if isinstance(key_id, str) else None
        if key is None:
            raise _invalid()
        try:
            # The list of algorithms, not the token's own header, says how the signature is checked.
            claims = jwt.decode(
                text,
                key.secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                leeway=_LEEWAY_SECONDS,
                options={"require": _CLAIMS},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated(
                "The browser token has expired. The page must get a new one.", code="token_expired"
            ) from None
        except jwt.ImmatureSignatureError:
            raise Unauthenticated("The browser token is not valid yet.", code="token_not_active") from None
        except jwt.InvalidTokenError:
            raise _invalid() from None
        return claims["sub"], claims["jti"]

    def _check_models(self, caller: Caller, names: list[str]) -> None:
        for name in names:
            if self._catalog.find(name) is None:
                raise InvalidRequest(
                    f"There is no model '{name[:128]}'.",
                    hint=Hint.LIST_MODELS,
                    param="models",
                )
            if caller.models and name not in caller.models:
                raise PermissionDenied(
                    f"The API key '{caller.name}' cannot use '{name}', so its token cannot either. It can use: "
                    f"{', '.join(caller.models)}.",
                    param="models",
                    code="model_not_allowed",
                )


def _available[Result](read: Callable[[], Result]) -> Result:
    try:
        return read()
    except SigningUnavailable as cause:
        log.error("the signing secret of browser tokens cannot be read", extra={"error": str(cause)})
        raise ServiceUnavailable(
            "Browser tokens cannot be made or checked right now. Nothing was bought; try again.", retry_after=5
        ) from None


def _token_revoked() -> Unauthenticated:
    return Unauthenticated(
        "The browser token, or the key it was made with, was revoked. The page must get a new token.",
        code="token_revoked",
    )


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "The browser token was not made by this deployment, or was changed. The page must get a new one from the "
        "server that has the API key.",
        code="invalid_token",
    )


def _check_origins(caller: Caller, origins: list[str]) -> None:
    for origin in origins:
        if not is_web_origin(origin):
            raise InvalidRequest(f"'{origin[:200]}' {NOT_AN_ORIGIN}.", param="origins")
        if caller.origins and origin not in caller.origins:
            raise PermissionDenied(
                f"The API key '{caller.name}' cannot be used from {origin}, so its token cannot either. It is valid "
                f"for: {', '.join(caller.origins)}.",
                param="origins",
                code="origin_not_allowed",
            )
