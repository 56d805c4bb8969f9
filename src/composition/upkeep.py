"""What the sweep and the dead-letter function are made of."""

from functools import cache

from core import aws
from core.delivering import Redelivery
from core.recovering import Recovery
from core.settings import JobSettings, SpendingSettings, WebhookSettings
from core.spending import Spending
from core.stores.jobs import JobStore
from core.stores.ledger import LedgerStore
from core.stores.messages import MessageStore
from core.stores.queue import JobQueue


@cache
def redelivery() -> Redelivery:
    """The redelivery of webhooks of this process, built from its environment."""
    settings = WebhookSettings.from_environment()
    messages = MessageStore(aws.dynamodb(), settings.jobs_table)
    return Redelivery(messages, JobQueue(aws.sqs(), settings.webhooks_queue_url))


@cache
def spending() -> Spending:
    """The deployment's budgets, to be measured."""
    settings = SpendingSettings.from_environment()
    return Spending(LedgerStore(aws.dynamodb(), settings.ledger_table), settings.budget)


@cache
def recovery() -> Recovery:
    """The recovery of this process, built from its environment."""
    settings = JobSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    jobs = JobStore(aws.dynamodb(), settings.jobs_table, ledger)
    return Recovery(jobs, JobQueue(aws.sqs(), settings.jobs_queue_url))
