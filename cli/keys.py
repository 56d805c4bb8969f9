"""easel keys: create, list, change and revoke the API keys of callers."""

import argparse
import time
from datetime import UTC, datetime
from typing import Any

from cli.errors import CommandError, no_such_caller
from cli.options import dollar_limit, duration, rate_limit
from cli.output import show, show_json
from cli.stack import Stack
from core.callers.model import RATE_NAMES, Caller, Rates, new_caller_id, new_key
from core.images.model import ANSWER_FORMS, AnswerForm
from core.ledger.dollars import usd
from core.ledger.model import PERIODS, Budget, Period

_BUDGETS: dict[Period, str] = {"day": "daily budget", "month": "monthly budget", "total": "total budget"}


def add_commands(commands: Any) -> None:
    """Add `easel keys`."""
    group = commands.add_parser("keys", help="create, list, change and revoke API keys").add_subparsers(required=True)

    make = group.add_parser("create", help="create a key and print it, once")
    make.add_argument("--name", required=True, help="who or what the key is for")
    make.add_argument("--expires", type=duration, metavar="DURATION", help="such as 12h, 90d or 4w (default: never)")
    make.add_argument("--model", action="append", default=[], help="allow only this model to run; repeat for several")
    make.add_argument("--origin", action="append", default=[], help="allow only this web origin; repeat for several")
    _add_limits(make)
    _add_visibility(make)
    _add_answers(make)
    make.add_argument("--json", action="store_true", help="print JSON, for scripts")
    make.set_defaults(run=_create)

    group.add_parser("list", help="list keys, without their secret part").set_defaults(run=_list)

    change = group.add_parser("set", help="change the limits of a key")
    change.add_argument("id", help="the caller's id, key_...")
    _add_limits(change)
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
    limits += ["deployment-budget=hidden"] if caller.hides_deployment_budget else []
    limits += [f"answers={caller.answers}"] if caller.answers != "url" else []
    return limits


def _date(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else "never"


def _create(stack: Stack, options: argparse.Namespace) -> None:
    budget, rates = Budget(**_budget_options(options)), _rate_options(options)
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
    )
    if options.json:
        show_json({"id": caller.id, "name": caller.name, "key": key, "expires_at": caller.expires_at})
    else:
        note = f"{caller.id} ({caller.name}). This is the only time the key is shown; Easel stores its hash."
        show(key, "", note)


def _list(stack: Stack, _: argparse.Namespace) -> None:
    show(*table(stack))


def _set(stack: Stack, options: argparse.Namespace) -> None:
    budget, rates = _budget_options(options), _rate_options(options)
    visibility = options.deployment_budget
    if not budget and not rates and not visibility and not options.answers:
        names = [f"--budget-{period}" for period in PERIODS] + [f"--{name.replace('_', '-')}" for name in RATE_NAMES]
        names += ["--deployment-budget", "--answers"]
        raise CommandError(f"nothing to change; give at least one of {', '.join(names)}")
    callers = stack.callers()
    caller = callers.set_budget(options.id, budget) if budget else None
    caller = callers.set_rates(options.id, rates) if rates else caller
    caller = callers.hide_deployment_budget(options.id, hidden=visibility == "hidden") if visibility else caller
    caller = callers.set_answers(options.id, options.answers) if options.answers else caller
    if caller is None:
        raise no_such_caller(options.id)
    limits = [f"{_BUDGETS[period]} {'unlimited' if limit is None else usd(limit)}" for period, limit in budget.items()]
    limits += [f"{name.replace('_', ' ')} {limit or 'unlimited'}" for name, limit in rates.items()]
    limits += [f"deployment budget {visibility}"] if visibility else []
    limits += [f"answers {options.answers}"] if options.answers else []
    show(f"{caller.id} ({caller.name}) now has: {', '.join(limits)}.")
    if budget:
        show("What it has already spent still counts.")


def _revoke(stack: Stack, options: argparse.Namespace) -> None:
    caller = stack.callers().revoke(options.id, int(time.time()))
    if caller is None:
        raise no_such_caller(options.id)
    show(f"{caller.id} ({caller.name}) is revoked. Jobs that were already accepted still run.")


def _budget_options(options: argparse.Namespace) -> dict[Period, int | None]:
    return {period: getattr(options, f"budget_{period}") for period in PERIODS if hasattr(options, f"budget_{period}")}


def _rate_options(options: argparse.Namespace) -> Rates:
    return {name: getattr(options, name) for name in RATE_NAMES if hasattr(options, name)}
