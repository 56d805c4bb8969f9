"""Audits the ledger: whether its balances are the sums of its entries, and whether each reservation has its job.

The tables are read while purchases go on, so a difference may be one of timing. One that is real is found again by the
next audit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.jobs.model import Job
from core.jobs.store import JobStore, JobUnreadable
from core.ledger.dollars import usd
from core.ledger.model import Account, Balance, Entry
from core.ledger.store import LedgerStore


@dataclass(frozen=True)
class Audit:
    """What an audit read, and each difference as a line; `held` is what is reserved for a job, in micro-dollars."""

    entries: int
    accounts: int
    held: Mapping[str, int]
    differences: frozenset[str]


def audit(ledger: LedgerStore, jobs: JobStore) -> Audit:
    """Read the whole ledger once."""
    entries, balances = ledger.everything()
    held = _held(entries)
    differences = {*_wrong_balances(entries, balances), *_wrong_reservations(entries)}
    differences |= {*_without_a_job(held, jobs), *_missing_in_the_ledger(held, jobs)}
    return Audit(
        len(entries), len(balances), {job_id: amount for (job_id, _), amount in held.items()}, frozenset(differences)
    )


def _wrong_balances(entries: Iterable[Entry], balances: dict[Account, Balance]) -> Iterable[str]:
    sums: defaultdict[Account, Balance] = defaultdict(Balance)
    for entry in entries:
        for account in entry.accounts:
            sums[account] = sums[account].plus(entry.reserved, entry.spent, entry.images)
    for account in {*sums, *balances}:
        expected, stored = sums[account], balances.get(account, Balance())
        if expected != stored:
            yield f"{account.owner} {account.name}: entries add up to {_text(expected)}; the balance is {_text(stored)}"


def _text(balance: Balance) -> str:
    return f"{usd(balance.spent)} spent, {usd(balance.reserved)} reserved, {balance.images} images"


def _wrong_reservations(entries: Iterable[Entry]) -> Iterable[str]:
    """A reservation begins with one entry that reserves, and is never negative."""
    entries_of: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        entries_of[entry.job_id, entry.reservation_id].append(entry)
    for (job_id, reservation_id), group in entries_of.items():
        kinds = sorted(entry.kind for entry in group)
        if kinds.count("reserve") != 1:
            yield f"{job_id}: reservation {reservation_id} needs one 'reserve' entry; it has {', '.join(kinds)}"
        if sum(entry.reserved for entry in group) < 0 or sum(entry.spent for entry in group) < 0:
            yield f"{job_id}: reservation {reservation_id} is negative"


def _held(entries: Iterable[Entry]) -> dict[tuple[str, str], int]:
    """Micro-dollars that are reserved, by job and reservation."""
    held: defaultdict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        held[entry.job_id, entry.reservation_id] += entry.reserved
    return {reservation: amount for reservation, amount in held.items() if amount}


def _without_a_job(held: dict[tuple[str, str], int], jobs: JobStore) -> Iterable[str]:
    for (job_id, reservation_id), amount in held.items():
        try:
            job = jobs.get(job_id)
        except JobUnreadable:
            yield f"{job_id}: cannot be read, but {usd(amount)} is reserved for it"
            continue
        if job is None:
            yield f"{job_id}: does not exist, but {usd(amount)} is reserved for it"
        elif _reserved_by(job) != (reservation_id, amount):
            expected = _reserved_by(job)
            recorded = f"{usd(expected[1])} by {expected[0]}" if expected else "nothing"
            yield f"{job_id}: the ledger has reserved {usd(amount)} by {reservation_id}, the job records {recorded}"
        elif job.finished and not job.may_be_resolved:
            yield f"{job_id}: ended as {job.status}, but {usd(amount)} is still reserved for it"


def _missing_in_the_ledger(held: dict[tuple[str, str], int], jobs: JobStore) -> Iterable[str]:
    for job_id in jobs.all_open():
        job = jobs.get(job_id)
        reservation_id, amount = (_reserved_by(job) if job else None) or ("", 0)
        if amount and held.get((job_id, reservation_id)) != amount:
            yield f"{job_id}: records {usd(amount)} reserved by {reservation_id}, which the ledger does not have"


def _reserved_by(job: Job) -> tuple[str, int] | None:
    return (job.reservation.id, job.reservation.reserved) if job.reservation else None
