"""Callers: what is known and stored about API keys, and about the browser tokens made with them."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.images.model import AnswerForm
from core.ledger.model import PERIODS, Budget, Period

KEY_PREFIX = "ek_"
# Of a browser token: each waiting call holds a function.
_MAX_WAITING_CALLS = 4
_KEY_SHAPE = re.compile(r"ek_[A-Za-z0-9_-]{43}")


# The parameters that a key, or the deployment, can have defaults for.
DEFAULT_NAMES = ("quality", "size")
RateName = Literal["images_per_minute", "requests_per_minute"]
RATE_NAMES: tuple[RateName, ...] = ("images_per_minute", "requests_per_minute")
Rates = Mapping[RateName, int | None]


class Owned(Protocol):
    """Something that belongs to a caller: a job, an image, an upload."""

    @property
    def caller_id(self) -> str: ...
    @property
    def token_id(self) -> str | None: ...


@dataclass(frozen=True)
class BrowserToken:
    """A credential for a web page: short-lived, for a few images, with access only to what it made.

    It is valid as long as its record exists. Times are Unix seconds. `images` and `budget_micro_usd` limit what it can
    buy in total; without a budget of its own, only its key's budget applies. Empty `models` allow all that the key can
    use.
    """

    id: str
    caller_id: str
    key_hash: str
    images: int
    origins: tuple[str, ...]
    created_at: int
    expires_at: int
    budget_micro_usd: int | None = None
    models: tuple[str, ...] = ()
    label: str | None = None

    @property
    def max_waiting_calls(self) -> int:
        """How many of its calls can wait for a job at the same time."""
        return min(self.images, _MAX_WAITING_CALLS)

    @property
    def max_attempts(self) -> int:
        """How many purchases it can attempt, successful or not: refused ones cost its operator, too."""
        return 3 + 3 * self.images

    @property
    def max_uploads(self) -> int:
        """How many uploads it can make."""
        return 16 + 2 * self.images


@dataclass(frozen=True)
class Caller:
    """Who an API key stands for. Times are Unix seconds; empty tuples allow everything.

    With a `token`, it is a web page that acts for the caller. What the deployment may still spend tells what others
    have spent, so it can be hidden from a caller; from the visitors of a page it always is. `signs_webhooks` says
    whether it has a secret for that; None if it is not known, of keys that were made before 0.1.0. `answers` is how
    it gets images if a request does not say.
    """

    id: str
    name: str
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    models: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)
    images_per_minute: int | None = None
    requests_per_minute: int | None = None
    hides_deployment_budget: bool = False
    key_hash: str | None = None
    token: BrowserToken | None = None
    signs_webhooks: bool | None = False
    answers: AnswerForm = "url"
    defaults: Mapping[str, str] = field(default_factory=dict)
    """The quality and size of requests that name none, by the names of these parameters."""
    fallbacks: tuple[str, ...] = ()
    """Models that run instead of one that cannot be had; empty for those of the deployment."""
    ask_above: int | None = None
    """Assistants that can ask their user do so before a purchase that may cost more micro-dollars than this."""

    @property
    def subject(self) -> str:
        """The id of the caller or of its browser token: for whatever must be separate for each of them."""
        return self.token.id if self.token else self.id

    @property
    def sees_deployment_budget(self) -> bool:
        """Whether the caller may know the deployment's budget and what is left of it."""
        return self.token is None and not self.hides_deployment_budget

    def owns(self, thing: Owned) -> bool:
        """Whether the caller can see a thing; a browser token sees only what it made."""
        return thing.caller_id == self.id and (self.token is None or thing.token_id == self.token.id)

    def allowed_models(self, name: str) -> tuple[str, ...]:
        """The models that can run instead of this one; empty if it is allowed to run."""
        for allowed in (self.token.models if self.token else (), self.models):
            if allowed and name not in allowed:
                return allowed
        return ()

    @property
    def only_model(self) -> str | None:
        """The model of requests that name none, if the caller is allowed to use only one."""
        for allowed in (self.token.models if self.token else (), self.models):
            if len(allowed) == 1:
                return allowed[0]
        return None

    def status(self, now: float) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"

    def as_item(self) -> dict[str, Any]:
        """The caller as stored beside the hash of its key."""
        fields = {
            "id": self.id,
            "name": self.name,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at,
            "models": list(self.models),
            "origins": list(self.origins),
            **{budget_field(period): self.budget.of(period) for period in PERIODS},
            "images_per_minute": self.images_per_minute,
            "requests_per_minute": self.requests_per_minute,
            "signs_webhooks": self.signs_webhooks,
            "hides_deployment_budget": self.hides_deployment_budget or None,
            "answers": self.answers if self.answers != "url" else None,
            "defaults": dict(self.defaults) or None,
            "fallbacks": list(self.fallbacks),
            "ask_above": self.ask_above,
        }
        return {name: value for name, value in fields.items() if value not in (None, [])}

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> "Caller":
        """The reverse of as_item."""
        return cls(
            id=item["id"],
            name=item["name"],
            created_at=int(item["created_at"]),
            expires_at=int(item["expires_at"]) if "expires_at" in item else None,
            revoked_at=int(item["revoked_at"]) if "revoked_at" in item else None,
            models=tuple(item.get("models", ())),
            origins=tuple(item.get("origins", ())),
            budget=Budget(**{period: item.get(budget_field(period)) for period in PERIODS}),
            images_per_minute=item.get("images_per_minute"),
            requests_per_minute=item.get("requests_per_minute"),
            hides_deployment_budget=item.get("hides_deployment_budget", False),
            key_hash=item.get("key_hash"),
            signs_webhooks=item.get("signs_webhooks"),
            answers=item.get("answers", "url"),
            defaults=item.get("defaults", {}),
            fallbacks=tuple(item.get("fallbacks", ())),
            ask_above=item.get("ask_above"),
        )


def budget_field(period: Period) -> str:
    """The attribute that a limit of a caller's budget is stored in."""
    return f"budget_{period}"


def new_key() -> str:
    """A new API key with 256 random bits; shown once, never stored."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def new_caller_id() -> str:
    """A caller's id, which is not secret."""
    return "key_" + secrets.token_hex(8)


def new_token_id() -> str:
    """A browser token's id, which is not secret."""
    return "tok_" + secrets.token_hex(16)


_is_token_id = re.compile(r"tok_[0-9a-f]{32}").fullmatch


def is_token_id(text: str) -> bool:
    """Whether the text has the shape of a browser token's id, so that nothing else costs a look-up."""
    return _is_token_id(text) is not None


def hash_key(key: str) -> str:
    """SHA-256 of a key in hex, which is all that is stored of it. A random key needs neither salt nor stretching."""
    return hashlib.sha256(key.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    """Whether the text has the shape of an Easel key, so that nothing else costs a look-up."""
    return _KEY_SHAPE.fullmatch(text) is not None
