"""The state of a running simulator: its settings, and what calls leave behind."""

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from local.simulator import errors
from local.simulator.catalog import Version
from local.simulator.faults import FaultPlan
from local.simulator.ledger import Ledger

_FILE_SECONDS = 3600


@dataclass(frozen=True)
class Settings:
    """How a simulator behaves.

    `keys` are the accepted API keys; none means any that starts with `sk-`. `today` decides which models are retired;
    None is the real date. `serve_retired` keeps serving those, as a compatible server might. `plain` draws simple
    images, which is faster.
    """

    keys: Collection[str] = ()
    today: date | None = None
    serve_retired: bool = False
    plain: bool = False


@dataclass
class State:
    """What changes at run time: accepted keys, the date, calls, planned faults, and published files."""

    settings: Settings
    keys: frozenset[str] = frozenset()
    set_today: date | None = None
    ledger: Ledger = field(default_factory=Ledger)
    plan: FaultPlan = field(default_factory=FaultPlan)
    _files: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with the keys of the settings."""
        self.keys = frozenset(self.settings.keys)

    def reset(self) -> None:
        """Return to the settings: no calls, faults or files; the original keys and date."""
        self.ledger.clear()
        self.plan.clear()
        self._files.clear()
        self.keys = frozenset(self.settings.keys)
        self.set_today = None

    @property
    def today(self) -> date:
        """The date that decides which models are retired."""
        return self.set_today or self.settings.today or datetime.now(UTC).date()

    def serves(self, version: Version) -> bool:
        """Whether a model can be used today."""
        return self.settings.serve_retired or not version.retired(self.today)

    def authorize(self, key: str) -> None:
        """Raise the 401 unless the key is accepted."""
        if not key:
            raise errors.missing_api_key()
        if not (key in self.keys if self.keys else key.startswith("sk-")):
            raise errors.invalid_api_key()

    def publish(self, data: bytes) -> str:
        """Store a file for an hour; returns its name."""
        name = f"img-{secrets.token_hex(12)}.png"
        self._files[name] = (data, time.monotonic() + _FILE_SECONDS)
        return name

    def published(self, name: str) -> bytes | None:
        """The bytes of a file; None if it is unknown or has expired."""
        data, expires = self._files.get(name, (b"", 0.0))
        return data if time.monotonic() < expires else None
