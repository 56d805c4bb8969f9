"""Cancellation of jobs: at once and free of charge while it is certain that nothing was bought, later not at all.

The race with the worker is decided by the job's version. A worker that has claimed a job writes it once more before it
buys; if the cancellation was written first, that write fails and nothing is bought.
"""

import logging
import time

from core.callers.model import Caller
from core.errors import Conflict, Hint, ServiceUnavailable
from core.jobs.lookup import JobLookup
from core.jobs.model import Job
from core.jobs.store import JobChanged, JobStore
from core.ledger.transactions import StoreBusy

log = logging.getLogger(__name__)

# Others write a job only a few times in its life.
_ATTEMPTS = 8


class Cancellation:
    """Cancels jobs."""

    def __init__(self, jobs: JobStore, lookup: JobLookup) -> None:
        self._jobs = jobs
        self._lookup = lookup

    def cancel(self, caller: Caller, job_id: str) -> Job:
        """The canceled job. Canceling it again changes nothing.

        Raises:
            NotFound: there is no such job, it is another caller's, or it expired in the meantime.
            Conflict: it is too late; the error says what is known about the purchase.
            ServiceUnavailable: other writes keep getting in first.
        """
        for _ in range(_ATTEMPTS):
            job = self._lookup.read(caller, job_id)
            if job.status == "canceled":
                return job
            if not job.may_be_canceled:
                raise _too_late(job)
            try:
                canceled = self._jobs.save(job.canceled(int(time.time())))
            except JobChanged:
                continue
            except StoreBusy:
                break
            log.info("job canceled", extra={"job_id": job.id, "stage": job.stage})
            return canceled
        raise ServiceUnavailable("The job is being changed.", hint=Hint.SEND_AGAIN, retry_after=1)


def _too_late(job: Job) -> Conflict:
    if job.finished:
        return Conflict(
            f"The job has already ended as '{job.status}'.",
            hint=Hint.READ_JOB,
            code="already_finished",
            job_id=job.id,
            charged=job.charged,
        )
    bought = job.stage == "storing"
    what = "The images are bought and being stored" if bought else "The purchase has been started and may be charged"
    return Conflict(
        f"{what}, so the job can no longer be canceled.",
        hint=Hint.READ_JOB,
        code="too_late_to_cancel",
        job_id=job.id,
        charged=True if bought else "unknown",
    )
