"""The event that is put on the event bus when a job ends."""

from core.event_bus import EventBus
from core.jobs.model import Job
from core.responses.builders import Answers

JOB_ENDED = "Job Ended"


class Publisher:
    """Publishes the ends of jobs on the event bus."""

    def __init__(self, bus: EventBus, answers: Answers) -> None:
        self._bus = bus
        self._answers = answers

    def publish(self, job: Job) -> None:
        """Publish what the job was, what it cost and where its images are, without prompt or signed URLs.

        Raises:
            EventNotTaken: the bus refused it.
        """
        seen = self._answers.job(job)
        detail = {
            "job_id": job.id,
            "caller_id": job.caller_id,
            "status": job.status,
            "operation": job.request.operation,
            "model": job.request.model,
            "charged": job.charged,
            "error_code": job.error.code if job.error else None,
            "cost": seen["easel"]["cost"],
            "images": [
                {"id": image["id"], "link": image["link"]} for image in (seen["result"] or {"data": []})["data"]
            ],
            "metadata": job.request.metadata,
            "drop": job.origin.to_event() if job.origin else None,
            "request_id": job.request_id,
            "created_at": job.created_at,
            "finished_at": job.finished_at,
        }
        self._bus.put(JOB_ENDED, detail, job.finished_at or job.created_at)
