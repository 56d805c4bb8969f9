"""How the end of a job is announced: to every reaction, at least once.

A job that ends is written with a mark, and that write wakes the announcer. It tells all reactions and then takes the
mark away. A job that keeps it is found by the sweep (see recovering), whatever was lost on the way. So a reaction meets
the same end once, rarely more often, and must not mind.
"""

import logging
from collections.abc import Callable, Mapping

from core.completion.measurement import measure_end
from core.jobs.model import Job
from core.jobs.store import JobStore

log = logging.getLogger(__name__)

type Reaction = Callable[[Job], None]


class NotAllTold(Exception):
    """Reactions that failed, by name; the job has to be announced again."""


class Announcer:
    """Announces the ends of jobs to its reactions, which are told apart by name."""

    def __init__(self, jobs: JobStore, reactions: Mapping[str, Reaction]) -> None:
        self._jobs = jobs
        self._reactions = reactions

    def announce(self, job_id: str) -> None:
        """Announce a job's end as it is now, unless that was done already or it has none.

        Raises:
            NotAllTold: some reactions failed; the others were told all the same.
        """
        job = self._jobs.get(job_id)
        if job is None or not job.unannounced:
            return
        if failed := [name for name, react in self._reactions.items() if not _told(job, name, react)]:
            raise NotAllTold(", ".join(failed))
        if self._jobs.mark_announced(job):
            measure_end(job)  # Here and not as a reaction, which may be repeated.


def _told(job: Job, name: str, react: Reaction) -> bool:
    try:
        react(job)
    except Exception:  # One that fails must not keep the others from running.
        log.exception("a reaction to the end of a job failed", extra={"job_id": job.id, "reaction": name})
        return False
    return True
