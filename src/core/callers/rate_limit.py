"""Rate limits for calls: cheap counts in the memory of one process, before anything is looked up.

They protect the service and are not exact, since each warm function counts for itself. Purchases are counted exactly,
in core.budgets.
"""

import time
from collections import OrderedDict
from math import ceil

# Beyond so many names, the one that was used least recently is forgotten.
_MAX_NAMES = 4096


class Throttle:
    """A token bucket for each name: it refills at so many per minute and holds one minute's worth."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, per_minute: int) -> int:
        """Seconds until a name has a token; 0 if it has one now."""
        available = self._available(name, per_minute)
        return 0 if available >= 1 else ceil((1 - available) * 60 / per_minute)

    def take(self, name: str, per_minute: int) -> None:
        """Use up one token of a name."""
        self._tokens[name] = (max(0.0, self._available(name, per_minute) - 1), time.time())
        self._tokens.move_to_end(name)
        if len(self._tokens) > _MAX_NAMES:
            self._tokens.popitem(last=False)

    def _available(self, name: str, per_minute: int) -> float:
        tokens, at = self._tokens.get(name, (float(per_minute), time.time()))
        return min(float(per_minute), tokens + (time.time() - at) * per_minute / 60)


class ExpiringCache[Value]:
    """A cache whose values expire after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: OrderedDict[str, tuple[Value, float]] = OrderedDict()

    def get(self, name: str) -> Value | None:
        """The value of a name; None if there is none, or it has expired."""
        value, at = self._values.get(name, (None, 0.0))
        return value if time.time() - at < self._seconds else None

    def put(self, name: str, value: Value) -> None:
        """Keep a value under a name."""
        self._values[name] = (value, time.time())
        self._values.move_to_end(name)
        if len(self._values) > _MAX_NAMES:
            self._values.popitem(last=False)
