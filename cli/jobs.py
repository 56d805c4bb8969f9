"""easel jobs: find jobs, see the life and the log lines of one, and resolve those of unknown outcome."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from cli.errors import CommandError, no_such_key
from cli.options import dollars, duration
from cli.output import Result, Table, show_warning
from cli.session import Context
from cli.stack import Stack, deployment
from core.jobs.filters import Filters
from core.jobs.model import Job, Status
from core.jobs.store import JobChanged, JobStore
from core.ledger.dollars import usd
from core.responses.builders import progress_document

# Jobs in these states are in the index of what the sweep checks; of the unknown ones, those that are not resolved.
_OPEN = ("queued", "running", "unknown")
_PAGE = 100
_DAY_SECONDS = 86400
# Log lines of a job are at most so long before its creation and after its end.
_AROUND_MS = 600_000

app = typer.Typer()
_jobs = typer.Typer(no_args_is_help=True)
app.add_typer(_jobs, name="jobs")


@dataclass(frozen=True)
class _Wanted:
    """Which jobs to list; None is any. `since` is in seconds before now."""

    status: Status | None
    key: str | None
    model: str | None
    since: int | None


@_jobs.command("list")
def _list(
    ctx: Context,
    status: Annotated[
        Status | None, typer.Option(help="Only jobs in this state; `unknown` means not yet resolved.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="ID", help="Only jobs of this key, key_..., or of this user, sub_...")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Only jobs of this model.")] = None,
    since: Annotated[
        int | None,
        typer.Option(parser=duration, metavar="DURATION", help="Only jobs of the last 12h, 2d or 4w, say."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.", show_default=True)] = _PAGE,
) -> Result:
    """List jobs, newest first: without --status and --key, those that are unfinished or unresolved."""
    stack = deployment(ctx)
    if key and not key.startswith("sub_") and not stack.callers().hash_of(key):
        raise no_such_key(key)
    wanted = _Wanted(status, key, model, since)
    found = _open(stack.jobs(), wanted) if status in _OPEN or not (status or key) else _of_owners(stack, wanted)
    jobs = sorted(islice(found, limit), key=lambda job: job.created_ms, reverse=True)
    if len(jobs) == limit:
        show_warning(f"there may be more than these {len(jobs)} jobs; see --limit, --since and --key")
    return Result([document(job) for job in jobs], _table(jobs))


def _open(jobs: JobStore, wanted: _Wanted) -> Iterator[Job]:
    """Jobs that are unfinished or unresolved, from an index that has no others: nothing is scanned."""
    for job_id in jobs.all_open():
        job = jobs.get(job_id)
        if job is None or (job.finished and not job.may_be_resolved):
            continue  # It has ended, and only its end is being announced.
        key_fits, model_fits = wanted.key in (None, job.caller_id), wanted.model in (None, *_models(job))
        if wanted.status in (None, job.status) and key_fits and model_fits and _recent(job, wanted):
            yield job


def _models(job: Job) -> tuple[str, ...]:
    return job.request.model, str(job.request.requested.get("model"))


def _recent(job: Job, wanted: _Wanted) -> bool:
    return wanted.since is None or job.created_at >= time.time() - wanted.since


def _of_owners(stack: Stack, wanted: _Wanted) -> Iterator[Job]:
    """Jobs of one key, or of all keys: a query for each. Without a key, only those of the last day by default."""
    since = wanted.since if wanted.since or wanted.key else _DAY_SECONDS
    filters = Filters(wanted.status, wanted.model, created_after=int(time.time()) - since if since else 0)
    owners = [wanted.key] if wanted.key else [caller.id for caller in stack.callers().list_all()]
    for owner in owners:
        yield from stack.jobs().all_of(owner, filters)


def _table(jobs: list[Job]) -> Table:
    rows = [
        (
            job.id,
            job.status,
            _time(job.created_at),
            job.caller_id,
            job.request.model,
            _cost(job),
            job.error.code if job.error else "-",
        )
        for job in jobs
    ]
    return Table(("JOB", "STATUS", "CREATED", "KEY", "MODEL", "COST", "ERROR"), rows, numbers=("COST",))


def _cost(job: Job) -> str:
    """What it cost, or may cost at most."""
    if job.cost is not None:
        return usd(job.cost)
    return f"≤ {usd(job.reservation.reserved)}" if job.reservation else "-"


def _time(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else "-"


def document(job: Job) -> dict[str, Any]:
    """What an operator may see of a job: neither the prompt, the metadata nor the webhook's URL."""
    return {
        "job": job.id,
        "status": job.status,
        "stage": job.stage,
        "key": job.caller_id,
        "token": job.token_id,
        "operation": job.request.operation,
        "model": job.request.model,
        "requested": job.request.requested.get("model"),
        "images": job.request.n,
        "attempts": job.attempts,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "resolved_at": job.resolved_at,
        "expires_at": job.expires_at,
        "charged": job.charged_so_far,
        "cost_micro_usd": job.cost,
        "quote_micro_usd": job.quote.expected,
        "reserved_micro_usd": job.reservation.reserved if job.reservation else 0,
        "error": job.error.code if job.error else None,
        "message": job.error.message if job.error else None,
        "request_id": job.request_id,
        "webhook": job.webhook is not None,
        "drop": job.origin.key if job.origin else None,
    }


