"""What the HTTP API and the MCP server share: the services behind their entry points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from composition import purchases as purchasing
from composition.models import models
from composition.process import once
from core import aws
from core.budgets import Budgets
from core.callers.authentication import Authenticator
from core.callers.store import CallerStore
from core.catalog import Catalog
from core.images.previews import PreviewStore
from core.images.storage import ImageLinks, ImageStore
from core.jobs.cancellation import Cancellation
from core.jobs.durations import Durations
from core.jobs.library import ImageLibrary
from core.jobs.lookup import JobLookup
from core.jobs.wait_estimate import WaitEstimates
from core.jobs.waiting import WaitingCalls
from core.ledger.model import Budget
from core.purchases import Purchases
from core.settings import ApiSettings
from core.uploads import Uploads
from core.webhooks.store import MessageStore

if TYPE_CHECKING:
    from core.callers.browser_tokens import Tokens
    from core.callers.oidc import OidcTokens
    from core.callers.signed_tokens import SignedTokens


@dataclass(frozen=True)
class Services:
    """What the entry points call: the use cases first, then what they read directly."""

    authentication: Authenticator
    purchases: Purchases
    jobs: JobLookup
    waiting_calls: WaitingCalls
    cancellation: Cancellation
    images: ImageLibrary
    uploads: Uploads
    tokens: "Callable[[], Tokens]"
    budgets: Budgets
    durations: Durations
    wait_estimates: WaitEstimates
    catalog: Catalog
    image_store: ImageStore
    preview_store: Callable[[], PreviewStore]
    image_links: ImageLinks
    webhook_messages: MessageStore
    settings: ApiSettings


@once
def tokens() -> "Tokens":
    """The browser tokens of this process, built when the first one arrives: most calls bring a key, and load less."""
    from core.callers.browser_token_store import TokenStore  # noqa: PLC0415 - loaded with the first token only
    from core.callers.browser_tokens import MAX_SECONDS, Tokens  # noqa: PLC0415 - loaded with the first token only
    from core.callers.signing_keys import SigningSecret  # noqa: PLC0415 - loaded with the first token only

    settings = purchasing.settings()
    return Tokens(
        TokenStore(aws.dynamodb(), settings.jobs_table),
        CallerStore(aws.dynamodb(), settings.callers_table),
        SigningSecret(aws.secretsmanager(), settings.token_secret_arn, MAX_SECONDS),
        models(),
    )


@once
def signed_tokens() -> "SignedTokens":
    """What recognises signed tokens in this process: browser tokens, and those of the operator's identity provider.

    Built when the first one arrives, too.
    """
    from core.callers.signed_tokens import SignedTokens  # noqa: PLC0415 - loaded with the first token only

    return SignedTokens(tokens(), access_tokens())


@once
def access_tokens() -> "OidcTokens | None":
    """What recognises tokens of the operator's identity provider; None if there is none."""
    from core.callers.oidc import IssuerKeys, OidcPolicy, OidcTokens  # noqa: PLC0415 - loaded with the first token only

    settings = purchasing.settings()
    if not settings.oidc_issuer:
        return None
    policy = OidcPolicy(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        scope=settings.oidc_scope,
        budget=Budget(day=settings.oidc_daily_budget, month=settings.oidc_monthly_budget),
        images_per_minute=settings.oidc_images_per_minute or None,
        requests_per_minute=settings.oidc_requests_per_minute or None,
    )
    return OidcTokens(policy, IssuerKeys(settings.oidc_issuer))


@once
def services() -> Services:
    """The services of this process, built from its environment."""
    settings = purchasing.settings()
    callers = CallerStore(aws.dynamodb(), settings.callers_table)
    return Services(
        authentication=Authenticator(callers, signed_tokens),
        purchases=purchasing.purchases(),
        jobs=purchasing.lookup(),
        waiting_calls=WaitingCalls(purchasing.use_counts(), settings.caller_waiting_calls),
        cancellation=Cancellation(purchasing.jobs(), purchasing.lookup()),
        images=purchasing.images(),
        uploads=purchasing.uploads(),
        tokens=tokens,
        budgets=purchasing.budgets(),
        durations=purchasing.durations(),
        wait_estimates=WaitEstimates(purchasing.queue(), settings.worker_concurrency, purchasing.durations()),
        catalog=models(),
        image_store=purchasing.image_store(),
        preview_store=lambda: PreviewStore(aws.s3_in_passing(), settings.images_bucket),
        image_links=ImageLinks(aws.s3_when_used(), settings.images_bucket, settings.url_ttl_seconds),
        webhook_messages=MessageStore(aws.dynamodb(), settings.jobs_table),
        settings=settings,
    )
