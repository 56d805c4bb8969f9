"""What the announcer is made of: whoever is to learn of the end of a job is named here."""

import time
from functools import cache, partial

from composition.results import drop_results
from core import aws
from core.announcing import Announcer, Reaction
from core.answers import Answers
from core.notifying import Notifier
from core.publishing import Publisher
from core.settings import AnnouncerSettings
from core.stores.bus import EventBus
from core.stores.images import LastingLinks
from core.stores.jobs import JobStore
from core.stores.ledger import LedgerStore
from core.stores.messages import MessageStore
from core.stores.queue import JobQueue


@cache
def announcer() -> Announcer:
    """The announcer of this process, built from its environment."""
    settings = AnnouncerSettings.from_environment()
    jobs = JobStore(aws.dynamodb(), settings.jobs_table, LedgerStore(aws.dynamodb(), settings.ledger_table))
    return Announcer(jobs, _reactions(settings))


def _reactions(settings: AnnouncerSettings) -> dict[str, Reaction]:
    answers = Answers(LastingLinks(settings.public_url), settings.public_url, time.time(), lambda: None)
    messages = MessageStore(aws.dynamodb(), settings.jobs_table)
    webhooks = JobQueue(aws.sqs(), settings.webhooks_queue_url)
    return {
        # First, so that whoever hears of the event finds them there.
        "results of drops": partial(drop_results(settings).write, answers=answers),
        "event bus": Publisher(EventBus(aws.events(), settings.event_bus), answers).publish,
        "webhook": Notifier(messages, webhooks, answers).notify,
    }
