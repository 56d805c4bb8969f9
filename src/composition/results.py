"""The results of drops, which the drop function and the announcer write."""

import time
from collections.abc import Callable
from functools import partial

from core import aws
from core.budgets import Budgets
from core.callers.store import CallerStore
from core.drops.owners import Owners
from core.drops.prefix_store import PrefixStore
from core.drops.result_store import FolderClaims, ResultBucket
from core.drops.results import Results
from core.images.storage import Permalinks
from core.jobs.model import Job
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.responses.builders import Answers
from core.settings import AnnouncerSettings, ApiSettings

_DAY_SECONDS = 86400


def drop_results(settings: ApiSettings | AnnouncerSettings) -> Results:
    """Writes the results of drops. Their manifests say what remains of the owner's budget, as answers do."""
    callers = CallerStore(aws.dynamodb(), settings.callers_table)
    owners = Owners(PrefixStore(aws.dynamodb(), settings.callers_table), callers)
    ledger = LedgerStore(aws.dynamodb(), settings.ledger_table)
    budgets = Budgets(ledger, settings.budget)

    def remaining(job: Job) -> int | None:
        caller = owners.caller_of(job)
        return budgets.remaining(caller) if caller else None

    return Results(
        ResultBucket(aws.s3_when_used(), settings.images_bucket),
        FolderClaims(aws.dynamodb(), settings.jobs_table),
        JobStore(aws.dynamodb(), settings.jobs_table, ledger),
        lambda job: answers_without_request(settings.public_url, partial(remaining, job)),
        settings.retention_days * _DAY_SECONDS,
    )


def answers_without_request(public_url: str, budget_left: Callable[[], int | None]) -> Answers:
    """Answers whose links begin with the deployment's own URL, since there is no request that names a host."""
    return Answers(Permalinks(public_url), public_url, time.time(), budget_left)
