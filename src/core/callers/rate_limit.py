"""How many calls a minute get through: cheap counts in the memory of one function, before anything is looked up.

They are a guard and no ledger: each warm function counts for itself. What is bought is counted exactly (core.budgets).
"""

import time
from collections import OrderedDict
from math import ceil

# Of whatever is counted, so many are remembered; then the one that was not seen for longest is forgotten.
_MOST_REMEMBERED = 4096


class Throttle:
    """Counts by name: so many a minute, saved up to a minute's worth."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, per_minute: int) -> int:
        """Seconds until there is one left for a name; 0 when there is one."""
        left = self._now_left(name, per_minute)
        return 0 if left >= 1 else ceil((1 - left) * 60 / per_minute)

    def take(self, name: str, per_minute: int) -> None:
        """Count one."""
        self._left[name] = (max(0.0, self._now_left(name, per_minute) - 1), time.time())
        self._left.move_to_end(name)
        if len(self._left) > _MOST_REMEMBERED:
            self._left.popitem(last=False)

    def _now_left(self, name: str, per_minute: int) -> float:
        left, at = self._left.get(name, (float(per_minute), time.time()))
        return min(float(per_minute), left + (time.time() - at) * per_minute / 60)


class Remembered[Value]:
    """What was learned of a name, for a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[Value, float]] = OrderedDict()

    def get(self, name: str) -> Value | None:
        """What was learned; None if that is too long ago."""
        value, at = self._known.get(name, (None, 0.0))
        return value if time.time() - at < self._seconds else None

    def put(self, name: str, value: Value) -> None:
        """Learn it now."""
        self._known[name] = (value, time.time())
        self._known.move_to_end(name)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
