"""What the sweep and the dead-letter function are made of."""

from functools import cache

from core import aws
from core.recovering import Recovery
from core.settings import JobSettings
from core.stores.jobs import JobStore
from core.stores.ledger import LedgerStore
from core.stores.queue import JobQueue


@cache
def recovery() -> Recovery:
    """The recovery of this process, built from its environment."""
    settings = JobSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    jobs = JobStore(aws.dynamodb(), settings.jobs_table, ledger)
    return Recovery(jobs, JobQueue(aws.sqs(), settings.jobs_queue_url))
