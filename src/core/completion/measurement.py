"""What the end of a job adds to the metrics."""

from core.jobs.model import Job
from core.metrics import measure


def measure_end(job: Job) -> None:
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
