"""What becomes of jobs that nobody works on any more.

Found by the sweep, which runs every minute, or by a dead letter. The rule, for a job whose lease ran out:

    queued   its message was lost, or the queue is long   queued again, until the deadline ends it free of charge
    claimed  nothing was bought yet                       queued again
    calling  the purchase may have happened               unknown; never bought again by itself
    storing  bought; the images may be in the bucket      given to a worker, which looks

A job that ended is normally announced at once (see core.completion); one that was not is brought before the announcer
again. An unknown job is looked at once more before its record expires: what it still holds in the ledger counts as
spent.
"""

import logging
import time
from collections import Counter
from itertools import chain

from core.jobs.model import ANNOUNCEMENT_PATIENCE_SECONDS, QUEUE_PATIENCE_SECONDS, Job
from core.jobs.problems import deadline_passed, given_up, lost_while_calling
from core.jobs.store import JobChanged, JobStore, JobUnreadable, StoreBusy
from core.metrics import measure
from core.queues import JobQueue, QueueUnavailable

log = logging.getLogger(__name__)

SWEEP_LIMIT = 200
# A bought job is looked for so often at least, however long its images could not be reached.
RESTORING_PATIENCE_SECONDS = 300


class Recovery:
    """Decides about abandoned jobs."""

    def __init__(self, jobs: JobStore, queue: JobQueue) -> None:
        self._jobs = jobs
        self._queue = queue

    def sweep(self) -> dict[str, int]:
        """Look at every job that is due, and count what was done with them."""
        done: Counter[str] = Counter()
        now = time.time()
        due = [find(now, SWEEP_LIMIT) for find in (self._jobs.due, self._jobs.unannounced, self._jobs.unresolved)]
        for job_id in chain(*due):
            try:
                job = self._jobs.get(job_id)
                if job is not None and job.check_at is not None and job.check_at <= time.time():
                    done[self._remind(job) if job.unannounced else self._decide(job)] += 1
            except JobChanged:
                done["changed"] += 1
            except (JobUnreadable, QueueUnavailable, StoreBusy) as error:
                # One that cannot be dealt with must not keep the others waiting.
                log.error("job left for the next sweep", extra={"job_id": job_id, "error": type(error).__name__})
                done["left"] += 1
        return dict(done)

    def bury(self, job_id: str) -> None:
        """End a job whose message was delivered several times in vain, unless somebody still works on it."""
        job = self._jobs.get(job_id)
        now = int(time.time())
        if job is None or job.finished or (job.status == "running" and not job.lease_expired(now)):
            return
        try:
            if job.stage == "calling":
                self._save("unknown", job.unknown(lost_while_calling(), now))
            elif job.stage != "storing":  # The sweep gives a bought one to a worker.
                self._save("failed", job.failed(given_up(), now))
        except JobChanged:
            log.info("job moved on", extra={"job_id": job_id})

    def _decide(self, job: Job) -> str:
        now = int(time.time())
        if job.finished:
            return self._save("counted as spent", job.given_up_in_doubt(now))
        if job.stage == "calling":
            return self._save("unknown", job.unknown(lost_while_calling(), now))
        # The deadline bounds the waiting for a purchase; what was bought is looked for, however late.
        if now >= job.deadline and job.stage != "storing":
            return self._save("failed", job.overdue(deadline_passed(), now))
        # Twice as long each time, so that a long queue is not filled with copies. Few jobs are paid for and not stored.
        longest = RESTORING_PATIENCE_SECONDS if job.stage == "storing" else now
        check_at = now + min(max(QUEUE_PATIENCE_SECONDS, now - job.created_at), longest)
        waiting = job.looked_at(check_at) if job.stage == "storing" else job.requeued(check_at)
        done = self._save("enqueued", waiting)
        self._queue.send(job.id, group=job.caller_id)
        return done

    def _remind(self, job: Job) -> str:
        now = int(time.time())
        # Less and less often: whoever cannot be told now may be out of reach for hours.
        self._jobs.remind(job, now + max(ANNOUNCEMENT_PATIENCE_SECONDS, now - (job.finished_at or now)))
        log.warning("the end of a job is announced late", extra={"job_id": job.id})
        measure("LateAnnouncements", 1)
        return "announced again"

    def _save(self, done: str, job: Job) -> str:
        self._jobs.save(job)
        log.warning("abandoned job", extra={"job_id": job.id, "decision": done, "stage": job.stage})
        return done
