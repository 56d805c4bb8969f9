"""Concurrency slots: which jobs of a caller run at this moment, so that no caller occupies all workers.

This is about fairness, not safety: if the table does not answer, a job runs.
"""

import logging

from botocore.exceptions import BotoCoreError, ClientError

from core.callers.use_counts import UseCounts, place_until

log = logging.getLogger(__name__)


class ConcurrencySlots:
    """Grants each caller at most `limit` slots at a time; 0 means no limit."""

    def __init__(self, counts: UseCounts, limit: int) -> None:
        self._counts = counts
        self._limit = limit

    def acquire(self, caller_id: str, job_id: str, until: int) -> bool:
        """Take a slot for a job, until it is released or `until` (Unix seconds) has passed; False if none is free."""
        try:
            return not self._limit or self._counts.take(caller_id, place_until(until, job_id), self._limit)
        except (BotoCoreError, ClientError) as error:
            log.warning("concurrency slots cannot be counted", extra={"error": type(error).__name__})
            return True

    def release(self, caller_id: str, job_id: str, until: int) -> None:
        """Free the slot that a job has until then."""
        try:
            if self._limit:
                self._counts.give_back(caller_id, place_until(until, job_id))
        except (BotoCoreError, ClientError) as error:
            log.warning("a concurrency slot was not released", extra={"error": type(error).__name__})
