"""Purchases as the ledger sees them: a job that reserves an amount, and its end."""

import secrets
import time
from typing import Any

from core.budgets import Budgets
from core.callers.model import Caller
from core.jobs.model import Job, new_job
from core.jobs.store import JobStore
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from core.pricing import ProviderReport, Quote
from core.requests import Request


class Buyer:
    """What a function of its own has, which knows of others only what it reads."""

    def __init__(self, dynamodb: Any, budget: Budget) -> None:
        self.ledger = LedgerStore(dynamodb, "ledger")
        self.jobs = JobStore(dynamodb, "jobs", self.ledger)
        self.budgets = Budgets(self.ledger, budget)

    def accept(self, caller: Caller, amount: int) -> Job:
        """Write a job that reserves an amount; raises as JobStore.create."""
        request = Request("generation", "an otter", "gpt-image-2.6-flare", {"n": 1})
        quote = Quote(amount, amount, "2026-11-22")
        job = new_job(
            request,
            quote,
            job_id=f"job_{secrets.token_hex(16)}",
            fingerprint="f",
            caller_id=caller.id,
            request_id="r",
            now=int(time.time()),
            retention_seconds=30 * 86400,
        )
        return self.jobs.create(job.reserving(self.budgets.reservation(caller, request, quote, priced=True)))

    def settle(self, job: Job, charge: int) -> None:
        """Let a job end that was charged so much."""
        now = int(time.time())
        stored = job.claimed("lease", now + 300, now).calling().storing(("img_1",), ProviderReport(now, charge=charge))
        self.jobs.save(stored.succeeded(now, ()))

    def release(self, job: Job) -> None:
        """Let a job end free of charge."""
        self.jobs.save(job.canceled(int(time.time())))
