"""easel usage, budget, stop, resume and ledger: what was spent, and what may be spent."""

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from cli.audit import audit
from cli.options import Limit, day, dollar_limit
from cli.output import Result, Table
from cli.session import Context
from cli.stack import Stack, deployment
from core.budgets import Budgets, Spent
from core.ledger.dollars import usd
from core.ledger.model import DEPLOYMENT, Balance, Budget, Period, account_of, renewal

# The audit reads while purchases go on: a difference is real if it is found each time.
_AUDITS = 3
_PAUSE_SECONDS = 2.0
# Jobs with reserved money that the audit names.
_MOST_NAMED = 20
_DEPLOYED: dict[Period, str] = {"day": "DailyBudgetUsd", "month": "MonthlyBudgetUsd"}

app = typer.Typer()
_budget = typer.Typer(no_args_is_help=True)
_ledger = typer.Typer(no_args_is_help=True)
app.add_typer(_budget, name="budget")
app.add_typer(_ledger, name="ledger")


@app.command("usage")
def _usage(
    ctx: Context,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Only this key, key_...")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Only this model.")] = None,
    one: Annotated[
        date | None, typer.Option("--day", parser=day, metavar="DAY", help="Only this UTC day, such as 2026-11-22.")
    ] = None,
    first: Annotated[
        date | None,
        typer.Option("--from", parser=day, metavar="DAY", show_default="first of the month of --to", help="First day."),
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", show_default="today", help="Last day.")
    ] = None,
) -> Result:
    """Show what was spent, by day, key and model.

    Days are UTC.
    """
    if one and (first or last):
        raise typer.BadParameter("--day cannot be combined with --from or --to")
    last = one or last or datetime.now(UTC).date()
    first = one or first or last.replace(day=1)
    if first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    stack = deployment(ctx)
    spent = Budgets(stack.ledger(), Budget()).by_day_and_model(first, last, key)
    rows = [row for row in spent if model in (None, row.model)]
    names = {caller.id: caller.name for caller in stack.callers().list_all()}
    return Result([_usage_document(row, names) for row in rows], _usage_table(rows, names))


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


def _usage_table(rows: list[Spent], names: dict[str, str]) -> Table:
    total = Balance()
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        name, balance = names.get(row.caller_id, "-"), row.balance
        lines.append((row.day, row.caller_id, name, row.model, balance.images, balance.spent, balance.reserved))
        total = total.plus(balance.reserved, balance.spent, balance.images)
    lines.append(("TOTAL", "", "", "", total.images, total.spent, total.reserved))
    headings = ("DAY", "KEY", "NAME", "MODEL", "IMAGES", "SPENT", "RESERVED")
    return Table(headings, lines, numbers=("IMAGES",), money=("SPENT", "RESERVED"))


@app.command("stop")
def _stop(
    ctx: Context,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Shown to callers whose requests are refused.")
    ] = None,
) -> Result:
    """Stop all purchases; waiting jobs wait until their deadline."""
    now = int(time.time())
    deployment(ctx).ledger().stop(reason, now)
    return Result(
        {"stopped_at": now, "reason": reason},
        "All purchases are stopped. Those in progress are completed. To resume: easel resume",
    )


@app.command("resume")
def _resume(ctx: Context) -> Result:
    """Resume purchases."""
    ledger = deployment(ctx).ledger()
    stopped_at = ledger.control().stopped_at
    ledger.resume()
    done = "resumed. Waiting jobs are bought within about a minute." if stopped_at else "not stopped."
    return Result({"was_stopped": stopped_at is not None}, f"Purchases are {done}")


@_budget.command("show")
def _show_budget(ctx: Context) -> Result:
    """Show limits, spending and what is left."""
    return _budget_of(deployment(ctx))


