"""easel usage, budget, stop, resume and ledger: what was spent, and what may be spent."""

import argparse
import time
from collections.abc import Iterable, Sized
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from cli.audit import audit
from cli.errors import CommandError
from cli.options import day, dollar_limit
from cli.output import show, show_json
from cli.stack import Stack
from core.budgets import Budgets, Spent
from core.ledger.dollars import usd
from core.ledger.model import DEPLOYMENT, Balance, Budget, Period, account_of, renewal

# The audit reads while purchases go on: a difference is real if it is found each time.
_AUDITS = 3
_PAUSE_SECONDS = 2.0
# Jobs with reserved money that the audit names.
_MOST_NAMED = 20
_DEPLOYED: dict[Period, str] = {"day": "DailyBudgetUsd", "month": "MonthlyBudgetUsd"}


def add_commands(commands: Any) -> None:
    """Add the commands of this module to those of `easel`."""
    usage = commands.add_parser("usage", help="show spending by day, key and model")
    usage.add_argument("--key", metavar="ID", help="only this key, key_...")
    usage.add_argument("--model", help="only this model")
    usage.add_argument("--day", type=day, help="only this UTC day, such as 2026-11-22")
    usage.add_argument("--from", type=day, dest="first", metavar="DAY", help="first day (default: first of the month)")
    usage.add_argument("--to", type=day, dest="last", metavar="DAY", help="last day (default: today)")
    usage.add_argument("--json", action="store_true", help="print JSON, in micro-dollars")
    usage.set_defaults(run=_usage)

    budgets = commands.add_parser("budget", help="show or change the deployment's budget").add_subparsers(required=True)
    budgets.add_parser("show", help="show limits, spending and what is left").set_defaults(run=_show_budget)
    change = budgets.add_parser("set", help="change the limits without a deployment")
    for period in _DEPLOYED:
        change.add_argument(
            f"--{period}",
            type=dollar_limit,
            default=argparse.SUPPRESS,
            metavar="USD",
            help="dollars, such as 20 or 0.50; 0 buys nothing, `none` means no limit",
        )
    change.set_defaults(run=_set_budget)
    budgets.add_parser("reset", help="return to the limits that were deployed").set_defaults(run=_reset_budget)

    stop = commands.add_parser("stop", help="stop all purchases; waiting jobs wait until their deadline")
    stop.add_argument("--reason", help="shown to callers whose requests are refused")
    stop.set_defaults(run=_stop)
    commands.add_parser("resume", help="resume purchases").set_defaults(run=_resume)

    ledgers = commands.add_parser("ledger", help="verify the ledger").add_subparsers(required=True)
    ledgers.add_parser("check", help="verify that balances, entries and jobs agree").set_defaults(run=_check)


def _usage(stack: Stack, options: argparse.Namespace) -> None:
    if options.day and (options.first or options.last):
        raise CommandError("--day cannot be combined with --from or --to")
    last = options.day or options.last or datetime.now(UTC).date()
    first = options.day or options.first or last.replace(day=1)
    if first > last:
        raise CommandError(f"--from {first} is after --to {last}")
    spent = Budgets(stack.ledger(), Budget()).by_day_and_model(first, last, options.key)
    rows = [row for row in spent if options.model in (None, row.model)]
    names = {caller.id: caller.name for caller in stack.callers().list_all()}
    if options.json:
        show_json([_usage_document(row, names) for row in rows])
    else:
        show(*_usage_table(rows, names))


def _usage_document(row: Spent, names: dict[str, str]) -> dict[str, Any]:
    return {
        "date": row.day,
        "key": row.caller_id,
        "name": names.get(row.caller_id),
        "model": row.model,
        "images": row.balance.images,
        "spent_micro_usd": row.balance.spent,
        "reserved_micro_usd": row.balance.reserved,
    }


