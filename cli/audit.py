"""The audit of the ledger: whether its balances are the sums of its entries, and whether each reservation has its job.

The tables are read while purchases go on, so that a difference may be one of time: what is wrong stays wrong when it
is looked at again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.jobs.model import Job
from core.jobs.store import JobStore, JobUnreadable
from core.ledger.model import Account, Balance, Entry
from core.ledger.store import LedgerStore


@dataclass(frozen=True)
class Audit:
    """What an audit saw, and each difference as a line; `held` counts jobs for which money is reserved."""

    entries: int
    accounts: int
    held: int
    differences: frozenset[str]


def audit(ledger: LedgerStore, jobs: JobStore) -> Audit:
    """Look at the whole ledger once."""
    entries, balances = ledger.everything()
    held = _held(entries)
    differences = {*_wrong_balances(entries, balances), *_wrong_courses(entries)}
    differences |= {*_reserved_for_nobody(held, jobs), *_not_in_the_ledger(held, jobs)}
    return Audit(len(entries), len(balances), len(held), frozenset(differences))


def _wrong_balances(entries: Iterable[Entry], balances: dict[Account, Balance]) -> Iterable[str]:
    sums: defaultdict[Account, Balance] = defaultdict(Balance)
    for entry in entries:
        for account in entry.accounts:
            sums[account] = sums[account].plus(entry.reserved, entry.spent, entry.images)
    for account in {*sums, *balances}:
        booked, stands = sums[account], balances.get(account, Balance())
        if booked != stands:
            yield f"{account.owner} {account.name}: the entries add up to {booked}, the balance is {stands}"


def _wrong_courses(entries: Iterable[Entry]) -> Iterable[str]:
    """A reservation begins with one entry that reserves, and never holds less than nothing."""
    courses: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        courses[entry.job_id, entry.reservation_id].append(entry)
    for (job_id, reservation_id), course in courses.items():
        kinds = [entry.kind for entry in course]
        if kinds.count("reserve") != 1:
            yield f"{job_id}: the entries of reservation {reservation_id} are {', '.join(sorted(kinds))}"
        if sum(entry.reserved for entry in course) < 0 or sum(entry.spent for entry in course) < 0:
            yield f"{job_id}: reservation {reservation_id} holds less than nothing"


def _held(entries: Iterable[Entry]) -> dict[tuple[str, str], int]:
    """Micro-dollars that are reserved, by job and reservation."""
    held: defaultdict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        held[entry.job_id, entry.reservation_id] += entry.reserved
    return {course: amount for course, amount in held.items() if amount}


def _reserved_for_nobody(held: dict[tuple[str, str], int], jobs: JobStore) -> Iterable[str]:
    for (job_id, reservation_id), amount in held.items():
        try:
            job = jobs.get(job_id)
        except JobUnreadable:
            yield f"{job_id}: cannot be read, and {amount} are reserved for it"
            continue
        if job is None:
            yield f"{job_id}: does not exist, and {amount} are reserved for it"
        elif _reserved_by(job) != (reservation_id, amount):
            yield f"{job_id}: the ledger holds {amount} by {reservation_id}, the job knows of {_reserved_by(job)}"
        elif job.finished and not job.may_be_resolved:
            yield f"{job_id}: ended as {job.status}, and {amount} are still reserved for it"


def _not_in_the_ledger(held: dict[tuple[str, str], int], jobs: JobStore) -> Iterable[str]:
    for job_id in jobs.all_open():
        job = jobs.get(job_id)
        reserved = _reserved_by(job) if job else None
        if reserved and reserved[1] and held.get((job_id, reserved[0])) != reserved[1]:
            yield f"{job_id}: knows of {reserved}, which the ledger does not hold"


def _reserved_by(job: Job) -> tuple[str, int] | None:
    return (job.reservation.id, job.reservation.reserved) if job.reservation else None
