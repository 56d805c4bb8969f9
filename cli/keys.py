"""easel keys: create, list, change and revoke the API keys of callers."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from cli.errors import no_such_key
from cli.options import (
    Choice,
    Limit,
    default_quality,
    default_size,
    dollar_limit,
    duration,
    fallback_name,
    key_name,
    model_name,
    rate_limit,
    web_origin,
)
from cli.output import Result, Table, show_note, show_warning
from cli.session import Context
from cli.stack import Stack, deployment
from core.callers.model import DEFAULT_NAMES, RATE_NAMES, Caller, Rates, new_caller_id, new_key
from core.catalog import Catalog
from core.errors import InvalidRequest
from core.images.model import AnswerForm
from core.ledger.dollars import usd
from core.ledger.model import PERIODS, Budget, Period
from core.pricing import quote
from core.purchases.alternatives import offers
from core.requests.bodies import ImageRequest
from core.requests.resolver import ModelPolicy, Resolver

# Bytes of a prompt of three sentences.
_USUAL_PROMPT = 300
_BUDGETS: dict[Period, str] = {"day": "daily budget", "month": "monthly budget", "total": "total budget"}

app = typer.Typer()
_keys = typer.Typer(no_args_is_help=True)
app.add_typer(_keys, name="keys")

_Id = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, key_...")]


def _budget_option(period: str) -> Any:
    text = f"Most that the key can spend {period}, in dollars; `none` means no limit."
    return typer.Option(parser=dollar_limit, metavar="USD", help=text)


def _rate_option(what: str) -> Any:
    return typer.Option(parser=rate_limit, metavar="N", help=f"Most {what}; `none` means no limit.")


_PerDay = Annotated[Limit | None, _budget_option("per UTC day")]
_PerMonth = Annotated[Limit | None, _budget_option("per UTC month")]
_InTotal = Annotated[Limit | None, _budget_option("in total")]
_ImagesPerMinute = Annotated[Limit | None, _rate_option("images per minute")]
_RequestsPerMinute = Annotated[Limit | None, _rate_option("requests per minute to each function instance")]
_Quality = Annotated[
    Choice | None,
    typer.Option(
        parser=default_quality,
        metavar="QUALITY",
        help="Quality of requests that name none; `none` means the deployment's default.",
    ),
]
_Size = Annotated[
    Choice | None,
    typer.Option(
        parser=default_size,
        metavar="WIDTHxHEIGHT",
        help="Size of requests that name none; `none` means the deployment's default.",
    ),
]
_Fallbacks = Annotated[
    list[Choice] | None,
    typer.Option(
        "--fallback",
        parser=fallback_name,
        metavar="MODEL",
        help="Run this model while the requested one certainly sells nothing. Repeat for several; `none` means those "
        "of the deployment.",
    ),
]
_Visibility = Annotated[
    Literal["shown", "hidden"] | None,
    typer.Option(
        show_default="shown",
        help="Whether answers show what the deployment's budget has left, and so what others spend.",
    ),
]
_Answers = Annotated[
    AnswerForm | None,
    typer.Option(
        help="How answers have images if a request does not say: as signed URLs, as permalinks, or also as base64, "
        "for programs that read nothing else.",
        show_default="url",
    ),
]


@_keys.command("create")
def _create(
    ctx: Context,
    name: Annotated[str, typer.Option(parser=key_name, metavar="NAME", help="Who or what the key is for.")],
    expires: Annotated[
        int | None,
        typer.Option(parser=duration, metavar="DURATION", show_default="never", help="Such as 12h, 90d or 4w."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(parser=model_name, metavar="MODEL", help="Allow only this model to run; repeat for several."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(parser=web_origin, metavar="ORIGIN", help="Allow only this web origin; repeat for several."),
    ] = None,
    budget_day: _PerDay = None,
    budget_month: _PerMonth = None,
    budget_total: _InTotal = None,
    images_per_minute: _ImagesPerMinute = None,
    requests_per_minute: _RequestsPerMinute = None,
    quality: _Quality = None,
    size: _Size = None,
    fallback: _Fallbacks = None,
    deployment_budget: _Visibility = None,
    answers: _Answers = None,
) -> Result:
    """Create a key, and print it: this once, on standard output."""
    stack = deployment(ctx)
    if any(other.name == name and other.status(time.time()) == "active" for other in stack.callers().list_all()):
        show_warning(f"There is already a key named '{name}'.")
    key, caller = create(
        stack,
        name,
        expires,
        model or [],
        origin or [],
        Budget(**_given(day=budget_day, month=budget_month, total=budget_total)),
        _given(images_per_minute=images_per_minute, requests_per_minute=requests_per_minute),
        hides_deployment_budget=deployment_budget == "hidden",
        answers=answers or "url",
        defaults=_given(quality=quality, size=size),
        fallbacks=_names(fallback),
    )
    _warn(stack, caller)
    show_note(f"{caller.id} ({caller.name}). This is the only time the key is shown; Easel stores its hash.")
    return Result({"id": caller.id, "name": caller.name, "key": key, "expires_at": caller.expires_at}, key)


@_keys.command("list")
def _list(ctx: Context) -> Result:
    """List keys, without their secret part."""
    now = time.time()
    callers = deployment(ctx).callers().list_all()
    rows = [
        (
            caller.id,
            caller.name,
            caller.status(now),
            _date(caller.created_at),
            _date(caller.expires_at),
            " ".join(_limits(caller)) or "-",
        )
        for caller in callers
    ]
    headings = ("ID", "NAME", "STATUS", "CREATED", "EXPIRES", "LIMITS")
    return Result([_document(caller, now) for caller in callers], Table(headings, rows))


@_keys.command("set")
def _set(
    ctx: Context,
    key: _Id,
    budget_day: _PerDay = None,
    budget_month: _PerMonth = None,
    budget_total: _InTotal = None,
    images_per_minute: _ImagesPerMinute = None,
    requests_per_minute: _RequestsPerMinute = None,
    quality: _Quality = None,
    size: _Size = None,
    fallback: _Fallbacks = None,
    deployment_budget: _Visibility = None,
    answers: _Answers = None,
) -> Result:
    """Change the limits and defaults of a key; what is not given stays as it is."""
    budget = _given(day=budget_day, month=budget_month, total=budget_total)
    rates = _given(images_per_minute=images_per_minute, requests_per_minute=requests_per_minute)
    defaults = _given(quality=quality, size=size)
    if not (budget or rates or deployment_budget or defaults or answers or fallback):
        names = [f"--budget-{period}" for period in PERIODS] + [f"--{name.replace('_', '-')}" for name in RATE_NAMES]
        names += [f"--{name}" for name in DEFAULT_NAMES] + ["--fallback", "--deployment-budget", "--answers"]
        raise typer.BadParameter(f"nothing to change; give at least one of {', '.join(names)}")
    stack = deployment(ctx)
    callers = stack.callers()
    caller = callers.set_budget(key, budget) if budget else None
    caller = callers.set_rates(key, rates) if rates else caller
    caller = callers.set_defaults(key, defaults) if defaults else caller
    caller = callers.set_fallbacks(key, _names(fallback)) if fallback else caller
    caller = callers.hide_deployment_budget(key, hidden=deployment_budget == "hidden") if deployment_budget else caller
    caller = callers.set_answers(key, answers) if answers else caller
    if caller is None:
        raise no_such_key(key)
    limits = [f"{_BUDGETS[period]} {'unlimited' if limit is None else usd(limit)}" for period, limit in budget.items()]
    limits += [f"{name.replace('_', ' ')} {limit or 'unlimited'}" for name, limit in rates.items()]
    limits += [f"default {name} {value or 'of the deployment'}" for name, value in defaults.items()]
    limits += [f"fallbacks {', '.join(_names(fallback)) or 'of the deployment'}"] if fallback else []
    limits += [f"deployment budget {deployment_budget}"] if deployment_budget else []
    limits += [f"answers {answers}"] if answers else []
    if budget or defaults:
        _warn(stack, caller)
    spent = ["What it has already spent still counts."] if budget else []
    return Result(_document(caller, time.time()), f"{caller.id} ({caller.name}) now has: {', '.join(limits)}.", *spent)


@_keys.command("revoke")
def _revoke(ctx: Context, key: _Id) -> Result:
    """Revoke a key, effective immediately."""
    now = int(time.time())
    caller = deployment(ctx).callers().revoke(key, now)
    if caller is None:
        raise no_such_key(key)
    return Result(
        _document(caller, now), f"{caller.id} ({caller.name}) is revoked. Jobs that were already accepted still run."
    )


def create(
    stack: Stack,
    name: str,
    lifetime: int | None,
    models: list[str],
    origins: list[str],
    budget: Budget | None = None,
    rates: Rates | None = None,
    *,
    hides_deployment_budget: bool = False,
    answers: AnswerForm = "url",
    defaults: Mapping[str, str | None] | None = None,
    fallbacks: Sequence[str] = (),
) -> tuple[str, Caller]:
    """A new caller and its key, which is not stored; `lifetime` is in seconds, None for no expiry."""
    now = int(time.time())
    key = new_key()
    caller = Caller(
        id=new_caller_id(),
        name=name,
        created_at=now,
        expires_at=now + lifetime if lifetime else None,
        models=tuple(models),
        origins=tuple(origins),
        budget=budget or Budget(),
        images_per_minute=(rates or {}).get("images_per_minute"),
        requests_per_minute=(rates or {}).get("requests_per_minute"),
        hides_deployment_budget=hides_deployment_budget,
        answers=answers,
        defaults={name: value for name, value in (defaults or {}).items() if value is not None},
        fallbacks=tuple(fallbacks),
    )
    stack.callers().add(key, caller)
    return key, caller


def _document(caller: Caller, now: float) -> dict[str, Any]:
    return {
        "id": caller.id,
        "name": caller.name,
        "status": caller.status(now),
        "created_at": caller.created_at,
        "expires_at": caller.expires_at,
        "models": list(caller.models),
        "origins": list(caller.origins),
        "budget_micro_usd": {period: caller.budget.of(period) for period in PERIODS},
        "images_per_minute": caller.images_per_minute,
        "requests_per_minute": caller.requests_per_minute,
        "defaults": dict(caller.defaults),
        "fallbacks": list(caller.fallbacks),
        "deployment_budget": "hidden" if caller.hides_deployment_budget else "shown",
        "answers": caller.answers,
    }


def _limits(caller: Caller) -> list[str]:
    limits = [f"models={','.join(caller.models)}"] if caller.models else []
    limits += [f"origins={','.join(caller.origins)}"] if caller.origins else []
    budget = ((period, caller.budget.of(period)) for period in PERIODS)
    limits += [f"{period}={usd(limit)}" for period, limit in budget if limit is not None]
    limits += [f"images/min={caller.images_per_minute}"] if caller.images_per_minute else []
    limits += [f"requests/min={caller.requests_per_minute}"] if caller.requests_per_minute else []
    limits += [f"{name}={value}" for name, value in caller.defaults.items()]
    limits += [f"fallbacks={','.join(caller.fallbacks)}"] if caller.fallbacks else []
    limits += ["deployment-budget=hidden"] if caller.hides_deployment_budget else []
    limits += [f"answers={caller.answers}"] if caller.answers != "url" else []
    return limits


def _date(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else "never"


def _given(**options: Limit | Choice | None) -> Any:
    """Those options that are given; None of one that is set to `none`."""
    return {name: option.value for name, option in options.items() if option is not None}


def _names(fallbacks: list[Choice] | None) -> list[str]:
    """The models that are given as fallbacks; none of them means those of the deployment."""
    return [each.value for each in fallbacks or () if each.value is not None]


def _warn(stack: Stack, caller: Caller) -> None:
    for warning in warnings_about(caller, stack.parameters, stack.catalog()):
        show_warning(warning)


def warnings_about(caller: Caller, parameters: Mapping[str, str], models: Catalog) -> list[str]:
    """What may not work with a key in a stack with these parameters: its models, its defaults, a low budget."""
    warnings = [
        f"Easel does not know the model '{name}'; a key with a budget cannot buy it."
        for name in caller.models
        if name not in models.models
    ]
    policy = ModelPolicy(
        parameters.get("DefaultModel") or models.default_model,
        "translate",
        {name: value for name in DEFAULT_NAMES if (value := parameters.get(f"Default{name.title()}"))},
    )
    plain = ImageRequest({"prompt": "x" * _USUAL_PROMPT})
    try:
        checked = Resolver(models, policy).check("generation", plain, datetime.now(UTC).date(), caller)
    except InvalidRequest as error:
        return [*warnings, f"A request that names no model is refused: {error.problem.message}"]
    warnings += [each.message for each in checked.request.warnings if each.code == "default_not_used"]
    bound = quote(checked.request, checked.model.rules, 0).upper_bound
    for period in PERIODS:
        limit = caller.budget.of(period)
        if limit is not None and limit < bound:
            warnings.append(
                f"The {_BUDGETS[period]} of {usd(limit)} does not cover a request that names no quality and size: one "
                f"image of '{checked.model.name}' can cost up to {usd(bound)}. Set --quality and --size, or a higher "
                f"budget. {offers(checked, 0, limit)}"
            )
    return warnings
