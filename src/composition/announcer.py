"""What the announcer is made of: everything that reacts to the end of a job."""

import time
from collections.abc import Callable
from functools import partial

from composition.process import once
from composition.results import drop_results
from core import aws
from core.budgets import Budgets
from core.callers.store import CallerStore
from core.completion.dispatcher import Announcer, Reaction
from core.completion.events import Publisher
from core.completion.webhooks import Notifier
from core.drops.owners import Owners
from core.drops.prefix_store import PrefixStore
from core.event_bus import EventBus
from core.images.storage import Permalinks
from core.jobs.model import Job
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.queues import JobQueue
from core.responses.builders import Answers
from core.settings import AnnouncerSettings
from core.webhooks.store import MessageStore


@once
def announcer() -> Announcer:
    """The announcer, built from the environment."""
    settings = AnnouncerSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    return Announcer(JobStore(aws.dynamodb(), settings.jobs_table, ledger), _reactions(settings, ledger))


def _reactions(settings: AnnouncerSettings, ledger: LedgerStore) -> dict[str, Reaction]:
    answers = _answers(settings, lambda: None)
    messages = MessageStore(aws.dynamodb(), settings.jobs_table)
    webhooks = JobQueue(aws.sqs(), settings.webhooks_queue_url)
    return {
        # First, so that whoever receives the event finds them.
        "results of drops": _result_writer(settings, Budgets(ledger, settings.budget)),
        "event bus": Publisher(EventBus(aws.events(), settings.event_bus), answers).publish,
        "webhook": Notifier(messages, webhooks, answers).notify,
    }


def _result_writer(settings: AnnouncerSettings, budgets: Budgets) -> Reaction:
    """Writes manifests, which say what remains of the caller's budget, as answers do."""
    callers = CallerStore(aws.dynamodb(), settings.callers_table)
    owners = Owners(PrefixStore(aws.dynamodb(), settings.callers_table), callers)
    results = drop_results(settings)

    def remaining(job: Job) -> int | None:
        caller = owners.caller_of(job)
        return budgets.remaining(caller) if caller else None

    return lambda job: results.write(job, _answers(settings, partial(remaining, job)))


def _answers(settings: AnnouncerSettings, budget_left: Callable[[], int | None]) -> Answers:
    return Answers(Permalinks(settings.public_url), settings.public_url, time.time(), budget_left)
