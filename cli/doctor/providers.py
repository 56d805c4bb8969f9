"""Checks of the providers: their secrets and keys, the models that are in use, and access to them. They buy nothing."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding, broken, fine, unknown, warning
from core.budgets import Budgets
from core.callers.model import KEY_PREFIX
from core.catalog import Model
from core.ledger.model import Budget
from core.providers import ListUnavailable
from core.providers.gemini import GEMINI_URL
from core.providers.http import GetFailed
from core.providers.openai import OPENAI_URL
from core.providers.retirements import USED_WITHIN_DAYS, WARNING_DAYS
from core.settings import SettingsError

# The address of a provider itself, and how its keys begin.
_USUAL = {"openai": (OPENAI_URL, ("sk-",)), "gemini": (GEMINI_URL, ("AIza", "AQ."))}
# Real keys are longer; what is shorter and has such words in it was never replaced.
_LONGEST_PLACEHOLDER = 38
_PLACEHOLDER = re.compile(
    r"<.*>|\$.*|.*(your|change|replace|placeholder|example|todo|dummy|insert|\.\.\.|…|xxx).*", re.I
)


def secrets(deployment: Deployment) -> Iterator[Finding]:
    """Whether each provider's secret exists, can be read, and holds something that looks like a key."""
    for name in deployment.catalog.providers:
        settings = deployment.provider_settings(name)
        if arn := settings.get("SECRET_ARN"):
            yield from _secret(deployment, name, arn, settings.get("BASE_URL", ""))
    token_secret = deployment.client("secretsmanager").describe_secret(
        SecretId=deployment.stack.output("TokenSecretArn")
    )
    if token_secret.get("DeletedDate"):
        yield _deleted("the secret of browser tokens", token_secret["ARN"])


def _secret(deployment: Deployment, provider: str, arn: str, base_url: str) -> Iterator[Finding]:
    client = deployment.client("secretsmanager")
    what = f"{provider}'s secret"
    region = arn.split(":")[3]
    if region != deployment.region:
        yield broken(
            f"{what} is in {region}, but the functions look for it in {deployment.region}",
            f"create it in {deployment.region}, and deploy with its ARN",
        )
        return
    try:
        described = client.describe_secret(SecretId=arn)
        if described.get("DeletedDate"):
            yield _deleted(what, arn)
            return
        if (key := described.get("KmsKeyId")) and not key.endswith("alias/aws/secretsmanager"):
            yield broken(
                f"{what} is encrypted with {key}, which the functions are not allowed to use",
                f"aws secretsmanager update-secret --secret-id {arn} --kms-key-id alias/aws/secretsmanager",
            )
        answer = client.get_secret_value(SecretId=arn)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            yield broken(
                f"{what} does not exist: {arn}",
                f"aws secretsmanager create-secret --name easel/{provider} --secret-string KEY, and deploy its ARN",
            )
        elif code in ("AccessDeniedException", "DecryptionFailure"):
            yield unknown(
                f"you are not allowed to read {what}, so its text cannot be checked; the worker has rights of its own",
                "run this again as someone who has secretsmanager:GetSecretValue on it",
            )
        else:
            raise
        return
    if (fault := fault_of_key(provider, answer.get("SecretString"), base_url)) is not None:
        severity, said = fault
        yield Finding(
            severity, f"{what} {said}", f"aws secretsmanager put-secret-value --secret-id {arn} --secret-string KEY"
        )


def _deleted(what: str, arn: str) -> Finding:
    return broken(f"{what} is about to be deleted", f"aws secretsmanager restore-secret --secret-id {arn}")


