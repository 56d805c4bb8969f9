"""How the end of a job is announced: to every reaction, at least once.

A job that ends is written as unannounced, and that write triggers the announcer, which runs all reactions and then
marks the job as announced. A job that stays unannounced is found by the sweep (see jobs.recovery), whatever was lost on
the way. So a reaction normally runs once for each end, may run again, and must be idempotent. What only counts is no
reaction: it runs after that mark, at most once, and whether it fails changes nothing.
"""

import logging
from collections.abc import Callable, Mapping

from core.jobs.model import Job
from core.jobs.store import JobStore
from core.metrics import measure

log = logging.getLogger(__name__)

type Reaction = Callable[[Job], None]


class ReactionsFailed(Exception):
    """Names of the reactions that failed; the job has to be announced again."""


class Announcer:
    """Announces the ends of jobs to its reactions, by name."""

    def __init__(
        self, jobs: JobStore, reactions: Mapping[str, Reaction], counts: Mapping[str, Reaction] | None = None
    ) -> None:
        self._jobs = jobs
        self._reactions = reactions
        self._counts = {"metrics": _measure_end, **(counts or {})}

    def announce(self, job_id: str) -> None:
        """Announce the end of a job, unless it was announced before or has not ended.

        Raises:
            ReactionsFailed: some reactions failed; the others ran nevertheless.
        """
        job = self._jobs.get(job_id)
        if job is None or not job.unannounced:
            return
        if failed := [name for name, react in self._reactions.items() if not _reacted(job, name, react)]:
            raise ReactionsFailed(", ".join(failed))
        if self._jobs.mark_announced(job):
            for name, count in self._counts.items():
                _reacted(job, name, count)


def _reacted(job: Job, name: str, react: Reaction) -> bool:
    try:
        react(job)
    except Exception:  # One failure must not keep the others from running.
        log.exception("a reaction to the end of a job failed", extra={"job_id": job.id, "reaction": name})
        return False
    return True


def _measure_end(job: Job) -> None:
    """Measure how a job ended, its images and cost, and how long it took."""
    measure("JobsEnded", 1, job.status)
    # Its average is the rate of failures that are not the caller's fault.
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
            # Only a model that delivered is worth a dimension of its own: other names may be made up.
            measure("JobSeconds", job.finished_at - job.created_at, model if job.images else None)
