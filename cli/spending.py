"""easel usage, budget, stop, resume, ledger and jobs: what was spent, and what may be."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from cli.audit import Audit, audit
from cli.keys import callers_of
from cli.stack import Stack
from core.budgets import Spending, Spent
from core.jobs.store import JobChanged, JobStore
from core.ledger.dollars import micro_usd, usd
from core.ledger.model import DEPLOYMENT, Balance, Budget, Period, account_of, renewal
from core.ledger.store import LedgerStore

# A difference that stays through so many looks is none of time.
_LOOKS = 3
_PAUSE_SECONDS = 2.0
_DEPLOYED: dict[Period, str] = {"day": "DailyBudgetUsd", "month": "MonthlyBudgetUsd"}


def add_commands(commands: Any) -> None:
    """Add the commands of this module to those of `easel`."""
    usage = commands.add_parser("usage", help="what was spent, by day, key and model")
    usage.add_argument("--key", metavar="ID", help="only this key, key_...")
    usage.add_argument("--model", help="only this model")
    usage.add_argument("--day", type=_day, help="only this UTC day, such as 2026-11-22")
    usage.add_argument("--from", type=_day, dest="first", metavar="DAY", help="from this day (default: this month)")
    usage.add_argument("--to", type=_day, dest="last", metavar="DAY", help="to this day, included (default: today)")
    usage.add_argument("--json", action="store_true", help="print JSON, in micro-dollars")
    usage.set_defaults(run=_usage)

    stop = commands.add_parser("stop", help="stop all buying within seconds; waiting jobs wait until their deadline")
    stop.add_argument("--reason", help="what callers are told")
    stop.set_defaults(run=_stop)
    commands.add_parser("resume", help="let buying go on").set_defaults(run=_resume)

    budgets = commands.add_parser("budget", help="the deployment's budget").add_subparsers(required=True)
    budgets.add_parser("show", help="limits, what is spent and what is left").set_defaults(run=_show_budget)
    change = budgets.add_parser("set", help="change it without a deployment")
    for period in _DEPLOYED:
        change.add_argument(
            f"--{period}",
            type=limit,
            default=argparse.SUPPRESS,
            metavar="USD",
            help="dollars such as 20 or 0.50, 0 to buy nothing, or none",
        )
    change.set_defaults(run=_set_budget)
    budgets.add_parser("reset", help="back to what the deployment was given").set_defaults(run=_reset_budget)

    ledgers = commands.add_parser("ledger", help="the book of all money").add_subparsers(required=True)
    ledgers.add_parser("check", help="prove that balances, entries and jobs agree").set_defaults(run=_check)

    jobs = commands.add_parser("jobs", help="single jobs").add_subparsers(required=True)
    resolve = jobs.add_parser("resolve", help="say what became of a purchase of unknown outcome")
    resolve.add_argument("job", help="the job's id, job_...")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--charged", type=_dollars, metavar="USD", help="the provider charged so much")
    outcome.add_argument("--free", action="store_true", help="the provider did not charge")
    resolve.set_defaults(run=_resolve)


def add_budget_options(parser: argparse.ArgumentParser, **default: Any) -> None:
    """Add the options for the budget of a key."""
    for period, text in (("day", "in a UTC day"), ("month", "in a UTC month"), ("total", "ever")):
        parser.add_argument(
            f"--budget-{period}",
            type=limit,
            metavar="USD",
            help=f"dollars it may spend {text}, or none",
            **default,
        )


def limit(text: str) -> int | None:
    """Micro-dollars of an option that takes dollars or none.

    Raises:
        ArgumentTypeError: it is neither.
    """
    return None if text == "none" else _dollars(text)


def _usage(stack: Stack, options: argparse.Namespace) -> int:
    today = datetime.now(UTC).date()
    last = options.day or options.last or today
    first = options.day or options.first or last.replace(day=1)
    if options.day and (options.first or options.last):
        return _refuse("--day stands for itself; leave out --from and --to")
    if first > last:
        return _refuse(f"--from {first} is after --to {last}")
    spent = Spending(_ledger(stack), Budget()).by_day_and_model(first, last, options.key)
    rows = [row for row in spent if options.model in (None, row.model)]
    names = {caller.id: caller.name for caller in callers_of(stack)}
    if options.json:
        print(json.dumps([_usage_document(row, names) for row in rows]))
    else:
        print("\n".join(_usage_table(rows, names)))
    return 0


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


def _stop(stack: Stack, options: argparse.Namespace) -> int:
    _ledger(stack).stop(options.reason, int(time.time()))
    print("All buying is stopped from now on. Purchases under way are finished. Go on with: easel resume")
    return 0


def _resume(stack: Stack, _: argparse.Namespace) -> int:
    _ledger(stack).resume()
    print("Buying goes on. Jobs that waited are bought within about a minute.")
    return 0


def _show_budget(stack: Stack, _: argparse.Namespace) -> int:
    ledger, now = _ledger(stack), time.time()
    accounts = {period: account_of(DEPLOYMENT, period, now) for period in _DEPLOYED}
    control, balances = ledger.control_and_balances(accounts.values())
    deployed = _deployed_budget(stack)
    budget = control.budget(deployed)
    line = "{:8}{:>14}{:>14}{:>14}{:>14}  {:22}{}".format
    print(line("PERIOD", "LIMIT", "SPENT", "RESERVED", "LEFT", "RENEWS", "SET BY"))
    for period, account in accounts.items():
        balance, most = balances.get(account, Balance()), budget.of(period)
        left = "-" if most is None else usd(max(0, most - balance.committed))
        renews = datetime.fromtimestamp(renewal(period, now) or 0, UTC).strftime("%Y-%m-%dT%H:%MZ")
        ordered = control.sets_day if period == "day" else control.sets_month
        by = "easel budget set" if ordered else _DEPLOYED[period]
        print(
            line(
                period,
                "none" if most is None else usd(most),
                usd(balance.spent),
                usd(balance.reserved),
                left,
                renews,
                by,
            )
        )
    if control.stopped_at is not None:
        print(f"All buying is stopped{f' ({control.reason})' if control.reason else ''}. Go on with: easel resume")
    return 0


def _set_budget(stack: Stack, options: argparse.Namespace) -> int:
    given = {period: getattr(options, period) for period in _DEPLOYED if hasattr(options, period)}
    if not given:
        return _refuse("say which limit: --day USD, --month USD")
    for period, most in given.items():
        _ledger(stack).set_budget(period, most)
    return _show_budget(stack, options)


def _reset_budget(stack: Stack, options: argparse.Namespace) -> int:
    for period in _DEPLOYED:
        _ledger(stack).unset_budget(period)
    return _show_budget(stack, options)


def _check(stack: Stack, _: argparse.Namespace) -> int:
    found = _audit(stack)
    lasting = found.differences
    for _look in range(_LOOKS - 1):
        if not lasting:
            break
        time.sleep(_PAUSE_SECONDS)
        found = _audit(stack)
        lasting &= found.differences
    print(f"{found.entries} entries in {found.accounts} accounts; money is reserved for {found.held} jobs.")
    if not lasting:
        print("Every balance is the sum of its entries, and every reservation belongs to a job that is open.")
        return 0
    print("\n".join(sorted(lasting)))
    print(f"easel: {len(lasting)} differences stayed through {_LOOKS} looks.", file=sys.stderr)
    return 1


def _audit(stack: Stack) -> Audit:
    return audit(_ledger(stack), _jobs(stack))


def _resolve(stack: Stack, options: argparse.Namespace) -> int:
    jobs = _jobs(stack)
    job = jobs.get(options.job)
    if job is None:
        return _refuse(f"there is no job '{options.job}'")
    if not job.may_be_resolved:
        said = " and was resolved before" if job.resolved_at else ""
        return _refuse(f"the job is {job.status}{said}; only one of unknown outcome can be resolved, once")
    charge = 0 if options.free else options.charged
    try:
        jobs.save(job.resolved(charge, int(time.time())))
    except JobChanged:
        return _refuse("the job has changed just now; look at it again")
    print(f"{job.id} is booked as {f'charged: {usd(charge)}' if charge else 'free of charge'}.")
    return 0


def _deployed_budget(stack: Stack) -> Budget:
    day, month = (stack.parameters.get(name, "") for name in _DEPLOYED.values())
    return Budget(day=micro_usd(day) if day else None, month=micro_usd(month) if month else None)


def _ledger(stack: Stack) -> LedgerStore:
    return LedgerStore(_dynamodb(stack), stack.output("LedgerTableName"))


def _jobs(stack: Stack) -> JobStore:
    return JobStore(_dynamodb(stack), stack.output("JobsTableName"), _ledger(stack))


def _dynamodb(stack: Stack) -> Any:
    return stack.session.client("dynamodb", endpoint_url=stack.endpoint_url)


def _dollars(text: str) -> int:
    try:
        return micro_usd(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no day; write 2026-11-22") from None


def _refuse(why: str) -> int:
    print(f"easel: {why}", file=sys.stderr)
    return 1
