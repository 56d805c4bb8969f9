"""How long a queued job may have to wait: estimated from how many wait, how many run at once, how long they take."""

import time
from dataclasses import dataclass

from core.jobs.durations import Durations
from core.jobs.model import QUEUE_PATIENCE_SECONDS, Job
from core.queues import JobQueue, QueueUnavailable

# Until it is known how long such jobs take. Most purchases take from 8 to 40 seconds; slow models and qualities take
# minutes.
_TYPICAL_SECONDS = 20


@dataclass(frozen=True)
class Estimate:
    """Roughly how many jobs wait, including this one, how many are ahead of it, and in how many seconds it may be done.

    SQS counts only approximately, and does not say in which order its messages come.
    """

    jobs_waiting: int
    position: int
    seconds: int


class WaitEstimates:
    """Estimates the wait of a queued job from the length of its queue."""

    def __init__(self, queue: JobQueue, worker_concurrency: int, durations: Durations) -> None:
        self._queue = queue
        self._worker_concurrency = worker_concurrency
        self._durations = durations

    def of(self, job: Job) -> Estimate | None:
        """The estimate for a queued job; None if it does not wait, or if the length of the queue cannot be read."""
        if job.status != "queued":
            return None
        try:
            depth = self._queue.depth()
        except QueueUnavailable:
            return None
        usual = self._durations.usual(job)
        typical = usual.p50 if usual else _TYPICAL_SECONDS
        rounds = -(-depth.waiting // self._worker_concurrency)
        seconds = max(rounds * typical, self._until_next_attempt(job)) + typical
        return Estimate(
            jobs_waiting=max(1, depth.waiting + depth.delayed),
            position=max(0, depth.waiting - 1),
            seconds=min(seconds, max(1, job.deadline - int(time.time()))),
        )

    def _until_next_attempt(self, job: Job) -> int:
        """Seconds. A job that the provider deferred is delivered again a minute before the sweep checks it."""
        if not job.attempts or job.check_at is None:
            return 0
        return max(0, job.check_at - QUEUE_PATIENCE_SECONDS - int(time.time()))
