"""Typed settings from the environment, read once per process and validated before the first request."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from core.ledger.dollars import micro_usd
from core.ledger.model import Budget
from core.validation import name_of, requirement

# Dollars in the environment, whole micro-dollars here; empty is None.
OptionalDollars = Annotated[int | None, BeforeValidator(lambda text: micro_usd(text) if text else None)]
RetiredPolicy = Literal["translate", "reject", "forward"]


class SettingsError(Exception):
    """The environment is incomplete or invalid; the message names each variable."""


class Settings(BaseModel):
    """Base of all settings. A field's alias is its environment variable."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings from environment variables.

        Raises:
            SettingsError: a variable is missing or has an invalid value.
        """
        try:
            return cls.model_validate(dict(environment))
        except ValidationError as error:
            faults = "; ".join(
                ": ".join(filter(None, (name_of(fault), requirement(fault))))
                for fault in error.errors(include_input=False)
            )
            raise SettingsError(f"Invalid settings in the environment: {faults}") from None


class ModelSettings(Settings):
    """For every function that knows the models: the names of the providers, and the model for requests that name none.

    The operator's own providers come in addition, from their file; without a default model, it is the first provider's.
    While 0.1.0 is being upgraded, new code may run without the variable: then all providers that Easel knows count.
    """

    providers: str | None = Field(alias="EASEL_PROVIDERS", default=None)
    default_model: str = Field(alias="EASEL_DEFAULT_MODEL", default="")


class JobSettings(Settings):
    """For every function that works with jobs."""

    jobs_table: str = Field(alias="EASEL_JOBS_TABLE", min_length=1)
    jobs_queue_url: str = Field(alias="EASEL_JOBS_QUEUE_URL", min_length=1)
    ledger_table: str = Field(alias="EASEL_LEDGER_TABLE", min_length=1)
    retention_days: int = Field(alias="EASEL_RETENTION_DAYS", default=30, ge=1)


class SpendingSettings(JobSettings):
    """For every function that knows the deployment's budget."""

    daily_budget: OptionalDollars = Field(alias="EASEL_DAILY_BUDGET_USD", default=None)
    monthly_budget: OptionalDollars = Field(alias="EASEL_MONTHLY_BUDGET_USD", default=None)

    @property
    def budget(self) -> Budget:
        """The deployed budget. The operator can override it (see ledger.store.Control)."""
        return Budget(day=self.daily_budget, month=self.monthly_budget)


