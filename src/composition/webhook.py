"""What the webhook function is made of."""

from composition.process import once
from core import aws
from core.outbound.addresses import TrustedHosts
from core.queues import JobQueue
from core.settings import WebhookSettings
from core.webhooks.delivery import Deliverer
from core.webhooks.secret_store import SecretStore
from core.webhooks.store import MessageStore


@once
def deliverer() -> Deliverer:
    """The delivery of webhooks, built from the environment."""
    settings = WebhookSettings.from_environment()
    return Deliverer(
        MessageStore(aws.dynamodb(), settings.jobs_table),
        SecretStore(aws.dynamodb(), settings.callers_table),
        JobQueue(aws.sqs(), settings.webhooks_queue_url),
        TrustedHosts.parse(settings.webhook_hosts),
    )
