"""How the end of a job is announced: to every reaction, at least once.

A job that ends is written with a mark, and that write wakes the announcer. It tells all reactions and then takes the
mark away. A job that keeps it is found by the sweep (see jobs.recovery), whatever was lost on the way. So a reaction
meets the same end once, rarely more often, and must not mind.
"""

import logging
from collections.abc import Callable, Mapping

from core.jobs.model import Job
from core.jobs.store import JobStore
from core.metrics import measure

log = logging.getLogger(__name__)

type Reaction = Callable[[Job], None]


class ReactionsFailed(Exception):
    """Reactions that failed, by name; the job has to be announced again."""


class Announcer:
    """Announces the ends of jobs to its reactions, which are told apart by name."""

    def __init__(self, jobs: JobStore, reactions: Mapping[str, Reaction]) -> None:
        self._jobs = jobs
        self._reactions = reactions

    def announce(self, job_id: str) -> None:
        """Announce a job's end as it is now, unless that was done already or it has none.

        Raises:
            ReactionsFailed: some reactions failed; the others were told all the same.
        """
        job = self._jobs.get(job_id)
        if job is None or not job.unannounced:
            return
        if failed := [name for name, react in self._reactions.items() if not _reacted(job, name, react)]:
            raise ReactionsFailed(", ".join(failed))
        if self._jobs.mark_announced(job):
            _measure_end(job)  # Here and not as a reaction, which may be repeated.


def _reacted(job: Job, name: str, react: Reaction) -> bool:
    try:
        react(job)
    except Exception:  # One that fails must not keep the others from running.
        log.exception("a reaction to the end of a job failed", extra={"job_id": job.id, "reaction": name})
        return False
    return True


def _measure_end(job: Job) -> None:
    """Measure how a job ended, what it brought and cost, and how long it took."""
    measure("JobsEnded", 1, job.status)
    # Its average is the rate of failures that no caller is to blame for.
    measure("FailedPercent", 100 if job.status == "failed" and job.error and job.error.status >= 500 else 0)
    if job.error:
        measure("Errors", 1, job.error.code)
    model = job.request.model
    if job.images:
        measure("Images", len(job.images), model)
    if job.cost:
        measure("CostUsd", job.cost / 1_000_000, model)
    if job.started_at is not None:
        measure("QueueSeconds", job.started_at - job.created_at)
        if job.finished_at is not None:
            # Only a model that delivers has a name that is worth a metric of its own.
            measure("JobSeconds", job.finished_at - job.created_at, model if job.images else None)
