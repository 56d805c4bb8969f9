"""easel status: how a deployment is doing at this moment, on one screen."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.output import Result, show_again
from cli.session import Context
from cli.stack import Stack, deployment
from core.budgets import NEARLY_USED_PERCENT, BudgetState
from core.callers.model import Caller
from core.jobs.breaker import THRESHOLD
from core.jobs.durations import Usual, kind_of
from core.ledger.dollars import usd
from core.ledger.model import DEPLOYMENT, PERIODS, Balance, Period, account_of, renewal
from core.metrics import NAMESPACE, STACK

# Jobs that are read to be counted; with more open ones, the counts are of these.
_MAX_JOBS = 100
_HOUR, _DAY, _PERIOD = 3600, 86400, 300
_PERCENTILES = ("p50", "p90")
_UNKNOWN = "CloudWatch cannot be asked"
_QUEUES = {"jobs": "JobsQueueUrl", "drops": "DropsQueueUrl", "webhooks": "WebhooksQueueUrl"}
_DEAD = {"jobs": "JobsDeadLetterQueueUrl", "drops": "DropsDeadLetterQueueUrl"}

# CloudWatch has new values each minute, and bills each question.
_WATCH_SECONDS = 15

Document = dict[str, Any]

app = typer.Typer()


@app.command("status")
def _status(
    ctx: Context,
    watch: Annotated[
        bool, typer.Option("--watch", help=f"Show it again every {_WATCH_SECONDS} seconds, until Ctrl-C.")
    ] = False,
) -> Result:
    """Show spending, queues, errors and alarms of this moment."""
    stack = deployment(ctx)
    while watch:
        show_again(_result(stack), as_json=ctx.obj.json)
        time.sleep(_WATCH_SECONDS)
    return _result(stack)


def _result(stack: Stack) -> Result:
    found = status(stack, time.time())
    return Result(found, *lines(found))


def status(stack: Stack, now: float) -> Document:
    """All that there is to know, as a document for scripts; times in Unix seconds, amounts in micro-dollars.

    What comes from CloudWatch is None if it cannot be asked.
    """
    return {
        "stack": stack.name,
        "region": stack.session.region_name,
        "measured_at": int(now),
        **_money(stack, now),
        **_jobs(stack, now),
        "queues": {name: _queue(stack, output, _DEAD.get(name)) for name, output in _QUEUES.items()},
        "providers": [_provider(stack, name) for name in stack.catalog().providers],
        "alarms": _alarms(stack),
        "runbook": stack.parameters.get("RunbookUrl") or "docs/runbook.md",
        **_metrics(stack, now),
    }


def lines(found: Document) -> Iterator[str]:
    """The document as lines for people."""
    at = datetime.fromtimestamp(found["measured_at"], UTC)
    yield f"{found['stack']} in {found['region']}, {at:%Y-%m-%d %H:%M:%S} UTC"
    yield ""
    if found["stopped"]:
        yield f"BUYING    stopped{_because(found['stopped']['reason'])}; to resume: easel resume"
    for budget in found["budgets"]:
        yield f"{budget['period'].upper():10}{_budget(budget)}"
    for key in found["keys_near_limit"]:
        renews = f", renews {_time(key['renews_at'])}" if key["renews_at"] else ""
        yield (
            f"KEY       {key['key']} ({key['name']}): {key['used_percent']} % of its {key['period']} budget used, "
            f"{usd(key['remaining_micro_usd'])} left{renews}"
        )
    yield f"JOBS      {_work(found['jobs'])}"
    for usual in found["usual_seconds"]:
        words = Usual(usual["p50"], usual["p90"]).in_words()
        yield f"USUALLY   {usual['model']}, quality {usual['quality']}: {words}"
    for name, queue in found["queues"].items():
        dead = f", {queue['dead_letters']} dead letters" if queue["dead_letters"] else ""
        yield f"QUEUE     {name}: {queue['waiting']} waiting, {queue['in_progress']} in progress{dead}"
    for provider in found["providers"]:
        yield f"PROVIDER  {provider['provider']}: {_health(provider)}"
    yield f"TODAY     {_ended(found)}"
    for title, period in (("LAST HOUR", "last_hour"), ("LAST DAY", "last_day")):
        yield f"{title:10}{_errors(found['errors'], period)}"
    yield f"ALARMS    {_going_off(found)}"


def _money(stack: Stack, now: float) -> Document:
    """The deployment's budgets, and the keys that are near a limit, in as few reads as there can be."""
    callers = [caller for caller in stack.callers().list_all() if caller.revoked_at is None]
    periods: tuple[Period, ...] = ("day", "month")
    places = {account_of(DEPLOYMENT, period, now) for period in periods}
    places |= {account_of(caller.id, period, now) for caller, period, _ in _limits(callers)}
    control, balances = stack.ledger().control_and_balances(places)
    budget = control.budget(stack.deployed_budget())

    def state(owner: str, period: Period, limit: int | None) -> BudgetState:
        balance = balances.get(account_of(owner, period, now), Balance())
        return BudgetState(owner, period, balance, limit, renewal(period, now))

    near = [(caller, state(caller.id, period, limit)) for caller, period, limit in _limits(callers)]
    return {
        "stopped": None if control.stopped_at is None else {"stopped_at": control.stopped_at, "reason": control.reason},
        "budgets": [_budget_document(state(DEPLOYMENT, period, budget.of(period))) for period in periods],
        "keys_near_limit": [
            {
                "key": caller.id,
                "name": caller.name,
                "period": each.period,
                "used_percent": round(each.used_percent),
                "remaining_micro_usd": each.remaining,
                "renews_at": each.renews_at,
            }
            for caller, each in near
            if each.used_percent >= NEARLY_USED_PERCENT
        ],
    }


