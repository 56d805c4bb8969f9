"""What the announcer is made of: everything that reacts to the end of a job."""

from composition.process import once
from composition.results import answers_without_request, drop_results
from core import aws
from core.completion.dispatcher import Announcer, Reaction
from core.completion.events import Publisher
from core.completion.webhooks import Notifier
from core.event_bus import EventBus
from core.jobs.durations import Durations
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.queues import JobQueue
from core.settings import AnnouncerSettings
from core.webhooks.store import MessageStore


@once
def announcer() -> Announcer:
    """The announcer, built from the environment."""
    settings = AnnouncerSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    jobs = JobStore(aws.dynamodb(), settings.jobs_table, ledger)
    durations = Durations(aws.dynamodb(), settings.jobs_table)
    return Announcer(jobs, _reactions(settings), {"durations": durations.count})


def _reactions(settings: AnnouncerSettings) -> dict[str, Reaction]:
    answers = answers_without_request(settings.public_url, lambda: None)
    messages = MessageStore(aws.dynamodb(), settings.jobs_table)
    webhooks = JobQueue(aws.sqs(), settings.webhooks_queue_url)
    return {
        # First, so that whoever receives the event finds them.
        "results of drops": drop_results(settings).write,
        "event bus": Publisher(EventBus(aws.events(), settings.event_bus), answers).publish,
        "webhook": Notifier(messages, webhooks, answers).notify,
    }
