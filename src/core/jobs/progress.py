"""How far a job is that has not ended: its stage, its time, the usual time, its position; as numbers and in words."""

from dataclasses import dataclass
from typing import Literal

from core.jobs.durations import Usual
from core.jobs.model import Job, Stage

_DOING: dict[str, str] = {"claimed": ", being prepared", "calling": "", "storing": ", being stored"}


@dataclass(frozen=True)
class Progress:
    """How far an unfinished job is.

    `elapsed` is in seconds: since its first start or, as long as it has had none, since it was accepted. `usual` is how
    long such jobs take from their first start to their end. `position` is roughly how many jobs are ahead of it in the
    queue; None if that is not known, or if it does not wait.
    """

    stage: Literal["queued"] | Stage
    elapsed: int
    usual: Usual | None = None
    position: int | None = None

    @classmethod
    def of(cls, job: Job, now: float, usual: Usual | None, position: int | None = None) -> "Progress":
        """That of a job at a moment (Unix seconds)."""
        stage = "queued" if job.status == "queued" or job.stage is None else job.stage
        return cls(stage, max(0, int(now) - job.began_at), usual, position)

    def in_words(self) -> str:
        """As "running for 12 s; such jobs usually take 14 s, 9 of 10 within 31 s"."""
        words = f"{self._doing()}{self._ahead()}"
        if self.usual is None:
            return words
        if self.stage != "queued" and self.elapsed > self.usual.p90:
            return f"{words}, longer than usual; 9 of 10 such jobs take at most {self.usual.p90} s"
        usual = self.usual.in_words(" once started" if self.stage == "queued" else "")
        return f"{words}; such jobs usually take {usual}"

    def _doing(self) -> str:
        if self.stage == "queued":
            return f"waiting for {self.elapsed} s"
        return f"running for {self.elapsed} s{_DOING[self.stage]}"

    def _ahead(self) -> str:
        match self.position:
            case None:
                return ""
            case 0:
                return ", with no job ahead"
            case 1:
                return ", with roughly 1 job ahead"
        return f", with roughly {self.position} jobs ahead"
