"""How many purchases can be booked at once: callers who all ask at the same moment, in a model of DynamoDB.

    python -m bench.acceptance [CALLERS ...]

Each caller reserves the price of an image and, a moment later, settles it, through the stores that the functions use.
Time is that of the model (see tests.support.contention): what is printed depends on no machine.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.audit import audit
from core.budgets import Budgets
from core.callers.model import Caller
from core.jobs.model import Job, new_job
from core.jobs.store import JobStore, StoreBusy
from core.ledger.model import Budget
from core.ledger.store import LedgerStore, LimitReached
from core.pricing import ProviderReport, Quote
from core.requests import Request
from tests.support.contention import contended

CALLERS = (1, 10, 50, 200, 1000)
PRICE, CHARGE = 50_000, 20_000
LONGEST_SECONDS = 120.0


@dataclass
class Outcome:
    """What became of the callers; times in seconds."""

    accepted: list[float] = field(default_factory=list)
    settled: int = 0
    refused: int = 0
    busy: int = 0
    seconds: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    differences: int = 0
    committed: int = 0


def ask_at_once(callers: int, budget: Budget, *, keys: int, images: int = 1) -> Outcome:
    """Let so many callers of so many keys buy at once, one after the other so many images each."""
    outcome = Outcome()
    chance = random.Random(callers)
    with contended() as (virtual, dynamodb):
        began = time.time()
        payers = [Caller(f"key_{number}", f"key {number}", 0) for number in range(keys)]

        def asking(payer: Caller) -> Callable[[], None]:
            def ask() -> None:
                store, budgets = stores(dynamodb, budget)
                for _ in range(images):
                    buy(store, budgets, payer, outcome, chance)

            return ask

        for number in range(callers):
            virtual.start(asking(payers[number % keys]))
        wanted = callers * images
        virtual.run(lambda: outcome.settled + outcome.refused + outcome.busy == wanted, LONGEST_SECONDS)
        outcome.seconds = time.time() - began
        outcome.calls = dict(dynamodb.calls)
        store, budgets = stores(dynamodb, budget)
        ledger = LedgerStore(dynamodb, "ledger")
        outcome.differences = len(audit(ledger, store).differences)
        outcome.committed = budgets.states(None)[0].balance.committed
    return outcome


def stores(dynamodb: Any, budget: Budget) -> tuple[JobStore, Budgets]:
    """What a function of its own has."""
    ledger = LedgerStore(dynamodb, "ledger")
    return JobStore(dynamodb, "jobs", ledger), Budgets(ledger, budget)


def buy(store: JobStore, budgets: Budgets, caller: Caller, outcome: Outcome, chance: random.Random) -> None:
    """Accept a job and, a moment later, settle it."""
    began = time.time()
    job = _job(caller, chance)
    assert job.quote
    try:
        accepted = store.create(job.reserving(budgets.reservation(caller, job.request, job.quote, priced=True)))
    except LimitReached:
        outcome.refused += 1
        return
    except StoreBusy:
        outcome.busy += 1
        return
    outcome.accepted.append(time.time() - began)
    time.sleep(chance.uniform(0.5, 1.5))
    claimed = accepted.claimed("lease", int(time.time()) + 300, int(time.time())).calling()
    ended = claimed.storing((), 1, ProviderReport(int(time.time()), charge=CHARGE)).succeeded(int(time.time()), ())
    while True:  # As the worker does (see jobs.worker).
        try:
            store.save(ended)
        except StoreBusy:
            continue
        outcome.settled += 1
        return


def _job(caller: Caller, chance: random.Random) -> Job:
    request = Request("generation", "an otter", "gpt-image-2.6-flare", {"n": 1})
    return new_job(
        request,
        Quote(PRICE, PRICE, "2026-11-22"),
        job_id=f"job_{chance.getrandbits(128):032x}",
        fingerprint="f",
        caller_id=caller.id,
        request_id="r",
        now=int(time.time()),
        retention_seconds=30 * 86400,
    )


def main() -> None:
    """Print the table."""
    print(
        f"{'KEYS':>6}{'CALLERS':>9}{'ACCEPTED':>10}{'BUSY':>6}{'p50 ms':>8}{'p99 ms':>8}{'BOOKINGS/s':>12}{'CANCELED':>10}  LOST"
    )
    numbers = [int(argument) for argument in sys.argv[1:]] or CALLERS
    for keys in (100, 1):
        for callers in numbers:
            print(_row(keys, callers, ask_at_once(callers, Budget(), keys=min(keys, callers))), flush=True)


def _row(keys: int, callers: int, outcome: Outcome) -> str:
    waits = sorted(outcome.accepted)
    p50, p99 = statistics.median(waits) * 1000, waits[int(len(waits) * 0.99)] * 1000
    bookings = len(waits) + outcome.settled
    lost = len(waits) - outcome.settled + outcome.differences + abs(outcome.committed - CHARGE * outcome.settled)
    return (
        f"{keys:6}{callers:9}{len(waits):10}{outcome.busy:6}{p50:8.0f}{p99:8.0f}{bookings / outcome.seconds:12.0f}"
        f"{outcome.calls.get('canceled', 0):10}{lost:6}"
    )


if __name__ == "__main__":
    main()