def _limits(callers: list[Caller]) -> Iterator[tuple[Caller, Period, int]]:
    for caller in callers:
        for period in PERIODS:
            if (limit := caller.budget.of(period)) is not None:
                yield caller, period, limit


def _budget_document(state: BudgetState) -> Document:
    return {
        "period": state.period,
        "limit_micro_usd": state.limit,
        "spent_micro_usd": state.balance.spent,
        "reserved_micro_usd": state.balance.reserved,
        "remaining_micro_usd": state.remaining,
        "renews_at": state.renews_at,
    }


def _jobs(stack: Stack, now: float) -> Document:
    """How many jobs are queued, running and unresolved, of the first that are due; how old the oldest queued is.

    And how long jobs like the unfinished ones take, as far as it is known.
    """
    store = stack.jobs()
    ids = list(islice(store.all_open(), _MAX_JOBS + 1))
    jobs = [job for job_id in ids[:_MAX_JOBS] if (job := store.get(job_id))]
    count = Counter(job.status for job in jobs if not job.finished or job.may_be_resolved)
    oldest = min((job.created_at for job in jobs if job.status == "queued"), default=None)
    durations = stack.durations()
    usual = {kind_of(job): durations.usual(job) for job in jobs if not job.finished}
    return {
        "jobs": {
            "queued": count["queued"],
            "running": count["running"],
            "unknown": count["unknown"],
            "oldest_queued_seconds": None if oldest is None else max(0, int(now) - oldest),
            "incomplete": len(ids) > _MAX_JOBS,
        },
        "usual_seconds": [
            {"model": model, "quality": quality, "p50": each.p50, "p90": each.p90}
            for (model, quality), each in sorted(usual.items())
            if each
        ],
    }


def _queue(stack: Stack, output: str, dead: str | None) -> Document:
    waiting, delayed, hidden = _counts(stack, output)
    return {
        "waiting": waiting + delayed,
        "in_progress": hidden,
        "dead_letters": sum(_counts(stack, dead)) if dead else None,
    }


def _counts(stack: Stack, output: str) -> tuple[int, int, int]:
    """Messages of a queue that can be received, will be later, and have been and are hidden."""
    names = "", "Delayed", "NotVisible"
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=stack.output(output), AttributeNames=["All"])
    visible, delayed, hidden = (
        int(answer["Attributes"].get(f"ApproximateNumberOfMessages{name}", "0")) for name in names
    )
    return visible, delayed, hidden


def _provider(stack: Stack, name: str) -> Document:
    """A provider, and whether the workers leave it alone, since it is down."""
    _, health = stack.ledger().control_and_health(name)
    down = health.failures >= THRESHOLD
    return {"provider": name, "down": down, "tried_again_at": health.closed_until if down else None}


