"""What the announcer is made of: whoever is to learn of the end of a job is named here."""

import time
from collections.abc import Callable
from functools import cache, partial

from composition.results import drop_results
from core import aws
from core.announcing import Announcer, Reaction
from core.answers import Answers
from core.drops.owners import Owners
from core.jobs import Job
from core.notifying import Notifier
from core.publishing import Publisher
from core.settings import AnnouncerSettings
from core.spending import Spending
from core.stores.bus import EventBus
from core.stores.callers import CallerStore
from core.stores.images import LastingLinks
from core.stores.jobs import JobStore
from core.stores.ledger import LedgerStore
from core.stores.messages import MessageStore
from core.stores.prefixes import PrefixStore
from core.stores.queue import JobQueue


@cache
def announcer() -> Announcer:
    """The announcer of this process, built from its environment."""
    settings = AnnouncerSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    return Announcer(JobStore(aws.dynamodb(), settings.jobs_table, ledger), _reactions(settings, ledger))


def _reactions(settings: AnnouncerSettings, ledger: LedgerStore) -> dict[str, Reaction]:
    answers = _answers(settings, lambda: None)
    messages = MessageStore(aws.dynamodb(), settings.jobs_table)
    webhooks = JobQueue(aws.sqs(), settings.webhooks_queue_url)
    return {
        # First, so that whoever hears of the event finds them there.
        "results of drops": _leaving_results(settings, Spending(ledger, settings.budget)),
        "event bus": Publisher(EventBus(aws.events(), settings.event_bus), answers).publish,
        "webhook": Notifier(messages, webhooks, answers).notify,
    }


def _leaving_results(settings: AnnouncerSettings, spending: Spending) -> Reaction:
    """Manifests tell, as the doors' answers do, what the caller's budget has left."""
    callers = CallerStore(aws.dynamodb(), settings.callers_table)
    owners = Owners(PrefixStore(aws.dynamodb(), settings.callers_table), callers)
    results = drop_results(settings)

    def left(job: Job) -> int | None:
        payer = owners.payer_of(job)
        return spending.left(payer) if payer else None

    return lambda job: results.write(job, _answers(settings, partial(left, job)))


def _answers(settings: AnnouncerSettings, left: Callable[[], int | None]) -> Answers:
    return Answers(LastingLinks(settings.public_url), settings.public_url, time.time(), left)