def fault_of_key(provider: str, text: str | None, base_url: str) -> tuple[Any, str] | None:
    """What is wrong with the text of a secret: a severity, and words without any of the text; None if it looks good."""
    key = (text or "").strip()
    if key.startswith("{"):
        try:
            key = str(json.loads(key).get("api_key", "")).strip()
        except json.JSONDecodeError:
            return "broken", 'begins like JSON, but is not valid JSON; use {"api_key": "..."} or the key alone'
        if not key:
            return "broken", 'is JSON without "api_key"'
    if not key:
        return "broken", "is empty"
    if re.search(r"\s", key):
        return "broken", "has spaces or line breaks in it; store the key alone, without `Bearer`"
    if key[0] in "\"'" or key[-1] in "\"'":
        return "broken", "has quotation marks around the key"
    if len(key) <= _LONGEST_PLACEHOLDER and _PLACEHOLDER.fullmatch(key):
        return "broken", "is a placeholder, not a key"
    if key.startswith(KEY_PREFIX):
        return "broken", "is a key of Easel's own callers, not one of the provider"
    usual_url, beginnings = _USUAL.get(provider, ("", ()))
    if base_url in ("", usual_url) and beginnings and not key.startswith(beginnings):
        return "warning", f"does not look like a key of {provider}, which begin with {' or '.join(beginnings)}"
    return None


def access(deployment: Deployment) -> Iterator[Finding]:
    """Whether each provider can be reached and takes its key: its list of models costs nothing."""
    for name in deployment.catalog.providers:
        settings = deployment.provider_settings(name)
        if settings.get("ENABLED") == "false":
            switch = {"openai": "OpenAiEnabled", "gemini": "GeminiEnabled"}[name]
            yield warning(f"{name} is switched off; its jobs fail free of charge", f"deploy with {switch}=true")
            continue
        try:
            count = len(deployment.listed(name))
            if count:
                yield fine(f"{name} lists {count} models")
        except SettingsError as error:
            yield broken(f"{name} is not configured well: {error}", "correct its parameters, and deploy")
        except ListUnavailable as error:
            yield _no_list(name, settings, error)


def _no_list(name: str, settings: dict[str, str], error: ListUnavailable) -> Finding:
    base_url = settings.get("BASE_URL") or _USUAL.get(name, ("its address", ()))[0]
    cause = error.__cause__
    if isinstance(cause, GetFailed) and (status := cause.status):
        if status in (401, 403):
            arn = settings.get("SECRET_ARN") or "the secret"
            return broken(
                f"{name} refuses its key ({status})",
                f"create a key there, and store it: aws secretsmanager put-secret-value --secret-id {arn} "
                "--secret-string KEY",
            )
        if status == 404:
            return unknown(
                f"{base_url} has no list of models, so whether it takes its key cannot be known without buying",
                "check the base URL, and buy one image of the lowest quality",
            )
        return warning(f"{name} answers {status} at this moment", "see its status page, and run this again")
    if isinstance(cause, GetFailed):
        return broken(
            f"{base_url} cannot be reached from this machine ({cause})",
            "check the base URL and this machine's network; the worker has a network of its own",
        )
    if isinstance(cause, ValueError | KeyError | TypeError | AttributeError):
        return broken(f"{base_url} answers something that is not a list of models", "check the base URL, and deploy")
    return unknown(f"{name} was not asked, since its key cannot be read here ({error})", "see `provider secrets`")


def models(deployment: Deployment) -> Iterator[Finding]:
    """Whether the models that requests run by default, or that keys are limited to, exist and stay."""
    default = deployment.parameter("DefaultModel") or deployment.catalog.default_model
    users = {default: ["requests that name none"]}
    for name in deployment.parameter("Fallbacks").replace(",", " ").split():
        users.setdefault(name, []).append("Fallbacks")
    for caller in deployment.callers:
        for name in dict.fromkeys([*caller.models, *caller.fallbacks]):
            users.setdefault(name, []).append(caller.id)
    today = datetime.now(UTC).date()
    for name, used_by in users.items():
        yield from _model(deployment, name, _listed_people(used_by), today, is_default=name == default)


def _listed_people(used_by: list[str]) -> str:
    shown = ", ".join(used_by[:3])
    return shown if len(used_by) <= 3 else f"{shown} and {len(used_by) - 3} more"


