"""What the running simulator knows: its settings, and all that calls leave behind."""

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

    `keys` are the accepted API keys; none means any that starts with `sk-`. `today` decides which
    models have been shut down; None is the real date. `serve_retired` serves them all the same, as
    a compatible server might. `plain` draws cheap pictures.
    """

    keys: Collection[str] = ()
    today: date | None = None
    serve_retired: bool = False
    plain: bool = False


@dataclass
class State:
    """Settings that can be moved at run time, calls, planned faults, published files."""

    settings: Settings
    keys: frozenset[str] = frozenset()
    moved_today: date | None = None
    ledger: Ledger = field(default_factory=Ledger)
    plan: FaultPlan = field(default_factory=FaultPlan)
    _files: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with the settings' keys."""
        self.keys = frozenset(self.settings.keys)

    def reset(self) -> None:
        """Back to the settings: no calls, no faults, no files, the first keys, the first date."""
        self.ledger.clear()
        self.plan.clear()
        self._files.clear()
        self.keys = frozenset(self.settings.keys)
        self.moved_today = None

    @property
    def today(self) -> date:
        """The date by which models live and die."""
        return self.moved_today or self.settings.today or datetime.now(UTC).date()

    def serves(self, version: Version) -> bool:
        """Whether a model can be called today."""
        return self.settings.serve_retired or not version.retired(self.today)

    def authorize(self, key: str) -> None:
        """Raise the 401 unless the key is accepted."""
        if not key:
            raise errors.missing_api_key()
        if not (key in self.keys if self.keys else key.startswith("sk-")):
            raise errors.invalid_api_key()

    def publish(self, data: bytes) -> str:
        """Keep a file for an hour; returns its name."""
        name = f"img-{secrets.token_hex(12)}.png"
        self._files[name] = (data, time.monotonic() + _FILE_SECONDS)
        return name

    def published(self, name: str) -> bytes | None:
        """A file's bytes while it lasts."""
        data, expires = self._files.get(name, (b"", 0.0))
        return data if time.monotonic() < expires else None
