"""What the HTTP doors are made of."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from core import aws, catalog
from core.accepting import Acceptor
from core.authentication import Gate
from core.canceling import Canceler
from core.catalog import Catalog
from core.delivering import Receivers
from core.estimating import Estimator
from core.gathering import Gatherer
from core.inputs.addresses import TrustedHosts
from core.ledger import Budget
from core.library import Library
from core.requests.resolving import ModelPolicy, Resolver
from core.settings import ApiSettings
from core.spending import Spending
from core.stores.callers import CallerStore
from core.stores.images import ImageLinks, ImageStore
from core.stores.inputs import InputStore
from core.stores.jobs import JobStore
from core.stores.ledger import LedgerStore
from core.stores.messages import MessageStore, SecretStore
from core.stores.queue import JobQueue
from core.stores.uploads import UploadBucket, UploadStore
from core.uploads import Uploads

if TYPE_CHECKING:
    from core.bearers import Bearers
    from core.tokens import Tokens

_DAY_SECONDS = 86400


@dataclass(frozen=True)
class Doors:
    """Everything a door hands its requests to."""

    settings: ApiSettings
    catalog: Catalog
    resolver: Resolver
    gate: Gate
    gatherer: Gatherer
    acceptor: Acceptor
    canceler: Canceler
    spending: Spending
    library: Library
    uploads: Uploads
    tokens: "Callable[[], Tokens]"
    jobs: JobStore
    estimator: Estimator
    pictures: ImageStore
    messages: MessageStore
    links: ImageLinks


@cache
def tokens() -> "Tokens":
    """The browser tokens of this process. Built when the first one comes: most calls bring a key, and load less."""
    from core.stores.signing import SigningSecret  # noqa: PLC0415 - loaded with the first token only
    from core.stores.tokens import TokenStore  # noqa: PLC0415 - loaded with the first token only
    from core.tokens import LONGEST_SECONDS, Tokens  # noqa: PLC0415 - loaded with the first token only

    settings = ApiSettings.from_environment()
    return Tokens(
        TokenStore(aws.dynamodb(), settings.jobs_table),
        CallerStore(aws.dynamodb(), settings.callers_table),
        SigningSecret(aws.secretsmanager(), settings.token_secret_arn, LONGEST_SECONDS, time.time),
        catalog.load(),
    )


@cache
def bearers() -> "Bearers":
    """What recognises signed tokens in this process: browser tokens, and those of the operator's sign-in.

    Built when the first one comes, like the former.
    """
    from core.bearers import Bearers  # noqa: PLC0415 - loaded with the first token only
    from core.oidc import IssuerKeys, OidcPolicy, OidcTokens  # noqa: PLC0415 - loaded with the first token only

    settings = ApiSettings.from_environment()
    if not settings.oidc_issuer:
        return Bearers(tokens(), None)
    policy = OidcPolicy(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        scope=settings.oidc_scope,
        budget=Budget(day=settings.oidc_daily_budget, month=settings.oidc_monthly_budget),
        images_per_minute=settings.oidc_images_per_minute or None,
        requests_per_minute=settings.oidc_requests_per_minute or None,
    )
    return Bearers(tokens(), OidcTokens(policy, IssuerKeys(settings.oidc_issuer)))


@cache
def doors() -> Doors:
    """The doors of this process, built from its environment."""
    settings = ApiSettings.from_environment()
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    jobs = JobStore(aws.dynamodb(), settings.jobs_table, ledger)
    spending = Spending(ledger, settings.budget)
    queue = JobQueue(aws.sqs(), settings.jobs_queue_url)
    uploads = Uploads(UploadStore(aws.dynamodb(), settings.jobs_table), UploadBucket(aws.s3(), settings.images_bucket))
    pictures = ImageStore(aws.s3(), settings.images_bucket)
    library = Library(jobs, pictures)
    signing_secrets = SecretStore(aws.dynamodb(), settings.callers_table)
    receivers = Receivers(signing_secrets, TrustedHosts.parse(settings.webhook_hosts))
    return Doors(
        settings=settings,
        catalog=catalog.load(),
        resolver=Resolver(catalog.load(), ModelPolicy(settings.default_model, settings.retired_models)),
        gate=Gate(CallerStore(aws.dynamodb(), settings.callers_table), bearers, time.time),
        gatherer=Gatherer(
            library, uploads, InputStore(aws.s3(), settings.images_bucket), TrustedHosts.parse(settings.trusted_hosts)
        ),
        acceptor=Acceptor(
            jobs,
            queue,
            catalog.load(),
            spending,
            settings.retention_days * _DAY_SECONDS,
            receivers,
            sleep=time.sleep,
        ),
        canceler=Canceler(jobs),
        spending=spending,
        library=library,
        uploads=uploads,
        tokens=tokens,
        jobs=jobs,
        estimator=Estimator(queue, settings.worker_concurrency),
        pictures=pictures,
        messages=MessageStore(aws.dynamodb(), settings.jobs_table),
        links=ImageLinks(aws.s3(), settings.images_bucket, settings.url_ttl_seconds),
    )
