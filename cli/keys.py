"""easel keys: create, list, change and revoke the API keys of callers."""

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cli.errors import CommandError, no_such_caller
from cli.options import (
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
from cli.output import show, show_json, show_warning
from cli.stack import Stack
from core.callers.model import DEFAULT_NAMES, RATE_NAMES, Caller, Rates, new_caller_id, new_key
from core.catalog import Catalog
from core.errors import InvalidRequest
from core.images.model import ANSWER_FORMS, AnswerForm
from core.ledger.dollars import usd
from core.ledger.model import PERIODS, Budget, Period
from core.pricing import quote
from core.purchases.alternatives import offers
from core.requests.bodies import ImageRequest
from core.requests.resolver import ModelPolicy, Resolver

# Bytes of a prompt of three sentences.
_USUAL_PROMPT = 300
_BUDGETS: dict[Period, str] = {"day": "daily budget", "month": "monthly budget", "total": "total budget"}


def add_commands(commands: Any) -> None:
    """Add `easel keys`."""
    group = commands.add_parser("keys", help="create, list, change and revoke API keys").add_subparsers(required=True)

    make = group.add_parser("create", help="create a key and print it, once")
    make.add_argument("--name", type=key_name, required=True, help="who or what the key is for")
    make.add_argument("--expires", type=duration, metavar="DURATION", help="such as 12h, 90d or 4w (default: never)")
    make.add_argument(
        "--model", type=model_name, action="append", default=[], help="allow only this model to run; repeat for several"
    )
    make.add_argument(
        "--origin", type=web_origin, action="append", default=[], help="allow only this web origin; repeat for several"
    )
    _add_limits(make)
    _add_defaults(make)
    _add_fallbacks(make)
    _add_visibility(make)
    _add_answers(make)
    make.add_argument("--json", action="store_true", help="print JSON, for scripts")
    make.set_defaults(run=_create)

    group.add_parser("list", help="list keys, without their secret part").set_defaults(run=_list)

    change = group.add_parser("set", help="change the limits and defaults of a key")
    change.add_argument("id", help="the caller's id, key_...")
    _add_limits(change)
    _add_defaults(change)
    _add_fallbacks(change)
    _add_visibility(change)
    _add_answers(change)
    change.set_defaults(run=_set)

    end = group.add_parser("revoke", help="revoke a key, effective immediately")
    end.add_argument("id", help="the caller's id, key_...")
    end.set_defaults(run=_revoke)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """Options for limits; one that is not given is not in the namespace."""
    for period, text in (("day", "per UTC day"), ("month", "per UTC month"), ("total", "in total")):
        parser.add_argument(
            f"--budget-{period}",
            type=dollar_limit,
            metavar="USD",
            default=argparse.SUPPRESS,
            help=f"most that the key can spend {text}, in dollars, or `none`",
        )
    for name, text in (("images", "images per minute"), ("requests", "requests per minute to each function instance")):
        parser.add_argument(
            f"--{name}-per-minute",
            type=rate_limit,
            metavar="N",
            default=argparse.SUPPRESS,
            help=f"{text}, or `none`",
        )


def _add_defaults(parser: argparse.ArgumentParser) -> None:
    """Options for what a request is given that does not say; one that is not given is not in the namespace."""
    for name, kind, metavar in (("quality", default_quality, "QUALITY"), ("size", default_size, "WIDTHxHEIGHT")):
        parser.add_argument(
            f"--{name}",
            type=kind,
            metavar=metavar,
            default=argparse.SUPPRESS,
            help=f"{name} of requests that name none, or `none` for the deployment's default",
        )


def _add_fallbacks(parser: argparse.ArgumentParser) -> None:
    """The option that names the models which run while another sells nothing."""
    parser.add_argument(
        "--fallback",
        type=fallback_name,
        action="append",
        default=None,
        metavar="MODEL",
        help="run this model while the requested one certainly sells nothing; repeat for several, or `none` for those "
        "of the deployment",
    )


def _add_visibility(parser: argparse.ArgumentParser) -> None:
    """The option that says whether a key sees the deployment's budget, for keys of strangers."""
    parser.add_argument(
        "--deployment-budget",
        choices=("shown", "hidden"),
        default=None,
        help="whether its answers show what the deployment's budget has left, and so what others spend "
        "(default: shown)",
    )


def _add_answers(parser: argparse.ArgumentParser) -> None:
    """The option that says how a key gets images if a request does not."""
    parser.add_argument(
        "--answers",
        choices=ANSWER_FORMS,
        default=None,
        help="how its answers have images if a request does not say: as signed URLs, as permalinks, or also as base64, "
        "for programs that read nothing else (default: url)",
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


def table(stack: Stack) -> list[str]:
    """All callers as the lines of a table."""
    now = time.time()
    lines = [f"{'ID':22}{'NAME':24}{'STATUS':10}{'CREATED':12}{'EXPIRES':12}LIMITS"]
    for caller in stack.callers().list_all():
        lines.append(
            f"{caller.id:22}{caller.name[:22]:24}{caller.status(now):10}{_date(caller.created_at):12}"
            f"{_date(caller.expires_at):12}{' '.join(_limits(caller)) or '-'}"
        )
    return lines


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


def _create(stack: Stack, options: argparse.Namespace) -> None:
    budget, rates = Budget(**_budget_options(options)), _rate_options(options)
    if any(
        other.name == options.name and other.status(time.time()) == "active" for other in stack.callers().list_all()
    ):
        show_warning(f"There is already a key named '{options.name}'.")
    key, caller = create(
        stack,
        options.name,
        options.expires,
        options.model,
        options.origin,
        budget,
        rates,
        hides_deployment_budget=options.deployment_budget == "hidden",
        answers=options.answers or "url",
        defaults=_default_options(options),
        fallbacks=_fallback_option(options) or (),
    )
    _warn(stack, caller)
    if options.json:
        show_json({"id": caller.id, "name": caller.name, "key": key, "expires_at": caller.expires_at})
    else:
        note = f"{caller.id} ({caller.name}). This is the only time the key is shown; Easel stores its hash."
        show(key, "", note)


def _list(stack: Stack, _: argparse.Namespace) -> None:
    show(*table(stack))


def _set(stack: Stack, options: argparse.Namespace) -> None:
    budget, rates = _budget_options(options), _rate_options(options)
    visibility, defaults, fallbacks = options.deployment_budget, _default_options(options), _fallback_option(options)
    if not (budget or rates or visibility or defaults or options.answers or fallbacks is not None):
        names = [f"--budget-{period}" for period in PERIODS] + [f"--{name.replace('_', '-')}" for name in RATE_NAMES]
        names += [f"--{name}" for name in DEFAULT_NAMES] + ["--fallback", "--deployment-budget", "--answers"]
        raise CommandError(f"nothing to change; give at least one of {', '.join(names)}")
    callers = stack.callers()
    caller = callers.set_budget(options.id, budget) if budget else None
    caller = callers.set_rates(options.id, rates) if rates else caller
    caller = callers.set_defaults(options.id, defaults) if defaults else caller
    caller = callers.set_fallbacks(options.id, fallbacks) if fallbacks is not None else caller
    caller = callers.hide_deployment_budget(options.id, hidden=visibility == "hidden") if visibility else caller
    caller = callers.set_answers(options.id, options.answers) if options.answers else caller
    if caller is None:
        raise no_such_caller(options.id)
    limits = [f"{_BUDGETS[period]} {'unlimited' if limit is None else usd(limit)}" for period, limit in budget.items()]
    limits += [f"{name.replace('_', ' ')} {limit or 'unlimited'}" for name, limit in rates.items()]
    limits += [f"default {name} {value or 'of the deployment'}" for name, value in defaults.items()]
    limits += [f"fallbacks {', '.join(fallbacks) or 'of the deployment'}"] if fallbacks is not None else []
    limits += [f"deployment budget {visibility}"] if visibility else []
    limits += [f"answers {options.answers}"] if options.answers else []
    show(f"{caller.id} ({caller.name}) now has: {', '.join(limits)}.")
    if budget:
        show("What it has already spent still counts.")
    if budget or defaults:
        _warn(stack, caller)


def _revoke(stack: Stack, options: argparse.Namespace) -> None:
    caller = stack.callers().revoke(options.id, int(time.time()))
    if caller is None:
        raise no_such_caller(options.id)
    show(f"{caller.id} ({caller.name}) is revoked. Jobs that were already accepted still run.")


def _budget_options(options: argparse.Namespace) -> dict[Period, int | None]:
    return {period: getattr(options, f"budget_{period}") for period in PERIODS if hasattr(options, f"budget_{period}")}


def _fallback_option(options: argparse.Namespace) -> list[str] | None:
    """The fallbacks that are given; [] if they are to be those of the deployment, None if the option is not there."""
    given: list[str | None] | None = options.fallback
    return None if given is None else [name for name in given if name is not None]


def _rate_options(options: argparse.Namespace) -> Rates:
    return {name: getattr(options, name) for name in RATE_NAMES if hasattr(options, name)}


def _default_options(options: argparse.Namespace) -> dict[str, str | None]:
    return {name: getattr(options, name) for name in DEFAULT_NAMES if hasattr(options, name)}


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
