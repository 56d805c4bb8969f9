"""What the worker is made of: the only function that knows the provider."""

from functools import cache

import httpx

from core import aws
from core.performing import Performer
from core.providers.openai import OpenAIProvider
from core.providers.secret import ProviderKey
from core.settings import WorkerSettings
from core.stores.images import ImageStore
from core.stores.jobs import JobStore
from core.stores.queue import JobQueue


@cache
def http_client() -> httpx.Client:
    """The one connection pool to the provider."""
    return httpx.Client(headers={"User-Agent": "easel"}, follow_redirects=False)


@cache
def performer() -> Performer:
    """The performer of this process, built from its environment."""
    settings = WorkerSettings.from_environment()
    provider = OpenAIProvider(
        http=http_client(),
        base_url=settings.openai_base_url,
        key=ProviderKey(aws.secretsmanager(), settings.openai_secret_arn),
        organization=settings.openai_organization,
    )
    return Performer(
        jobs=JobStore(aws.dynamodb(), settings.jobs_table),
        images=ImageStore(aws.s3(), settings.images_bucket),
        queue=JobQueue(aws.sqs(), settings.jobs_queue_url),
        provider=provider,
    )