@_jobs.command("show")
def _show(ctx: Context, job_id: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, job_...")]) -> Result:
    """Show the life of a job: its times, its money, and where its log lines are."""
    stack = deployment(ctx)
    job = _found(stack.jobs(), job_id)
    progress = None if job.finished else stack.progress(job, time.time())
    found = document(job)
    text = [f"{name.removesuffix('_micro_usd'):12} {_readable(name, value)}" for name, value in found.items()]
    found["progress"] = progress_document(progress) if progress else None
    text += [
        f"{'progress':12} {progress.in_words() if progress else '-'}",
        "",
        f"Its log lines: easel jobs logs {job.id}. Or, in CloudWatch Logs Insights over the log groups "
        f"whose names begin with '{stack.name}-':",
        "fields @timestamp, message, status, stage, code, charged, decision",
        f'| filter job_id = "{job.id}" or request_id = "{job.request_id}"',
        "| sort @timestamp",
    ]
    if job.may_be_resolved:
        text += [
            "",
            "Compare the provider's usage page with the times above; it got request_id as X-Client-Request-Id. Then:",
            f"easel jobs resolve {job.id} --charged USD",
            f"easel jobs resolve {job.id} --free",
        ]
    return Result(found, *text)


def _readable(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_micro_usd"):
        return usd(value)
    return _time(value) if name.endswith("_at") else str(value)


@_jobs.command("logs")
def _logs(ctx: Context, job_id: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, job_...")]) -> Result:
    """Show the log lines of a job, from the log groups of all functions, oldest first.

    Log lines hold no prompts and no keys. CloudWatch keeps them as long as the log groups say.
    """
    stack = deployment(ctx)
    job = _found(stack.jobs(), job_id)
    ended = job.resolved_at or job.finished_at or int(time.time())
    lines = sorted(
        (line for group in _log_groups(stack) for line in _lines(stack, group, job, ended)),
        key=lambda line: (line["at_ms"], line["log_group"]),
    )
    if not lines:
        show_warning("there are no log lines of this job; they may have expired, or not arrived yet")
    rows = [
        (
            datetime.fromtimestamp(line["at_ms"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            line["log_group"].rpartition("/")[2],
            line["message"],
        )
        for line in lines
    ]
    return Result(lines, Table(("TIME", "FUNCTION", "LINE"), rows))


def _log_groups(stack: Stack) -> list[str]:
    """The log groups that the stack made."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.name)
    return [
        each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Logs::LogGroup" and each.get("PhysicalResourceId")
    ]


def _lines(stack: Stack, group: str, job: Job, ended: int) -> Iterator[dict[str, Any]]:
    """The lines of a log group that name the job or the request that it came with."""
    logs = stack.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        filterPattern=f'?"{job.id}" ?"{job.request_id}"',
        startTime=job.created_ms - _AROUND_MS,
        endTime=ended * 1000 + _AROUND_MS,
    )
    try:
        for page in pages:
            for event in page["events"]:
                yield {"at_ms": event["timestamp"], "log_group": group, "message": event["message"].rstrip()}
    except logs.exceptions.ResourceNotFoundException:
        return


@_jobs.command("resolve")
def _resolve(
    ctx: Context,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, job_...")],
    charged: Annotated[
        int | None,
        typer.Option(parser=dollars, metavar="USD", help="What the provider charged, in dollars."),
    ] = None,
    free: Annotated[bool, typer.Option("--free", help="The provider did not charge.")] = False,
) -> Result:
    """Record whether a job of unknown outcome was charged: give --charged USD or --free."""
    if free == (charged is not None):
        raise typer.BadParameter("give --charged USD or --free, and not both")
    jobs = deployment(ctx).jobs()
    job = _found(jobs, job_id)
    if job.resolved_at:
        raise CommandError(f"{job.id} has already been resolved")
    if not job.may_be_resolved:
        raise CommandError(f"{job.id} is {job.status}; only a job of unknown outcome can be resolved")
    cost = charged or 0
    resolved = job.resolved(cost, int(time.time()))
    try:
        jobs.save(resolved)
    except JobChanged:
        raise CommandError(f"{job.id} has just changed; look at it again") from None
    return Result(
        document(resolved), f"{job.id} is recorded as {f'charged: {usd(cost)}' if cost else 'free of charge'}."
    )


def _found(jobs: JobStore, job_id: str) -> Job:
    job = jobs.get(job_id)
    if job is None:
        raise CommandError(f"job '{job_id}' does not exist; see: easel jobs list")
    return job
