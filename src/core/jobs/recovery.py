"""What happens to abandoned jobs.

The sweep, which runs every minute, or a dead letter finds them. For a job that waits too long or whose lease ran out:

    queued   its message was lost, or the queue is long   queued again, until the deadline ends it free of charge
    claimed  nothing was bought yet                       queued again
    calling  the purchase may have happened               queued, for a worker to look for its images in the bucket;
    storing  it did happen                                never bought again automatically

The end of a job is normally announced at once (see core.completion); if it was not, it is handed to the announcer
again. An unknown job is checked once more before its record expires: what it still holds in the ledger counts as spent.
"""

import logging
import time
from collections import Counter
from itertools import chain

from core.jobs.model import ANNOUNCEMENT_PATIENCE_SECONDS, QUEUE_PATIENCE_SECONDS, Job
from core.jobs.problems import deadline_passed, exhausted
from core.jobs.store import JobChanged, JobStore, JobUnreadable
from core.ledger.transactions import StoreBusy
from core.metrics import measure
from core.queues import JobQueue, QueueUnavailable

log = logging.getLogger(__name__)

SWEEP_LIMIT = 200
# The longest pause between two attempts to recover the images of a bought job.
RESTORING_PATIENCE_SECONDS = 300


class Recovery:
    """Decides about abandoned jobs."""

    def __init__(self, jobs: JobStore, queue: JobQueue) -> None:
        self._jobs = jobs
        self._queue = queue

    def sweep(self) -> dict[str, int]:
        """Decide about every job that is due; returns how many jobs met each decision."""
        done: Counter[str] = Counter()
        now = time.time()
        due = [find(now, SWEEP_LIMIT) for find in (self._jobs.due, self._jobs.unannounced, self._jobs.unresolved)]
        for job_id in chain(*due):
            try:
                job = self._jobs.get(job_id)
                if job is not None and job.check_at is not None and job.check_at <= time.time():
                    done[self._redispatch(job) if job.unannounced else self._decide(job)] += 1
            except JobChanged:
                done["changed"] += 1
            except (JobUnreadable, QueueUnavailable, StoreBusy) as error:
                # One that cannot be handled must not block the others.
                log.error("job left for the next sweep", extra={"job_id": job_id, "error": type(error).__name__})
                done["postponed"] += 1
        return dict(done)

    def fail_undeliverable(self, job_id: str) -> None:
        """End a job whose message ran out of deliveries, unless a worker still holds it."""
        job = self._jobs.get(job_id)
        now = int(time.time())
        if job is None or job.finished or (job.status == "running" and not job.lease_expired(now)):
            return
        try:
            if not job.may_be_bought:  # Such a one is queued by the sweep.
                self._save("failed", job.failed(exhausted(), now))
        except JobChanged:
            log.info("job moved on", extra={"job_id": job_id})

    def _decide(self, job: Job) -> str:
        now = int(time.time())
        if job.finished:
            return self._save("counted as spent", job.closed_in_doubt(now))
        # The deadline bounds the wait for a purchase; what was bought is recovered, however late.
        if now >= job.deadline and not job.may_be_bought:
            return self._save("failed", job.overdue(deadline_passed(), now))
        # Doubled each time, so that copies do not fill a long queue. Bought jobs are few, so their pause has a limit.
        longest = RESTORING_PATIENCE_SECONDS if job.may_be_bought else now
        check_at = now + min(max(QUEUE_PATIENCE_SECONDS, now - job.created_at), longest)
        waiting = job.rescheduled(check_at) if job.may_be_bought else job.requeued(check_at)
        done = self._save("enqueued", waiting)
        self._queue.send(job.id, group=job.caller_id)
        return done

    def _redispatch(self, job: Job) -> str:
        now = int(time.time())
        # Less and less often: what cannot be reached now may be down for hours.
        self._jobs.redispatch(job, now + max(ANNOUNCEMENT_PATIENCE_SECONDS, now - (job.finished_at or now)))
        log.warning("the end of a job is announced late", extra={"job_id": job.id})
        measure("LateAnnouncements", 1)
        return "announced again"

    def _save(self, done: str, job: Job) -> str:
        self._jobs.save(job)
        log.warning("abandoned job", extra={"job_id": job.id, "decision": done, "stage": job.stage})
        return done