def _alarms(stack: Stack) -> list[str] | None:
    """The alarms that are going off, by their names in the runbook."""
    prefix = f"{stack.name}-"
    try:
        pages = stack.client("cloudwatch").get_paginator("describe_alarms")
        found = (alarm for page in pages.paginate(AlarmNamePrefix=prefix) for alarm in page["MetricAlarms"])
        names = [alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"]
    except (BotoCoreError, ClientError):
        return None
    # CloudFormation calls them STACK-NAME-RANDOM.
    return sorted(name.removeprefix(prefix).partition("-")[0] for name in names)


def _metrics(stack: Stack, now: float) -> Document:
    """From CloudWatch: ends and durations of jobs of the UTC day, and errors of jobs of the last 24 hours."""
    end = datetime.fromtimestamp(now, UTC)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        today = _asked(stack, midnight, end, [_by("JobsEnded", "Status", stack.name, _DAY), *_percentiles(stack.name)])
        errors = _asked(stack, end - timedelta(seconds=_DAY), end, [_by("Errors", "Code", stack.name, _PERIOD)])
    except (BotoCoreError, ClientError):
        return {"ended_today": None, "seconds_today": None, "errors": None}
    hour_ago = end - timedelta(seconds=_HOUR)
    seconds = {
        each["Id"]: round(each["Values"][0], 1) for each in today if each["Id"] in _PERCENTILES and each["Values"]
    }
    return {
        "ended_today": _totals(each for each in today if each["Id"] not in _PERCENTILES),
        "seconds_today": {name: seconds.get(name) for name in _PERCENTILES},
        "errors": {"last_hour": _totals(errors, since=hour_ago), "last_day": _totals(errors)},
    }


def _asked(stack: Stack, start: datetime, end: datetime, queries: list[Document]) -> list[Any]:
    pages = stack.client("cloudwatch").get_paginator("get_metric_data")
    found = pages.paginate(MetricDataQueries=queries, StartTime=start, EndTime=end)
    return [each for page in found for each in page["MetricDataResults"]]


def _by(metric: str, dimension: str, stack: str, period: int) -> Document:
    """The sums of a metric by the values of its second dimension, which label them."""
    search = f'{{{NAMESPACE},{STACK},{dimension}}} MetricName="{metric}" {STACK}="{stack}"'
    label = f"${{PROP('Dim.{dimension}')}}"
    return {"Id": metric.lower(), "Label": label, "Expression": f"SEARCH('{search}', 'Sum', {period})"}


def _percentiles(stack: str) -> Iterator[Document]:
    """How long the jobs of a day took."""
    metric = {"Namespace": NAMESPACE, "MetricName": "JobSeconds", "Dimensions": [{"Name": STACK, "Value": stack}]}
    for statistic in _PERCENTILES:
        yield {"Id": statistic, "MetricStat": {"Metric": metric, "Period": _DAY, "Stat": statistic}}


def _totals(series: Iterable[Any], since: datetime | None = None) -> dict[str, int]:
    """The sum of each series, of its periods from then on; the largest first, without those of nothing."""
    sums: Counter[str] = Counter()
    for each in series:
        for at, value in zip(each["Timestamps"], each["Values"], strict=True):
            if since is None or at >= since:
                sums[each["Label"]] += int(value)
    return {label: count for label, count in sums.most_common() if count}


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


def _time(unix: int) -> str:
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%dT%H:%MZ}"


def _budget(budget: Document) -> str:
    spent = f"{usd(budget['spent_micro_usd'])} spent, {usd(budget['reserved_micro_usd'])} reserved"
    if budget["limit_micro_usd"] is None:
        return f"{spent}; no limit"
    return f"{spent}; {usd(budget['remaining_micro_usd'])} left of {usd(budget['limit_micro_usd'])}"


def _work(jobs: Document) -> str:
    waits = jobs["oldest_queued_seconds"]
    oldest = "" if waits is None else f" (the oldest for {waits} s)"
    resolve = "; to see them: easel jobs list --status unknown" if jobs["unknown"] else ""
    of = f", of the first {_MAX_JOBS}" if jobs["incomplete"] else ""
    return f"{jobs['queued']} queued{oldest}, {jobs['running']} running, {jobs['unknown']} unknown{of}{resolve}"


def _health(provider: Document) -> str:
    if not provider["down"]:
        return "no outage"
    return f"down; one job tries it again at {_time(provider['tried_again_at'])}"


def _ended(found: Document) -> str:
    if found["ended_today"] is None:
        return _UNKNOWN
    ended = ", ".join(f"{count} {status}" for status, count in found["ended_today"].items()) or "no job has ended"
    p50, p90 = (found["seconds_today"][name] for name in _PERCENTILES)
    return ended if p50 is None or p90 is None else f"{ended}; half took up to {p50} s, nine of ten up to {p90} s"


def _errors(errors: Document | None, period: str) -> str:
    if errors is None:
        return _UNKNOWN
    return ", ".join(f"{count} {code}" for code, count in errors[period].items()) or "no errors of jobs"


def _going_off(found: Document) -> str:
    if found["alarms"] is None:
        return _UNKNOWN
    return f"{', '.join(found['alarms'])}; see {found['runbook']}" if found["alarms"] else "none"
