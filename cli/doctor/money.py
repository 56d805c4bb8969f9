"""Checks of money: that buying goes on, and that something limits it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding, fine, warning
from core.ledger.dollars import usd


def buying(deployment: Deployment) -> Iterator[Finding]:
    """Whether the operator has stopped all buying."""
    control = deployment.ledger.control()
    if control.stopped_at is not None:
        since = datetime.fromtimestamp(control.stopped_at, UTC)
        reason = f" ({control.reason})" if control.reason else ""
        yield warning(f"all buying is stopped since {since:%Y-%m-%dT%H:%MZ}{reason}", "easel resume")


def budgets(deployment: Deployment) -> Iterator[Finding]:
    """Whether the deployment has a budget, without which only the keys' own budgets limit what is spent."""
    budget = deployment.ledger.control().budget(deployment.stack.deployed_budget())
    limits = [f"{usd(limit)} a {period}" for period in ("day", "month") if (limit := budget.of(period)) is not None]
    if limits:
        yield fine(", ".join(limits))
        return
    unlimited = [
        caller for caller in deployment.callers if caller.budget.day is caller.budget.month is caller.budget.total
    ]
    if unlimited:
        yield warning(
            f"neither a budget of the deployment nor one of their own limits what {len(unlimited)} "
            f"key{'' if len(unlimited) == 1 else 's'} can spend",
            "easel budget set --day 20 --month 300",
        )
    else:
        yield warning(
            "the deployment has no budget of its own; only the keys have", "easel budget set --day 20 --month 300"
        )
