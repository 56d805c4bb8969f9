"""What the worker is made of: its stores, and the providers."""

import os
from functools import cache

from composition.models import models
from composition.process import once
from core import aws
from core.callers.use_counts import UseCounts
from core.catalog.operator import own_providers
from core.images.input_storage import InputStore
from core.images.previews import PreviewStore
from core.images.storage import ImageStore
from core.jobs.concurrency import ConcurrencySlots
from core.jobs.store import JobStore
from core.jobs.worker import Worker
from core.ledger.store import LedgerStore
from core.providers import ImageProvider, Tools, connect, settings_of
from core.providers.http import HttpClient
from core.queues import JobQueue
from core.settings import WorkerSettings


@cache
def http_client() -> HttpClient:
    """The one client of providers. It depends on no setting, so its connections outlive a restart."""
    return HttpClient()


@once
def provider(name: str) -> ImageProvider:
    """The provider that the catalog calls by that name: one of Easel's own, or one of the operator's."""
    own = own_providers().get(name)
    settings = own.settings() if own else settings_of(name, os.environ)
    return connect(models().providers[name].adapter, settings, Tools(http_client(), aws.secretsmanager()))


@once
def providers() -> list[ImageProvider]:
    """All of this deployment, so that the first job finds its own ready."""
    return [provider(name) for name in models().providers]


@once
def worker() -> Worker:
    """The worker, built from the environment."""
    settings = WorkerSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    return Worker(
        jobs=JobStore(aws.dynamodb(), settings.jobs_table, ledger),
        ledger=ledger,
        images=ImageStore(aws.s3(), settings.images_bucket),
        inputs=InputStore(aws.s3(), settings.images_bucket),
        queue=JobQueue(aws.sqs(), settings.jobs_queue_url),
        catalog=models(),
        provider=provider,
        slots=ConcurrencySlots(UseCounts(aws.dynamodb(), settings.jobs_table, "turns"), settings.caller_concurrency),
        previews=lambda: PreviewStore(aws.s3_in_passing(), settings.images_bucket),
    )
