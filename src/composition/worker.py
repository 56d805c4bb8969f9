"""What the worker is made of: the only function that knows the provider."""

import os
import time
from functools import cache

import httpx

from core import aws, catalog
from core.performing import Performer
from core.providers import ImageProvider, connect
from core.settings import WorkerSettings
from core.stores.images import ImageStore
from core.stores.inputs import InputStore
from core.stores.jobs import JobStore
from core.stores.ledger import LedgerStore
from core.stores.queue import JobQueue
from core.stores.turns import TurnStore


@cache
def http_client() -> httpx.Client:
    """The one connection pool to providers."""
    return httpx.Client(headers={"User-Agent": "easel"}, follow_redirects=False)


@cache
def provider(name: str) -> ImageProvider:
    """The adapter that the catalog calls by that name."""
    return connect(name, os.environ, http_client(), aws.secretsmanager())


@cache
def performer() -> Performer:
    """The performer of this process, built from its environment."""
    settings = WorkerSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    return Performer(
        jobs=JobStore(aws.dynamodb(), settings.jobs_table, ledger),
        ledger=ledger,
        images=ImageStore(aws.s3(), settings.images_bucket),
        inputs=InputStore(aws.s3(), settings.images_bucket),
        queue=JobQueue(aws.sqs(), settings.jobs_queue_url),
        catalog=catalog.load(),
        provider=provider,
        turns=TurnStore(aws.dynamodb(), settings.jobs_table, settings.caller_concurrency, time.time),
        sleep=time.sleep,
    )
