"""What the drop function is made of."""

from composition import purchases as purchasing
from composition.process import once
from composition.results import drop_results
from core import aws
from core.callers.store import CallerStore
from core.drops.inbox import Inbox
from core.drops.intake import DropIntake
from core.drops.owners import Owners
from core.drops.prefix_store import PrefixStore
from core.event_bus import EventBus
from core.queues import DropsQueue
from core.settings import DropSettings


@once
def drop_intake() -> DropIntake:
    """The intake of drops, built from the environment."""
    settings = DropSettings.from_environment()
    callers_table = purchasing.settings().callers_table
    return DropIntake(
        inbox=Inbox(aws.s3_when_used(), settings.inbox_bucket),
        owners=Owners(PrefixStore(aws.dynamodb(), callers_table), CallerStore(aws.dynamodb(), callers_table)),
        purchases=purchasing.purchases(),
        queue=DropsQueue(aws.sqs(), settings.drops_queue_url),
        results=drop_results(purchasing.settings()),
        bus=EventBus(aws.events(), settings.event_bus),
        wait_seconds=settings.wait_seconds,
    )