def _model(deployment: Deployment, name: str, users: str, today: date, *, is_default: bool) -> Iterator[Finding]:
    model = deployment.catalog.find(name)
    change = "deploy with another DefaultModel" if is_default else "easel keys set KEY, or deploy with other Fallbacks"
    if model is None:
        yield broken(f"'{name}', used by {users}, is not a model of this deployment's providers", change)
        return
    try:
        listed = deployment.listed(model.provider)
    except (ListUnavailable, SettingsError):
        listed = {}  # `provider access` says why.
    settings = deployment.provider_settings(model.provider)
    at_home = settings.get("BASE_URL", "") in ("", _USUAL.get(model.provider, ("", ()))[0])
    if listed and model.sent_as not in listed and at_home:
        yield broken(
            f"{model.provider} does not list '{name}', used by {users}, for this key",
            f"let the key's project use it at the provider, or {change}",
        )
    end = min((day for day in (model.retired_on, listed.get(model.sent_as)) if day), default=None)
    if end and (end - today).days <= WARNING_DAYS:
        yield _ending(model, end, users, deployment.parameter("RetiredModels"), today, change)


def _ending(model: Model, end: date, users: str, policy: str, today: date, change: str) -> Finding:
    successor = model.successor.model if model.successor else "another model"
    fix = f"use {successor} instead: {change}"
    if end > today:
        return warning(f"'{model.name}', used by {users}, will be shut down on {end}", fix)
    if policy == "translate" and model.successor:
        return warning(f"'{model.name}', used by {users}, was shut down on {end}; {successor} runs instead", fix)
    return broken(f"'{model.name}', used by {users}, was shut down on {end}", fix)


def organization(deployment: Deployment) -> Iterator[Finding]:
    """Whether OpenAI has verified the organization, which its GPT Image models need: known only from purchases."""
    if "openai" not in deployment.catalog.providers:
        return
    settings = deployment.provider_settings("openai")
    if settings.get("BASE_URL", OPENAI_URL) != OPENAI_URL:
        return
    today = datetime.now(UTC).date()
    spent = Budgets(deployment.ledger, Budget()).by_day_and_model(today - timedelta(days=USED_WITHIN_DAYS), today)
    days = [
        each.day
        for each in spent
        if each.balance.spent and (model := deployment.catalog.find(each.model)) and model.provider == "openai"
    ]
    if days:
        yield fine(f"OpenAI sold images on {max(days)}, so the organization is verified")
    else:
        yield unknown(
            "whether OpenAI has verified the organization for its GPT Image models cannot be known without buying, and "
            f"nothing was bought there in the last {USED_WITHIN_DAYS} days",
            "look at https://platform.openai.com/settings/organization/general, or buy one image of low quality",
        )


def bedrock(deployment: Deployment) -> Iterator[Finding]:
    """Whether the account has access to Bedrock's models in the region that they are bought in."""
    if "bedrock" not in deployment.catalog.providers:
        return
    region = deployment.provider_settings("bedrock").get("REGION", deployment.region)
    client = deployment.client("bedrock", region)
    closed = []
    for model in deployment.catalog.models.values():
        if model.provider != "bedrock":
            continue
        # A profile such as us.stability.… is for the model of the name after its first part.
        if not _is_open(client, re.sub(r"^us\.", "", model.sent_as)):
            closed.append(model.name)
    if closed:
        yield broken(
            f"this account has no access to {', '.join(closed)} in {region}",
            f"open https://{region}.console.aws.amazon.com/bedrock/home?region={region}#/model-catalog, choose each "
            "model, and accept its terms; an organization's policy (SCP) must allow Bedrock there",
        )
    else:
        yield fine(f"all models can be used in {region}")


def _is_open(client: Any, model_id: str) -> bool:
    """Whether the account can use a model in the client's region, which does not have all models."""
    try:
        found = client.get_foundation_model_availability(modelId=model_id)
    except client.exceptions.ResourceNotFoundException:
        return False
    return bool(
        found["regionAvailability"] == "AVAILABLE"
        and found["authorizationStatus"] == "AUTHORIZED"
        and found["entitlementAvailability"] == "AVAILABLE"
        and found["agreementAvailability"]["status"] == "AVAILABLE"
    )
