"""Whatever becomes of a job, its movements add up to what it holds, and nothing stays reserved for one that is over."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.errors import Problem
from core.jobs.model import Job, new_job
from core.ledger.dollars import micro_usd, usd
from core.ledger.model import Account, Movement, account_of, opening, renewal, tally_of
from core.pricing import ProviderReport, Quote
from core.requests import Request

NOW = 1_795_371_696  # 2026-11-22, a Sunday
UPPER = 79_210
REPORT = ProviderReport(NOW, charge=20_635)


def accepted() -> Job:
    request = Request("generation", "an otter", "gpt-image-2.6-flare", {"n": 2})
    quote = Quote(UPPER, UPPER, "2026-11-22")
    job = new_job(
        request,
        quote,
        job_id="job_1",
        fingerprint="f",
        caller_id="key_1",
        request_id="r",
        now=NOW,
        retention_seconds=30 * 86400,
    )
    return reserving(job)


def reserving(job: Job) -> Job:
    return job.reserving(opening((account_of("key_1", "total", NOW),), UPPER, job.request.n, (), NOW))


def problem(charged: Any) -> Problem:
    return Problem(500, "server_error", "code", "message", charged=charged, retryable=True)


def possible(job: Job) -> dict[str, Job]:
    """What Easel can make of a job next; each use case asks the same questions before."""
    steps: dict[str, Job] = {}
    if not job.finished and job.stage in (None, "claimed"):
        steps["claim"] = job.claimed("lease", NOW + 300, NOW)
        steps["requeue"] = job.requeued(NOW + 60)
        steps["cancel"] = job.canceled(NOW)
        steps["fail for free"] = job.failed(problem(False), NOW)
    if job.stage == "claimed" and not job.finished:
        steps["call"] = job.calling()
    if job.stage == "calling" and job.status in ("running", "unknown"):
        steps["receive"] = job.storing(("img_1", "img_2"), REPORT)
        steps["be charged for nothing"] = job.failed(problem(True), NOW, REPORT)
        steps["be charged without a count"] = job.failed(problem(True), NOW)
        steps["be refused"] = job.failed(problem(False), NOW)
        steps["lose sight"] = job.unknown(problem("unknown"), NOW)
    if job.stage == "storing":
        steps["succeed"] = job.succeeded(NOW, ())
        if not job.finished:
            steps["lose the images"] = job.failed(problem(True), NOW)
    if job.may_be_resolved:
        steps["resolve as charged"] = job.resolved(5, NOW)
        steps["resolve as free"] = job.resolved(0, NOW)
        steps["expire in doubt"] = job.closed_in_doubt(NOW)
    if job.may_be_revived:
        steps["revive"] = reserving(job.revived(NOW, NOW + 3600))
    return steps


@given(st.data())
def test_the_movements_of_a_job_add_up_to_what_it_holds(data: st.DataObject) -> None:
    job = accepted()
    booked: list[Movement] = []
    for _ in range(data.draw(st.integers(1, 12))):
        booked += job.movements or ()
        job = replace(job, movements=None)  # As it is once it is written.
        of_this = [each for each in booked if job.reservation and each.reservation.id == job.reservation.id]
        assert job.reservation
        assert sum(each.reserved for each in of_this) == job.reservation.reserved
        assert sum(each.spent for each in of_this) == job.reservation.spent
        assert sum(each.images for each in of_this) == job.reservation.images
        if job.finished and not job.may_be_resolved:
            assert job.reservation.reserved == 0
        else:
            assert job.reservation.reserved == UPPER or job.resolved_at is not None
        numbers = [each.reservation.movements for each in of_this]
        assert numbers == list(range(1, len(numbers) + 1))  # An entry's key holds its number: none replaces another.
        steps = possible(job)
        if not steps:
            break
        job = steps[data.draw(st.sampled_from(sorted(steps)))]


def test_a_movement_meets_the_accounts_of_the_reservation_even_past_midnight() -> None:
    job = accepted()
    tomorrow = NOW + 86400
    settled = job.claimed("lease", tomorrow, NOW).calling().storing(("img_1", "img_2"), REPORT).succeeded(tomorrow, ())
    assert job.reservation
    assert settled.movements
    assert settled.movements[0].reservation.accounts == job.reservation.accounts
    assert settled.movements[0].reservation.day == "2026-11-22"


def test_periods_are_those_of_utc() -> None:
    last_second = 1_796_083_199  # 2026-11-30T23:59:59Z
    assert account_of("key_1", "day", last_second) == Account("key_1", "day#2026-11-30")
    assert account_of("key_1", "month", last_second + 1) == Account("key_1", "month#2026-12")
    assert renewal("day", last_second) == renewal("month", last_second) == last_second + 1
    assert renewal("total", last_second) is None


def test_a_tally_keeps_the_models_name_as_it_is() -> None:
    assert tally_of("2026-11-22", "key_1", "gpt-image-9#beta").name.partition("#")[2] == "gpt-image-9#beta"


@given(st.integers(0, 10**15))
def test_dollars_are_read_and_written_exactly(amount: int) -> None:
    if amount < 10**15:
        assert micro_usd(usd(amount).removeprefix("$")) == amount


def test_what_is_no_amount_of_dollars_is_refused() -> None:
    for text in ("", "-1", "1.", ".5", "1,5", "1e3", "0.0000001", "12 ", "$5", "NaN"):
        try:
            micro_usd(text)
        except ValueError as error:
            assert "is not a valid amount of dollars" in str(error)
        else:
            raise AssertionError(text)
