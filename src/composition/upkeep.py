"""What the sweep and the dead-letter function are made of."""

from composition.process import once
from core import aws
from core.budgets import Budgets
from core.jobs.recovery import Recovery
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.queues import JobQueue
from core.settings import JobSettings, SpendingSettings, WebhookSettings
from core.webhooks.delivery import Redelivery
from core.webhooks.store import MessageStore


@once
def redelivery() -> Redelivery:
    """The redelivery of webhooks, built from the environment."""
    settings = WebhookSettings.from_environment()
    messages = MessageStore(aws.dynamodb(), settings.jobs_table)
    return Redelivery(messages, JobQueue(aws.sqs(), settings.webhooks_queue_url))


@once
def spending() -> Budgets:
    """The deployment's budgets, to be measured."""
    settings = SpendingSettings.from_environment()
    return Budgets(LedgerStore(aws.dynamodb(), settings.ledger_table), settings.budget)


@once
def recovery() -> Recovery:
    """The recovery of jobs, built from the environment."""
    settings = JobSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    jobs = JobStore(aws.dynamodb(), settings.jobs_table, ledger)
    return Recovery(jobs, JobQueue(aws.sqs(), settings.jobs_queue_url))
