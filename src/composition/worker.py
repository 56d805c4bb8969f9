"""What the worker is made of: its stores, and the providers."""

import os
from functools import cache

import httpx

from composition.process import once
from core import aws, catalog
from core.images.input_storage import InputStore
from core.images.storage import ImageStore
from core.jobs.concurrency import ConcurrencySlots
from core.jobs.store import JobStore
from core.jobs.worker import Worker
from core.ledger.store import LedgerStore
from core.providers import ImageProvider, connect, openai
from core.queues import JobQueue
from core.settings import WorkerSettings


@cache
def http_client() -> httpx.Client:
    """The one connection pool to providers. It depends on no setting, so its connections outlive a restart."""
    return openai.http_client()


@once
def provider(name: str) -> ImageProvider:
    """The adapter of the provider that the catalog calls by that name."""
    return connect(name, os.environ, http_client(), aws.secretsmanager())


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
        catalog=catalog.load(),
        provider=provider,
        slots=ConcurrencySlots(aws.dynamodb(), settings.jobs_table, settings.caller_concurrency),
    )
