"""Who calls: API keys as callers see them, and what is kept of them."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from core.ledger import PERIODS, Budget

KEY_PREFIX = "ek_"
_KEY_SHAPE = re.compile(r"ek_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Caller:
    """Whoever an API key stands for. Times are Unix seconds; empty tuples allow everything."""

    id: str
    name: str
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    models: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)

    def status(self, now: float) -> str:
        """active, expired or revoked."""
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
            **budget_item(self.budget),
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
            budget=Budget(**{period: item.get(f"budget_{period}") for period in PERIODS}),
        )


def budget_item(budget: Budget) -> dict[str, int | None]:
    """A budget as it is stored with a caller."""
    return {f"budget_{period}": budget.of(period) for period in PERIODS}


def new_key() -> str:
    """A fresh API key with 256 random bits; shown once, never stored."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def new_caller_id() -> str:
    """A caller's public id, which is no secret."""
    return "key_" + secrets.token_hex(8)


def hash_key(key: str) -> str:
    """SHA-256 of a key in hex: all that is stored of it. A key is random, so it needs neither salt nor stretching."""
    return hashlib.sha256(key.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    """Whether the text has the shape of an Easel key, so that nonsense costs no look-up."""
    return _KEY_SHAPE.fullmatch(text) is not None
