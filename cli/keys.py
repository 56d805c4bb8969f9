"""easel keys: create, list, show, change, rotate and revoke API keys."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from cli.errors import CommandError, no_such_key
from cli.options import (
    Choice,
    Limit,
    default_quality,
    default_size,
    dollar_limit,
    duration,
    duration_or_none,
    key_name,
    model_name,
    model_or_none,
    rate_limit,
    web_origin,
    web_origin_or_none,
)
from cli.output import Result, Table, show_note, show_warning, when
from cli.session import Context
from cli.stack import Stack, deployment
from core.callers.model import DEFAULT_NAMES, Caller, Rates, hash_key, new_caller_id, new_key
from core.catalog import Catalog
from core.drops.prefix_store import PrefixStore
from core.errors import InvalidRequest
from core.images.model import AnswerForm
from core.ledger.dollars import usd
from core.ledger.model import PERIODS, Balance, Budget, Period, account_of
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
        parser=model_or_none,
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
_AskAbove = Annotated[
    Limit | None,
    typer.Option(
        parser=dollar_limit,
        metavar="USD",
        help="Let assistants that can do so ask their user before a purchase that may cost more; `none` means never.",
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
    ask_above: _AskAbove = None,
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
        ask_above=ask_above.value if ask_above else None,
    )
    _warn(stack, caller)
    show_note(f"{caller.id} ({caller.name}). This is the only time the key is shown; Easel stores its hash.")
    return Result({"id": caller.id, "name": caller.name, "key": key, "expires_at": caller.expires_at}, key)


@_keys.command("list")
def _list(ctx: Context) -> Result:
    """List keys with their limits, what they have spent, and when they last bought."""
    stack = deployment(ctx)
    callers = stack.callers().list_all()
    found = _spent(stack, callers)
    documents = [_document(stack, caller, found[caller.id]) for caller in callers]
    rows = [
        (
            caller.id,
            caller.name,
            document["status"],
            when(caller.expires_at, "never"),
            when(document["last_job_at"], "never"),
            _used(document["spent"]),
            " ".join(_limits(caller)) or "-",
        )
        for caller, document in zip(callers, documents, strict=True)
    ]
    return Result(documents, Table(("ID", "NAME", "STATUS", "EXPIRES", "LAST JOB", "BUDGET USED", "LIMITS"), rows))


@_keys.command("show")
def _show(ctx: Context, key: _Id) -> Result:
    """Show a key: its settings, what it has spent of its budgets, and when it last bought."""
    stack = deployment(ctx)
    caller = _found(stack, key)
    document = _document(stack, caller, _spent(stack, [caller])[caller.id])
    rows = [
        (each["period"], each["limit_micro_usd"], each["spent_micro_usd"], each["reserved_micro_usd"])
        for each in document["spent"]
    ]
    money = ("LIMIT", "SPENT", "RESERVED")
    return Result(
        document,
        f"{caller.id} ({caller.name}) is {document['status']}.",
        f"created {when(caller.created_at)}, expires {when(caller.expires_at, 'never')}, last job "
        f"{when(document['last_job_at'], 'never')}",
        f"limits and settings: {' '.join(_limits(caller)) or 'none'}",
        Table(("PERIOD", *money), rows, money=money),
    )


@_keys.command("set")
def _set(
    ctx: Context,
    key: _Id,
    name: Annotated[
        str | None, typer.Option(parser=key_name, metavar="NAME", help="Who or what the key is for.")
    ] = None,
    expires: Annotated[
        Limit | None,
        typer.Option(
            parser=duration_or_none, metavar="DURATION", help="From now on, such as 12h, 90d or 4w; `none` means never."
        ),
    ] = None,
    model: Annotated[
        list[Choice] | None,
        typer.Option(
            parser=model_or_none, metavar="MODEL", help="Allow only this model; repeat for several, `none` means all."
        ),
    ] = None,
    origin: Annotated[
        list[Choice] | None,
        typer.Option(
            parser=web_origin_or_none,
            metavar="ORIGIN",
            help="Allow only this web origin; repeat for several, `none` means no restriction.",
        ),
    ] = None,
    budget_day: _PerDay = None,
    budget_month: _PerMonth = None,
    budget_total: _InTotal = None,
    images_per_minute: _ImagesPerMinute = None,
    requests_per_minute: _RequestsPerMinute = None,
    quality: _Quality = None,
    size: _Size = None,
    fallback: _Fallbacks = None,
    ask_above: _AskAbove = None,
    deployment_budget: _Visibility = None,
    answers: _Answers = None,
) -> Result:
    """Change the settings of a key, all at once; what is not given stays as it is."""
    now = int(time.time())
    budget = _given(budget_day=budget_day, budget_month=budget_month, budget_total=budget_total)
    fields = budget | _given(
        images_per_minute=images_per_minute, requests_per_minute=requests_per_minute, ask_above=ask_above
    )
    fields |= {"defaults": given} if (given := _given(quality=quality, size=size)) else {}
    fields |= {"name": name} if name else {}
    fields |= {"expires_at": now + expires.value if expires.value else None} if expires else {}
    lists = {"models": model, "origins": origin, "fallbacks": fallback}
    fields |= {field: _names(chosen) for field, chosen in lists.items() if chosen}
    fields |= {"hides_deployment_budget": deployment_budget == "hidden"} if deployment_budget else {}
    fields |= {"answers": answers} if answers else {}
    if not fields:
        raise typer.BadParameter("nothing to change; give at least one option")
    stack = deployment(ctx)
    caller = stack.callers().change(key, fields)
    if caller is None:
        raise no_such_key(key)
    if not {"name", "expires_at"} >= fields.keys():
        _warn(stack, caller)
    spent = ["What it has already spent still counts."] if budget else []
    return Result(
        _document(stack, caller, _spent(stack, [caller])[caller.id]),
        f"{caller.id} ({caller.name}) now has: {' '.join(_limits(caller)) or 'no limits'}.",
        *spent,
    )


@_keys.command("rename")
def _rename(
    ctx: Context, key: _Id, name: Annotated[str, typer.Argument(parser=key_name, metavar="NAME", help="The new name.")]
) -> Result:
    """Give a key another name."""
    stack = deployment(ctx)
    before = _found(stack, key)
    stack.callers().change(key, {"name": name})
    return Result({"id": key, "name": name, "previous_name": before.name}, f"{key} ({before.name}) is now '{name}'.")


@_keys.command("rotate")
def _rotate(ctx: Context, key: _Id) -> Result:
    """Replace a key by a new one, and print that: this once. The old one and its browser tokens end at once.

    The id, limits, spending, jobs, images and folders of the inbox stay. To change a key without an interruption,
    create a second one and revoke the first once it is no longer in use.
    """
    stack = deployment(ctx)
    status = _found(stack, key).status(time.time())
    if status != "active":
        raise CommandError(f"{key} is {status}; create a new key with `easel keys create`")
    new = new_key()
    prefixes = PrefixStore(stack.client("dynamodb"), stack.output("CallersTableName"))
    caller = stack.callers().rotate(key, new, prefixes.with_key(key, hash_key(new)))
    if caller is None:
        raise no_such_key(key)
    show_note(f"{caller.id} ({caller.name}) has this key now, shown this once. The old one and its tokens have ended.")
    return Result({"id": caller.id, "name": caller.name, "key": new, "expires_at": caller.expires_at}, new)


@_keys.command("revoke")
def _revoke(ctx: Context, key: _Id) -> Result:
    """Revoke a key, effective immediately."""
    stack = deployment(ctx)
    caller = stack.callers().revoke(key, int(time.time()))
    if caller is None:
        raise no_such_key(key)
    return Result(
        _document(stack, caller, _spent(stack, [caller])[caller.id]),
        f"{caller.id} ({caller.name}) is revoked. Jobs that were already accepted still run.",
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
    ask_above: int | None = None,
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
        ask_above=ask_above,
    )
    stack.callers().add(key, caller)
    return key, caller


def _document(stack: Stack, caller: Caller, spent: list[dict[str, Any]]) -> dict[str, Any]:
    jobs, _ = stack.jobs().list_of(caller.id, 1, None)
    return {
        "id": caller.id,
        "name": caller.name,
        "status": caller.status(time.time()),
        "created_at": caller.created_at,
        "expires_at": caller.expires_at,
        "revoked_at": caller.revoked_at,
        "last_job_at": jobs[0].created_at if jobs else None,
        "models": list(caller.models),
        "origins": list(caller.origins),
        "images_per_minute": caller.images_per_minute,
        "requests_per_minute": caller.requests_per_minute,
        "defaults": dict(caller.defaults),
        "fallbacks": list(caller.fallbacks),
        "ask_above_micro_usd": caller.ask_above,
        "deployment_budget": "hidden" if caller.hides_deployment_budget else "shown",
        "answers": caller.answers,
        "spent": spent,
    }


def _spent(stack: Stack, callers: Sequence[Caller]) -> dict[str, list[dict[str, Any]]]:
    """What each key has spent of its budgets in the periods of today, in one read of the ledger."""
    now = time.time()
    accounts = {(caller.id, period): account_of(caller.id, period, now) for caller in callers for period in PERIODS}
    balances = stack.ledger().balances(accounts.values())
    found: dict[str, list[dict[str, Any]]] = {caller.id: [] for caller in callers}
    for caller in callers:
        for period in PERIODS:
            balance = balances.get(accounts[caller.id, period], Balance())
            found[caller.id].append(
                {
                    "period": period,
                    "limit_micro_usd": caller.budget.of(period),
                    "spent_micro_usd": balance.spent,
                    "reserved_micro_usd": balance.reserved,
                }
            )
    return found


def _used(spent: list[dict[str, Any]]) -> str:
    """How much of the budget that has the least left is used, such as 93 % of day."""
    shares = [
        ((each["spent_micro_usd"] + each["reserved_micro_usd"]) / each["limit_micro_usd"], each["period"])
        for each in spent
        if each["limit_micro_usd"]
    ]
    return f"{max(shares)[0]:.0%} of {max(shares)[1]}" if shares else "-"


def _found(stack: Stack, key: str) -> Caller:
    found = next((caller for caller in stack.callers().list_all() if caller.id == key), None)
    if found is None:
        raise no_such_key(key)
    return found


def _limits(caller: Caller) -> list[str]:
    limits = [f"models={','.join(caller.models)}"] if caller.models else []
    limits += [f"origins={','.join(caller.origins)}"] if caller.origins else []
    budget = ((period, caller.budget.of(period)) for period in PERIODS)
    limits += [f"{period}={usd(limit)}" for period, limit in budget if limit is not None]
    limits += [f"images/min={caller.images_per_minute}"] if caller.images_per_minute else []
    limits += [f"requests/min={caller.requests_per_minute}"] if caller.requests_per_minute else []
    limits += [f"{name}={value}" for name, value in caller.defaults.items()]
    limits += [f"fallbacks={','.join(caller.fallbacks)}"] if caller.fallbacks else []
    limits += [f"asks-above={usd(caller.ask_above)}"] if caller.ask_above is not None else []
    limits += ["deployment-budget=hidden"] if caller.hides_deployment_budget else []
    limits += [f"answers={caller.answers}"] if caller.answers != "url" else []
    return limits


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
