"""What the sweep and the dead-letter function are made of."""

from functools import cache

from core import aws
from core.recovering import Recovery
from core.settings import JobSettings
from core.stores.jobs import JobStore
from core.stores.queue import JobQueue


@cache
def recovery() -> Recovery:
    """The recovery of this process, built from its environment."""
    settings = JobSettings.from_environment()
    return Recovery(JobStore(aws.dynamodb(), settings.jobs_table), JobQueue(aws.sqs(), settings.jobs_queue_url))
