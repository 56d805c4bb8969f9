"""How long a queued job may have to wait, estimated from how many wait and how many run at once."""

import time
from dataclasses import dataclass

from core.jobs.model import QUEUE_PATIENCE_SECONDS, Job
from core.queues import JobQueue, QueueUnavailable

# Most purchases take from 8 to 40 seconds; slow models and qualities take minutes.
_TYPICAL_SECONDS = 20


@dataclass(frozen=True)
class Estimate:
    """Roughly how many jobs wait, including this one, and in how many seconds this one may be done."""

    jobs_waiting: int
    seconds: int


class WaitEstimates:
    """Estimates the wait of a queued job from the length of its queue."""

    def __init__(self, queue: JobQueue, worker_concurrency: int) -> None:
        self._queue = queue
        self._worker_concurrency = worker_concurrency

    def of(self, job: Job) -> Estimate | None:
        """The estimate for a queued job; None if the length of the queue cannot be read."""
        try:
            depth = self._queue.depth()
        except QueueUnavailable:
            return None
        waiting = max(1, depth.waiting + depth.delayed)
        rounds = -(-depth.waiting // self._worker_concurrency)
        seconds = max(rounds * _TYPICAL_SECONDS, self._until_next_attempt(job)) + _TYPICAL_SECONDS
        return Estimate(waiting, min(seconds, max(1, job.deadline - int(time.time()))))

    def _until_next_attempt(self, job: Job) -> int:
        """Seconds. A job that the provider deferred is delivered again a minute before the sweep checks it."""
        if not job.attempts or job.check_at is None:
            return 0
        return max(0, job.check_at - QUEUE_PATIENCE_SECONDS - int(time.time()))
