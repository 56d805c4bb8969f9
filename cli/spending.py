"""easel usage, budget, stop, resume and ledger: what was spent, and what may be spent."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

from cli.audit import audit
from cli.errors import CommandError, no_such_key
from cli.options import Limit, day, dollar_limit
from cli.output import Result, Table, csv_lines
from cli.session import Context
from cli.stack import Stack, deployment
from core.budgets import Budgets
from core.callers.browser_token_store import TokenStore
from core.ledger.dollars import usd
from core.ledger.model import DEPLOYMENT, Balance, Budget, Period, account_of, renewal

# The audit reads while purchases go on: a difference is real if it is found each time.
_AUDITS = 3
_PAUSE_SECONDS = 2.0
# Jobs with reserved money that the audit names.
_MOST_NAMED = 20
_DEPLOYED: dict[Period, str] = {"day": "DailyBudgetUsd", "month": "MonthlyBudgetUsd"}


class By(StrEnum):
    """What spending can be added up by."""

    DAY = "day"
    KEY = "key"
    MODEL = "model"
    TOKEN = "token"  # noqa: S105 - a word


BY = tuple(By)
DEFAULT_BY = (By.DAY, By.KEY, By.MODEL)
# What documents call these.
_FIELDS = {By.DAY: "date", By.KEY: "key", By.MODEL: "model", By.TOKEN: "token"}
# Each day is a request to DynamoDB.
_MAX_DAYS = 366

app = typer.Typer()
_budget = typer.Typer(no_args_is_help=True)
_ledger = typer.Typer(no_args_is_help=True)
app.add_typer(_budget, name="budget")
app.add_typer(_ledger, name="ledger")


@app.command("usage")
def _usage(
    ctx: Context,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Only this key, key_..., or user, sub_....")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Only this model.")] = None,
    by: Annotated[
        list[By] | None,
        typer.Option(
            show_default="day, key and model",
            help="What to add up by; repeat for several. `token` reads every entry of the ledger.",
        ),
    ] = None,
    one: Annotated[
        date | None, typer.Option("--day", parser=day, metavar="DAY", help="Only this UTC day, such as 2026-11-22.")
    ] = None,
    first: Annotated[
        date | None,
        typer.Option(
            "--from", parser=day, metavar="DAY", show_default="first of the month of --to", help="First UTC day."
        ),
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", show_default="today", help="Last UTC day.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with amounts in dollars.")] = False,
) -> Result:
    """Show what was spent, by day, key, model or browser token.

    Days are UTC. Spent is what was charged, reserved what unfinished purchases may still cost.
    """
    if one and (first or last):
        raise typer.BadParameter("--day cannot be combined with --from or --to")
    if csv and ctx.obj.json:
        raise typer.BadParameter("--csv cannot be combined with --json")
    last = one or last or datetime.now(UTC).date()
    first = one or first or last.replace(day=1)
    if first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    check_span(first, last)
    stack = deployment(ctx)
    names = {caller.id: caller.name for caller in stack.callers().list_all()}
    if key and key not in names and not key.startswith("sub_"):
        raise no_such_key(key)
    rows = added_up(stack, first, last, by or DEFAULT_BY, key, model, names)
    if model and not rows and model not in stack.catalog().models:
        raise CommandError(f"nothing was spent on a model '{model}', and Easel does not know it; see `easel models`")
    table = usage_table(rows)
    return Result(rows, *csv_lines(table)) if csv else Result(rows, _with_total(table))


def check_span(first: date, last: date) -> None:
    """Refuse more days than can be added up at once.

    Raises:
        typer.BadParameter: there are more.
    """
    if (last - first).days >= _MAX_DAYS:
        raise typer.BadParameter(f"{first} to {last} is more than {_MAX_DAYS} days; ask for fewer at once")


def added_up(
    stack: Stack,
    first: date,
    last: date,
    by: Sequence[By],
    key: str | None,
    model: str | None,
    names: Mapping[str, str],
) -> list[dict[str, Any]]:
    """What was spent, as documents with the fields of `by`; what was neither bought nor is reserved is left out."""
    budgets = Budgets(stack.ledger(), Budget())
    spent = budgets.by_token(first, last, key) if By.TOKEN in by else budgets.by_day_and_model(first, last, key)
    sums: dict[tuple[Any, ...], Balance] = {}
    for each in spent:
        if model in (None, each.model):
            values = {By.DAY: each.day, By.KEY: each.caller_id, By.MODEL: each.model, By.TOKEN: each.token_id}
            group = tuple(values[name] for name in BY if name in by)
            balance = each.balance
            sums[group] = sums.get(group, Balance()).plus(balance.reserved, balance.spent, balance.images)
    tokens = TokenStore(stack.client("dynamodb"), stack.output("JobsTableName"))
    labels: dict[str, str | None] = {}
    rows = []
    for group, balance in sorted(sums.items(), key=lambda item: [str(value) for value in item[0]]):
        if not (balance.images or balance.spent or balance.reserved):
            continue
        row: dict[str, Any] = dict(zip([_FIELDS[name] for name in BY if name in by], group, strict=True))
        if "key" in row:
            row["name"] = names.get(row["key"])
        if row.get("token"):
            if row["token"] not in labels:
                token = tokens.get(row["token"])
                labels[row["token"]] = token.label if token else None
            row["label"] = labels[row["token"]]
        elif "token" in row:
            row["label"] = None
        row["images"] = balance.images
        row["spent_micro_usd"] = balance.spent
        row["reserved_micro_usd"] = balance.reserved
        rows.append(row)
    return rows


def usage_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What was spent as a table, with a column for each field."""
    fields = list(rows[0]) if rows else ["images", "spent_micro_usd", "reserved_micro_usd"]
    headings = [field.removesuffix("_micro_usd").upper() for field in fields]
    return Table(headings, [tuple(row.values()) for row in rows], numbers=("IMAGES",), money=("SPENT", "RESERVED"))


def _with_total(table: Table) -> Table:
    kinds = len(table.headings) - 3
    total = [sum(row[kinds + at] for row in table.rows) for at in range(3)]
    named = ["TOTAL", *[""] * (kinds - 1)][:kinds]
    return replace(table, rows=[*table.rows, (*named, *total)])


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