def _usage_table(rows: list[Spent], names: dict[str, str]) -> Iterable[str]:
    line = "{:12}{:22}{:20}{:30}{:>8}{:>14}{:>14}".format
    yield line("DAY", "KEY", "NAME", "MODEL", "IMAGES", "SPENT", "RESERVED")
    for row in rows:
        name, balance = names.get(row.caller_id, "-")[:18], row.balance
        amounts = usd(balance.spent), usd(balance.reserved)
        yield line(row.day, row.caller_id[:21], name, row.model[:29], balance.images, *amounts)
    total = Balance()
    for row in rows:
        total = total.plus(row.balance.reserved, row.balance.spent, row.balance.images)
    yield line("TOTAL", "", "", "", total.images, usd(total.spent), usd(total.reserved))


def _stop(stack: Stack, options: argparse.Namespace) -> None:
    stack.ledger().stop(options.reason, int(time.time()))
    show("All purchases are stopped. Those in progress are completed. To resume: easel resume")


def _resume(stack: Stack, _: argparse.Namespace) -> None:
    stack.ledger().resume()
    show("Purchases are resumed. Waiting jobs are bought within about a minute.")


def _show_budget(stack: Stack, _: argparse.Namespace) -> None:
    now = time.time()
    accounts = {period: account_of(DEPLOYMENT, period, now) for period in _DEPLOYED}
    control, balances = stack.ledger().control_and_balances(accounts.values())
    budget = control.budget(stack.deployed_budget())
    line = "{:8}{:>14}{:>14}{:>14}{:>14}  {:22}{}".format
    show(line("PERIOD", "LIMIT", "SPENT", "RESERVED", "LEFT", "RENEWS", "SET BY"))
    for period, account in accounts.items():
        balance, limit = balances.get(account, Balance()), budget.of(period)
        overridden = control.sets_day if period == "day" else control.sets_month
        show(
            line(
                period,
                "none" if limit is None else usd(limit),
                usd(balance.spent),
                usd(balance.reserved),
                "-" if limit is None else usd(max(0, limit - balance.committed)),
                datetime.fromtimestamp(renewal(period, now) or 0, UTC).strftime("%Y-%m-%dT%H:%MZ"),
                "easel budget set" if overridden else _DEPLOYED[period],
            )
        )
    if control.stopped_at is not None:
        show(f"All purchases are stopped{f' ({control.reason})' if control.reason else ''}. To resume: easel resume")


def _set_budget(stack: Stack, options: argparse.Namespace) -> None:
    limits = {period: getattr(options, period) for period in _DEPLOYED if hasattr(options, period)}
    if not limits:
        raise CommandError("nothing to change; give --day USD, --month USD or both")
    for period, limit in limits.items():
        stack.ledger().set_budget(period, limit)
    _show_budget(stack, options)


def _reset_budget(stack: Stack, options: argparse.Namespace) -> None:
    for period in _DEPLOYED:
        stack.ledger().unset_budget(period)
    _show_budget(stack, options)


def _check(stack: Stack, _: argparse.Namespace) -> None:
    result = audit(stack.ledger(), stack.jobs())
    differences = result.differences
    for _again in range(_AUDITS - 1):
        if not differences:
            break
        time.sleep(_PAUSE_SECONDS)
        result = audit(stack.ledger(), stack.jobs())
        differences &= result.differences
    show(f"{result.entries} entries in {result.accounts} accounts; money is reserved for {_count(result.held)}.")
    for job_id, amount in islice(result.held.items(), _MOST_NAMED):
        show(f"{job_id}: {usd(amount)} reserved")
    if len(result.held) > _MOST_NAMED:
        show("The others: easel jobs list")
    if differences:
        show(*sorted(differences))
        count = f"{len(differences)} difference{'s' if len(differences) > 1 else ''}"
        raise CommandError(f"{count} found in each of {_AUDITS} checks")
    show("Every balance is the sum of its entries, and every reservation belongs to an open job.")


def _count(jobs: Sized) -> str:
    return f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
