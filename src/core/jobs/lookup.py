"""How callers look up their jobs: by id, page by page, or by waiting for one to finish."""

import logging
import time
from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from core.callers.model import Caller
from core.errors import Hint, NotFound
from core.jobs.durations import Durations
from core.jobs.filters import NONE, Filters
from core.jobs.model import Job, is_job_id
from core.jobs.store import JobStore
from core.jobs.waiting import Wait

log = logging.getLogger(__name__)

# So soon a waiting call learns of the end. A read costs a read unit, or one more for each 4 KB of a long prompt.
_POLL_SECONDS = 0.1
# The first reads follow sooner, for jobs that end at once.
_FIRST_POLL_SECONDS = 0.05
# While a job hardly ends yet.
_EARLY_POLL_SECONDS = 1.0


class JobLookup:
    """The jobs of callers."""

    def __init__(self, jobs: JobStore, durations: Durations) -> None:
        self._jobs = jobs
        self._durations = durations

    def read(self, caller: Caller, job_id: str) -> Job:
        """A caller's job.

        Raises:
            NotFound: no such job, or another caller's.
        """
        job = self._jobs.get(job_id) if is_job_id(job_id) else None
        if job is None or not caller.owns(job):
            raise NotFound(f"There is no job '{job_id[:64]}'.", hint=Hint.LIST_JOBS, param="id")
        return job

    def page(
        self, caller: Caller, limit: int, after: str | None, wanted: Filters = NONE
    ) -> tuple[list[Job], str | None]:
        """A page of a caller's jobs, newest first, and the `after` of the next page, if there is one.

        Raises:
            NotFound: `after` is not a job of the caller.
        """
        last = self.read(caller, after) if after is not None else None
        return self._jobs.list_of(caller.id, limit, last, wanted)

    def wait(self, job: Job, wait: Wait, watch: Callable[[Job], None] | None = None) -> Job:
        """The job once it has finished, or as it is when the wait ends; `watch` gets it each time it is read.

        A caller that has too many calls waiting gets the job as it is. So does one whose job cannot be read any more,
        when the wait ends: an error would say that the purchase has failed, and make clients repeat it.
        """
        for latest in self.follow(job, wait):
            job = latest
            if watch:
                watch(job)
        return job

    def follow(self, job: Job, wait: Wait, every: float = _EARLY_POLL_SECONDS) -> Iterator[Job]:
        """The job each time it is read, at least every so many seconds, until it has finished or the wait ends.

        Nothing if it has finished already, or has too many calls waiting. If it cannot be read, it comes as it was.
        """
        pause = _FIRST_POLL_SECONDS
        while not job.finished and (remaining := wait.until - time.time()) > 0 and wait.granted():
            time.sleep(min(max(pause, self._too_early(job)), every, remaining))
            pause = min(pause * 1.2, _POLL_SECONDS)
            job = self._read_again(job)
            yield job

    def _too_early(self, job: Job) -> float:
        """Seconds until the job may well end: few take less than half of the usual time. 0 if that is not known.

        A second less, since usual times and the job's start are whole seconds: a quick job's end is never early.
        """
        usual = self._durations.usual(job)
        if usual is None:
            return 0.0
        running = time.time() - job.began_at if job.status == "running" else 0.0
        return usual.p50 / 2 - 1 - running

    def _read_again(self, job: Job) -> Job:
        try:
            return self._jobs.get(job.id) or job
        except (BotoCoreError, ClientError) as error:
            log.warning("a job cannot be read", extra={"job_id": job.id, "error": type(error).__name__})
            return job