class ApiSettings(SpendingSettings):
    """For the functions that take requests."""

    callers_table: str = Field(alias="EASEL_CALLERS_TABLE", min_length=1)
    token_secret_arn: str = Field(alias="EASEL_TOKEN_SECRET_ARN", min_length=1)
    images_bucket: str = Field(alias="EASEL_IMAGES_BUCKET", min_length=1)
    max_wait_seconds: int = Field(alias="EASEL_MAX_WAIT_SECONDS", ge=0, le=840)
    direct_url: str = Field(alias="EASEL_DIRECT_URL", default="")
    url_ttl_seconds: int = Field(alias="EASEL_URL_TTL_SECONDS", default=3600, ge=60, le=3600)
    public_url: str = Field(alias="EASEL_PUBLIC_URL", default="")
    default_quality: str = Field(alias="EASEL_DEFAULT_QUALITY", default="")
    default_size: str = Field(alias="EASEL_DEFAULT_SIZE", default="")
    fallback_models: str = Field(alias="EASEL_FALLBACKS", default="")
    trusted_image_hosts: str = Field(alias="EASEL_TRUSTED_IMAGE_HOSTS", default="")
    trusted_webhook_hosts: str = Field(alias="EASEL_TRUSTED_WEBHOOK_HOSTS", default="")
    retired_models: RetiredPolicy = Field(alias="EASEL_RETIRED_MODELS", default="translate")

    worker_concurrency: int = Field(alias="EASEL_WORKER_CONCURRENCY", default=5, ge=1)
    caller_waiting_calls: int = Field(alias="EASEL_CALLER_WAITING_CALLS", default=20, ge=0)
    oidc_issuer: str = Field(alias="EASEL_OIDC_ISSUER", default="", pattern=r"^(https://\S+)?$")
    oidc_audience: str = Field(alias="EASEL_OIDC_AUDIENCE", default="")
    oidc_scope: str = Field(alias="EASEL_OIDC_SCOPE", default="")
    oidc_daily_budget: OptionalDollars = Field(alias="EASEL_OIDC_DAILY_BUDGET_USD", default=None)
    oidc_monthly_budget: OptionalDollars = Field(alias="EASEL_OIDC_MONTHLY_BUDGET_USD", default=None)
    oidc_images_per_minute: int = Field(alias="EASEL_OIDC_IMAGES_PER_MINUTE", default=0, ge=0)
    oidc_requests_per_minute: int = Field(alias="EASEL_OIDC_REQUESTS_PER_MINUTE", default=0, ge=0)

    @model_validator(mode="after")
    def _audience_of_issuer(self) -> Self:
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError(
                "EASEL_OIDC_ISSUER needs EASEL_OIDC_AUDIENCE; without it, tokens for other systems would be accepted"
            )
        return self

    @property
    def defaults(self) -> dict[str, str]:
        """The quality and size of requests that name none, as far as the deployment has them."""
        named = {"quality": self.default_quality, "size": self.default_size}
        return {name: value for name, value in named.items() if value}

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The models that run instead of one that cannot be had."""
        return tuple(_entries(self.fallback_models))

    @property
    def trusted_hosts(self) -> list[str]:
        """Private host names and networks that input images can be downloaded from."""
        return _entries(self.trusted_image_hosts)

    @property
    def webhook_hosts(self) -> list[str]:
        """Private host names and networks that webhooks can be sent to."""
        return _entries(self.trusted_webhook_hosts)


class WorkerSettings(JobSettings):
    """For the worker."""

    images_bucket: str = Field(alias="EASEL_IMAGES_BUCKET", min_length=1)
    caller_concurrency: int = Field(alias="EASEL_CALLER_CONCURRENCY", default=0, ge=0)


class AnnouncerSettings(SpendingSettings):
    """For the function that announces ended jobs."""

    callers_table: str = Field(alias="EASEL_CALLERS_TABLE", min_length=1)
    images_bucket: str = Field(alias="EASEL_IMAGES_BUCKET", min_length=1)
    event_bus: str = Field(alias="EASEL_EVENT_BUS", min_length=1)
    webhooks_queue_url: str = Field(alias="EASEL_WEBHOOKS_QUEUE_URL", min_length=1)
    public_url: str = Field(alias="EASEL_PUBLIC_URL", min_length=1)


class DropSettings(Settings):
    """For the function that takes drops, in addition to ApiSettings."""

    inbox_bucket: str = Field(alias="EASEL_INBOX_BUCKET", min_length=1)
    drops_queue_url: str = Field(alias="EASEL_DROPS_QUEUE_URL", min_length=1)
    event_bus: str = Field(alias="EASEL_EVENT_BUS", min_length=1)
    wait_seconds: int = Field(alias="EASEL_DROP_WAIT_SECONDS", default=60, ge=0, le=900)


class McpSettings(Settings):
    """For the MCP server: who else can call it besides programs that use its own host name."""

    allowed_hosts: str = Field(alias="EASEL_MCP_HOSTS", default="")
    allowed_origins: str = Field(alias="EASEL_MCP_ORIGINS", default="")
    oidc_issuer: str = Field(alias="EASEL_OIDC_ISSUER", default="")

    @property
    def hosts(self) -> list[str]:
        """Host names of proxies and custom domains in front of the function."""
        return _entries(self.allowed_hosts)

    @property
    def origins(self) -> list[str]:
        """Origins of web pages that can call it."""
        return _entries(self.allowed_origins)


class WebhookSettings(Settings):
    """For the functions that send webhooks or queue them."""

    jobs_table: str = Field(alias="EASEL_JOBS_TABLE", min_length=1)
    callers_table: str = Field(alias="EASEL_CALLERS_TABLE", min_length=1)
    webhooks_queue_url: str = Field(alias="EASEL_WEBHOOKS_QUEUE_URL", min_length=1)
    trusted_webhook_hosts: str = Field(alias="EASEL_TRUSTED_WEBHOOK_HOSTS", default="")

    @property
    def webhook_hosts(self) -> list[str]:
        """Private host names and networks that webhooks can be sent to."""
        return _entries(self.trusted_webhook_hosts)


def _entries(text: str) -> list[str]:
    return text.replace(",", " ").split()
