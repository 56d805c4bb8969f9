"""What becomes of a job whose worker died, at each stage; the dead worker is played by the job's record."""

import threading
import time

import pytest

from core import aws
from core.jobs.model import Job
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled


def abandoned(world: World, stage: str) -> str:
    """A job that a worker claimed, brought to `stage`, and left with a lease that has run out."""
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job_id = world.api.accepted()
    world.jobs.messages()
    past = int(time.time()) - 1
    job = store.get(job_id)
    assert job is not None
    job = store.save(job.claimed("dead", past, past))
    if stage == "calling":
        store.save(job.calling())
    return job_id


def interrupted_while_storing(world: World, monkeypatch: pytest.MonkeyPatch, *, n: int, stored: int) -> str:
    """A job whose worker was killed after `stored` of `n` images reached the bucket."""
    job_id = world.api.accepted(n=n)
    world.jobs.messages()
    puts = 0

    def die_at(**_: object) -> None:
        nonlocal puts
        puts += 1
        if puts > stored:
            raise KeyboardInterrupt

    with handled(aws.s3(), "before-call.s3.PutObject", die_at), pytest.raises(KeyboardInterrupt):
        world.jobs.deliver(job_id)
    past = int(time.time()) - 1
    world.jobs.set_numbers(job_id, lease_until=past, check_at=past)
    return job_id


def test_a_queued_job_whose_message_was_lost_is_queued_again(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.messages()
    world.jobs.set_numbers(job_id, check_at=int(time.time()) - 1)
    assert world.jobs.sweep() == {"enqueued": 1}
    assert world.jobs.sweep() == {}
    world.jobs.work()
    assert world.api.job(job_id)["status"] == "succeeded"


def test_a_queued_job_past_its_deadline_ends_free_of_charge(world: World) -> None:
    job_id = world.api.accepted()
    past = int(time.time()) - 1
    world.jobs.set_numbers(job_id, check_at=past, deadline=past)
    world.jobs.sweep()
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"], job["error"]["charged"]) == ("failed", "deadline_passed", False)


def test_a_claimed_job_is_done_again(world: World) -> None:
    job_id = abandoned(world, "claimed")
    assert world.jobs.sweep() == {"enqueued": 1}
    world.jobs.work()
    assert world.api.job(job_id)["status"] == "succeeded"
    assert world.provider.bought() == 1


@pytest.mark.parametrize("finder", ["sweep", "worker", "dead letter"])
def test_a_job_found_calling_is_unknown(world: World, finder: str) -> None:
    job_id = abandoned(world, "calling")
    if finder == "sweep":
        world.jobs.sweep()
    elif finder == "worker":
        world.jobs.deliver(job_id)
    else:
        world.jobs.fail_undeliverable(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["charged"]) == ("unknown", "unknown")
    assert world.simulator.calls() == []
    assert world.api.generate().json()["error"]["job_id"] == job_id  # An equal request finds it.


def test_images_stored_before_a_crash_are_the_result(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = interrupted_while_storing(world, monkeypatch, n=2, stored=1)
    assert world.jobs.sweep() == {"enqueued": 1}
    world.jobs.work()
    job = world.api.job(job_id)
    assert job["status"] == "succeeded"
    assert len(job["result"]["data"]) == 1
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["images_lost"]
    assert len(world.simulator.calls()) == 1


def test_images_lost_in_a_crash_are_said_to_be_charged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = interrupted_while_storing(world, monkeypatch, n=1, stored=0)
    world.jobs.sweep()
    world.jobs.work()
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"], job["error"]["charged"]) == ("failed", "result_lost", True)
    assert world.api.generate(n=1).json()["error"]["job_id"] == job_id  # An equal request finds it.


def test_a_late_answer_resolves_an_unknown(world: World) -> None:
    job_id = world.api.accepted()
    world.simulator.plan("slow", seconds=1.0)
    worker = threading.Thread(target=world.jobs.deliver, args=(job_id,))
    worker.start()
    while not world.simulator.calls():
        time.sleep(0.05)
    # The lease runs out and the sweep decides while the provider still works.
    past = int(time.time()) - 1
    world.jobs.set_numbers(job_id, lease_until=past, check_at=past)
    assert world.jobs.sweep() == {"unknown": 1}
    worker.join()
    job = world.api.job(job_id)
    assert job["status"] == "succeeded"
    assert len(job["result"]["data"]) == 1
    again = world.api.generate()
    assert (again.status, again.json()["easel"]["joined"], again.json()["easel"]["job_id"]) == (200, True, job_id)


def test_a_live_lease_is_left_alone(world: World) -> None:
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job_id = world.api.accepted()
    job = store.get(job_id)
    assert isinstance(job, Job)
    later = int(time.time()) + 60
    store.save(store.save(job.claimed("alive", later, later)).calling())
    world.jobs.deliver(job_id)
    world.jobs.fail_undeliverable(job_id)
    assert world.jobs.sweep() == {}
    assert world.api.job(job_id)["status"] == "running"


def test_a_dead_letter_ends_a_job_that_was_never_claimed(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.fail_undeliverable(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"], job["error"]["charged"]) == ("failed", "not_performed", False)


def test_a_dead_letter_of_an_unknown_job_is_nothing(world: World) -> None:
    assert world.jobs.fail_undeliverable("job_00000000000000000000000000000000") == {"batchItemFailures": []}
    assert moto.dynamodb().scan(TableName="jobs")["Items"] == []
