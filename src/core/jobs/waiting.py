"""Calls that wait for a job. Each holds a Lambda function, so a caller and a browser token may have only so many.

A call takes its place only when it begins to wait, and gives it back however it ends. This is about fairness, not
safety: if the table does not answer, the call waits.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from core.callers.model import Caller
from core.callers.use_counts import UseCounts, place_until
from core.errors import Hint, RateLimited

log = logging.getLogger(__name__)

# As long as a call through API Gateway can wait: pages of strangers hold no function for longer, at any door.
TOKEN_WAIT_SECONDS = 25
# For the answer after the wait. A place that was not given back by then is one of a function that crashed.
_GRACE_SECONDS = 10
_RETRY_SECONDS = 5


class WaitingCalls:
    """Lets callers wait: each for at most `per_caller` calls at a time, its browser tokens' included; 0 for any number.

    A browser token has a smaller limit of its own (see BrowserToken.max_waiting_calls).
    """

    def __init__(self, counts: UseCounts, per_caller: int) -> None:
        self._counts = counts
        self._per_caller = per_caller

    @contextmanager
    def of(self, caller: Caller, started_at: float, seconds: float) -> Iterator["Wait"]:
        """A call that may wait for so many seconds from `started_at` (Unix seconds); a token's is cut short."""
        until = started_at + (min(seconds, TOKEN_WAIT_SECONDS) if caller.token else seconds)
        wait = Wait(self._counts, self._limits(caller), until)
        try:
            yield wait
        finally:
            wait.end()

    def _limits(self, caller: Caller) -> dict[str, int]:
        limits = {caller.token.id: caller.token.max_waiting_calls} if caller.token else {}
        return limits | ({caller.id: self._per_caller} if self._per_caller else {})


class Wait:
    """The wait of one call, until `until` (Unix seconds)."""

    def __init__(self, counts: UseCounts, limits: dict[str, int], until: float) -> None:
        self.until = until
        self._counts = counts
        self._limits = limits
        self._place = place_until(until + _GRACE_SECONDS, secrets.token_hex(8))
        self._taken: list[str] = []
        self._granted: bool | None = None

    @property
    def admission(self) -> Callable[[], None] | None:
        """What a purchase calls before it begins, so that nothing is bought for a call that may not wait."""
        return self._require if self._limits and time.time() < self.until else None

    def granted(self) -> bool:
        """Whether the call may wait. The first time it takes a place."""
        if self._granted is None:
            self._granted = self._take()
        return self._granted

    def end(self) -> None:
        """Give back what was taken."""
        for subject in self._taken:
            try:
                self._counts.give_back(subject, self._place)
            except (BotoCoreError, ClientError) as error:
                log.warning("a waiting call was not counted out", extra={"error": type(error).__name__})
        self._taken.clear()

    def _take(self) -> bool:
        for subject, limit in self._limits.items():
            self._taken.append(subject)  # Whatever the answer: giving back a place that was not taken does nothing.
            try:
                if not self._counts.take(subject, self._place, limit):
                    self._taken.remove(subject)
                    self.end()
                    return False
            except (BotoCoreError, ClientError) as error:
                log.warning("waiting calls cannot be counted", extra={"error": type(error).__name__})
        return True

    def _require(self) -> None:
        if not self.granted():
            allowed = min(self._limits.values())
            raise RateLimited(
                f"At most {allowed} calls of this caller can wait at the same time, and as many are waiting. "
                "Nothing was bought.",
                hint=Hint.DO_NOT_WAIT,
                code="too_many_waiting_calls",
                retry_after=_RETRY_SECONDS,
            )