def _budget_of(stack: Stack) -> Result:
    now = time.time()
    accounts = {period: account_of(DEPLOYMENT, period, now) for period in _DEPLOYED}
    control, balances = stack.ledger().control_and_balances(accounts.values())
    budget = control.budget(stack.deployed_budget())
    periods = []
    for period, account in accounts.items():
        balance, limit = balances.get(account, Balance()), budget.of(period)
        overridden = control.sets_day if period == "day" else control.sets_month
        periods.append(
            {
                "period": period,
                "limit_micro_usd": limit,
                "spent_micro_usd": balance.spent,
                "reserved_micro_usd": balance.reserved,
                "left_micro_usd": None if limit is None else max(0, limit - balance.committed),
                "renews_at": renewal(period, now),
                "set_by": "easel budget set" if overridden else _DEPLOYED[period],
            }
        )
    stopped = {"stopped_at": control.stopped_at, "reason": control.reason}
    reason = f" ({control.reason})" if control.reason else ""
    note = [f"All purchases are stopped{reason}. To resume: easel resume"] if control.stopped_at is not None else []
    return Result({"periods": periods, **stopped}, _budget_table(periods), *note)


def _budget_table(periods: Iterable[dict[str, Any]]) -> Table:
    rows = [
        (
            each["period"],
            "none" if each["limit_micro_usd"] is None else each["limit_micro_usd"],
            each["spent_micro_usd"],
            each["reserved_micro_usd"],
            each["left_micro_usd"],
            datetime.fromtimestamp(each["renews_at"] or 0, UTC).strftime("%Y-%m-%dT%H:%MZ"),
            each["set_by"],
        )
        for each in periods
    ]
    money = ("LIMIT", "SPENT", "RESERVED", "LEFT")
    return Table(("PERIOD", *money, "RENEWS", "SET BY"), rows, money=money)


def _limit(period: str) -> Any:
    text = f"Dollars per UTC {period}, such as 20 or 0.50. 0 buys nothing, `none` means no limit."
    return typer.Option(parser=dollar_limit, metavar="USD", help=text)


@_budget.command("set")
def _set_budget(
    ctx: Context,
    day: Annotated[Limit | None, _limit("day")] = None,
    month: Annotated[Limit | None, _limit("month")] = None,
) -> Result:
    """Change the limits at once, without a deployment."""
    limits: dict[Period, Limit | None] = {"day": day, "month": month}
    if not any(limits.values()):
        raise typer.BadParameter("nothing to change; give --day USD, --month USD or both")
    stack = deployment(ctx)
    for period, limit in limits.items():
        if limit is not None:
            stack.ledger().set_budget(period, limit.value)
    return _budget_of(stack)


@_budget.command("reset")
def _reset_budget(ctx: Context) -> Result:
    """Return to the limits that were deployed."""
    stack = deployment(ctx)
    for period in _DEPLOYED:
        stack.ledger().unset_budget(period)
    return _budget_of(stack)


@_ledger.command("check")
def _check(ctx: Context) -> Result:
    """Verify that balances, entries and jobs agree."""
    stack = deployment(ctx)
    found = audit(stack.ledger(), stack.jobs())
    differences = found.differences
    for _again in range(_AUDITS - 1):
        if not differences:
            break
        time.sleep(_PAUSE_SECONDS)
        found = audit(stack.ledger(), stack.jobs())
        differences &= found.differences
    document = {
        "entries": found.entries,
        "accounts": found.accounts,
        "reserved_micro_usd": dict(found.held),
        "differences": sorted(differences),
    }
    held = [f"{job_id}: {usd(amount)} reserved" for job_id, amount in islice(found.held.items(), _MOST_NAMED)]
    if len(found.held) > _MOST_NAMED:
        held.append("The others: easel jobs list")
    jobs = _count(len(found.held), "job")
    text = [f"{found.entries} entries in {found.accounts} accounts; money is reserved for {jobs}.", *held]
    if differences:
        failure = f"{_count(len(differences), 'difference')} found in each of {_AUDITS} checks"
        return Result(document, *text, *sorted(differences), failure=failure)
    return Result(
        document, *text, "Every balance is the sum of its entries, and every reservation belongs to an open job."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
