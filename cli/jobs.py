"""easel jobs: find jobs, see the life of one, and resolve those of unknown outcome."""

import argparse
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from cli.errors import CommandError, no_such_caller
from cli.options import dollars, duration
from cli.output import show, show_json, show_warning
from cli.stack import Stack
from core.jobs.filters import STATUSES, Filters
from core.jobs.model import Job
from core.jobs.store import JobChanged, JobStore
from core.ledger.dollars import usd

# Jobs in these states are in the index of what the sweep checks; of the unknown ones, those that are not resolved.
_OPEN = ("queued", "running", "unknown")
_PAGE = 100
_DAY_SECONDS = 86400


def add_commands(commands: Any) -> None:
    """Add `easel jobs`."""
    group = commands.add_parser("jobs", help="list and show jobs, and resolve those of unknown outcome").add_subparsers(
        required=True
    )

    listing = group.add_parser(
        "list", help="list jobs, newest first; without --status and --key, those that are unfinished or unresolved"
    )
    listing.add_argument("--status", choices=STATUSES, help="only this state; `unknown` means not yet resolved")
    listing.add_argument("--key", metavar="ID", help="only jobs of this key, key_..., or of this user, sub_...")
    listing.add_argument("--model", help="only jobs of this model")
    listing.add_argument("--since", type=duration, metavar="DURATION", help="only of the last 12h, 2d or 4w, say")
    listing.add_argument("--limit", type=int, default=_PAGE, help="how many at most (default: %(default)s)")
    listing.add_argument("--json", action="store_true", help="print JSON, in micro-dollars")
    listing.set_defaults(run=_list)

    one = group.add_parser("show", help="show the life of a job: its times, its money, and where its log lines are")
    one.add_argument("job", help="the job's id, job_...")
    one.add_argument("--json", action="store_true", help="print JSON, in micro-dollars")
    one.set_defaults(run=_show)

    resolve = group.add_parser("resolve", help="record whether a job of unknown outcome was charged")
    resolve.add_argument("job", help="the job's id, job_...")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--charged", type=dollars, metavar="USD", help="what the provider charged, in dollars")
    outcome.add_argument("--free", action="store_true", help="the provider did not charge")
    resolve.set_defaults(run=_resolve)


def _list(stack: Stack, options: argparse.Namespace) -> None:
    if options.limit < 1:
        raise CommandError("--limit must be 1 or more")
    if options.key and options.key.startswith("key_") and not stack.callers().hash_of(options.key):
        raise no_such_caller(options.key)
    if options.status in _OPEN or not (options.status or options.key):
        found = _open(stack.jobs(), options)
    else:
        found = _of_owners(stack, options)
    jobs = sorted(islice(found, options.limit), key=lambda job: job.created_ms, reverse=True)
    if options.json:
        show_json([_document(job) for job in jobs])
    else:
        show(*_table(jobs))
    if len(jobs) == options.limit:
        show_warning(f"there may be more than these {len(jobs)} jobs; see --limit, --since and --key")


def _open(jobs: JobStore, options: argparse.Namespace) -> Iterator[Job]:
    """Jobs that are unfinished or unresolved, from an index that has no others: nothing is scanned."""
    for job_id in jobs.all_open():
        job = jobs.get(job_id)
        if job is None or (job.finished and not job.may_be_resolved):
            continue  # It has ended, and only its end is being announced.
        key_fits, model_fits = options.key in (None, job.caller_id), options.model in (None, *_models(job))
        if options.status in (None, job.status) and key_fits and model_fits and _recent(job, options):
            yield job


def _models(job: Job) -> tuple[str, ...]:
    return job.request.model, str(job.request.requested.get("model"))


def _recent(job: Job, options: argparse.Namespace) -> bool:
    return options.since is None or job.created_at >= time.time() - options.since


def _of_owners(stack: Stack, options: argparse.Namespace) -> Iterator[Job]:
    """Jobs of one key, or of all keys: a query for each. Without a key, only those of the last day by default."""
    since = options.since if options.since or options.key else _DAY_SECONDS
    wanted = Filters(options.status, options.model, created_after=int(time.time()) - since if since else 0)
    owners = [options.key] if options.key else [caller.id for caller in stack.callers().list_all()]
    jobs = stack.jobs()
    for owner in owners:
        page, after = jobs.list_of(owner, _PAGE, None, wanted)
        while True:
            yield from page
            last = jobs.get(after) if after else None
            if last is None:
                break
            page, after = jobs.list_of(owner, _PAGE, last, wanted)


def _table(jobs: Iterable[Job]) -> Iterator[str]:
    line = "{:38}{:11}{:22}{:22}{:22}{:>12}  {}".format
    yield line("JOB", "STATUS", "CREATED", "KEY", "MODEL", "COST", "ERROR")
    for job in jobs:
        error = job.error.code if job.error else "-"
        yield line(
            job.id, job.status, _time(job.created_at), job.caller_id[:21], job.request.model[:21], _cost(job), error
        )


def _cost(job: Job) -> str:
    """What it cost, or may cost at most."""
    if job.cost is not None:
        return usd(job.cost)
    return f"≤ {usd(job.reservation.reserved)}" if job.reservation else "-"


def _time(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else "-"


def _document(job: Job) -> dict[str, Any]:
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


def _show(stack: Stack, options: argparse.Namespace) -> None:
    job = _found(stack.jobs(), options.job)
    if options.json:
        show_json(_document(job))
        return
    for name, value in _document(job).items():
        show(f"{name.removesuffix('_micro_usd'):12} {_readable(name, value)}")
    show("", f"Its log lines, in CloudWatch Logs Insights over the log groups whose names begin with '{stack.name}-':")
    show("fields @timestamp, message, status, stage, code, charged, decision")
    show(f'| filter job_id = "{job.id}" or request_id = "{job.request_id}"', "| sort @timestamp")
    if job.may_be_resolved:
        show(
            "",
            "Compare the provider's usage page with the times above; it got request_id as X-Client-Request-Id. Then:",
        )
        show(f"easel jobs resolve {job.id} --charged USD", f"easel jobs resolve {job.id} --free")


def _readable(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_micro_usd"):
        return usd(value)
    return _time(value) if name.endswith("_at") else str(value)


def _resolve(stack: Stack, options: argparse.Namespace) -> None:
    jobs = stack.jobs()
    job = _found(jobs, options.job)
    if job.resolved_at:
        raise CommandError(f"{job.id} has already been resolved")
    if not job.may_be_resolved:
        raise CommandError(f"{job.id} is {job.status}; only a job of unknown outcome can be resolved")
    cost = 0 if options.free else options.charged
    try:
        jobs.save(job.resolved(cost, int(time.time())))
    except JobChanged:
        raise CommandError(f"{job.id} has just changed; look at it again") from None
    show(f"{job.id} is recorded as {f'charged: {usd(cost)}' if cost else 'free of charge'}.")


def _found(jobs: JobStore, job_id: str) -> Job:
    job = jobs.get(job_id)
    if job is None:
        raise CommandError(f"job '{job_id}' does not exist; see: easel jobs list")
    return job
