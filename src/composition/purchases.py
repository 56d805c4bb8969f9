"""What a purchase needs up to its job in the queue: all that the doors share, and all that the inbox has."""

from composition.models import default_model, models
from composition.process import once
from core import aws
from core.budgets import Budgets
from core.callers.use_counts import UseCounts
from core.images.input_storage import InputStore
from core.images.storage import ImageStore
from core.jobs.durations import Durations
from core.jobs.library import ImageLibrary
from core.jobs.lookup import JobLookup
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.outbound.addresses import TrustedHosts
from core.purchases import Purchases
from core.purchases.inputs import InputCollector
from core.purchases.submission import JobSubmission
from core.queues import JobQueue
from core.requests.resolver import ModelPolicy, Resolver
from core.settings import ApiSettings
from core.uploads import Uploads
from core.uploads.store import UploadBucket, UploadStore
from core.webhooks.destinations import WebhookDestinations

_DAY_SECONDS = 86400


@once
def settings() -> ApiSettings:
    """The settings, read from the environment."""
    return ApiSettings.from_environment()


@once
def ledger() -> LedgerStore:
    """What was spent."""
    return LedgerStore(aws.dynamodb(), settings().ledger_table)


@once
def budgets() -> Budgets:
    """What may be spent."""
    return Budgets(ledger(), settings().budget)


@once
def jobs() -> JobStore:
    """The jobs of all callers."""
    return JobStore(aws.dynamodb(), settings().jobs_table, ledger())


@once
def queue() -> JobQueue:
    """Where jobs wait for a worker."""
    return JobQueue(aws.sqs(), settings().jobs_queue_url)


@once
def durations() -> Durations:
    """How long jobs took."""
    return Durations(aws.dynamodb(), settings().jobs_table)


@once
def lookup() -> JobLookup:
    """A caller's jobs."""
    return JobLookup(jobs(), durations())


@once
def image_store() -> ImageStore:
    """The bucket, as far as it holds images."""
    return ImageStore(aws.s3_when_used(), settings().images_bucket)


@once
def images() -> ImageLibrary:
    """A caller's images."""
    return ImageLibrary(jobs(), image_store(), lookup())


@once
def use_counts() -> UseCounts:
    """What each caller has used of what is limited in number."""
    return UseCounts(aws.dynamodb(), settings().jobs_table, "uses")


@once
def uploads() -> Uploads:
    """A caller's uploads."""
    bucket = UploadBucket(aws.s3_when_used(), settings().images_bucket)
    return Uploads(UploadStore(aws.dynamodb(), settings().jobs_table), bucket, use_counts())


@once
def purchases() -> Purchases:
    """From a request to its job."""
    chosen = settings()
    policy = ModelPolicy(default_model(), chosen.retired_models, chosen.defaults, chosen.fallbacks)
    inputs = InputStore(aws.s3_when_used(), chosen.images_bucket)
    return Purchases(
        resolver=Resolver(models(), policy),
        inputs=InputCollector(images(), uploads(), inputs, TrustedHosts.parse(chosen.trusted_hosts)),
        budgets=budgets(),
        destinations=WebhookDestinations(TrustedHosts.parse(chosen.webhook_hosts)),
        submission=JobSubmission(jobs(), queue(), budgets()),
        retention_seconds=chosen.retention_days * _DAY_SECONDS,
    )
