"""What becomes of a job whose worker died, at each stage; the dead worker is played by the job's record."""

import base64
import threading
import time

import pytest

from core import aws
from core.jobs.model import Job
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from tests.support.pictures import picture
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled

PICTURE = picture(format="WEBP")


def abandoned(world: World, stage: str, n: int = 1) -> str:
    """A job that a worker claimed, brought to `stage`, and left with a lease that has run out."""
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job_id = world.api.accepted(n=n)
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


def leave_images(world: World, job_id: str, count: int) -> None:
    """Put so many images into the bucket under the names that the job has chosen, of a type that nobody foresaw."""
    for image_id in world.jobs.item(job_id)["image_ids"]["L"][:count]:
        moto.s3().put_object(Bucket="images", Key=f"images/{image_id['S']}.webp", Body=PICTURE)


def images_in_the_bucket() -> list[str]:
    return [row["Key"] for row in moto.s3().list_objects_v2(Bucket="images", Prefix="images/").get("Contents", [])]


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
    if finder == "dead letter":
        world.jobs.fail_undeliverable(job_id)
    if finder == "worker":
        world.jobs.deliver(job_id)
    else:
        world.jobs.sweep()
        world.jobs.work()
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["charged"]) == ("unknown", "unknown")
    assert world.simulator.calls() == []
    assert world.api.generate(n=1).json()["error"]["job_id"] == job_id  # An equal request finds it.


def test_images_stored_before_a_crash_are_the_result(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = interrupted_while_storing(world, monkeypatch, n=2, stored=1)
    assert world.jobs.sweep() == {"enqueued": 1}
    world.jobs.work()
    job = world.api.job(job_id)
    assert job["status"] == "succeeded"
    assert len(job["result"]["data"]) == 1
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["images_lost"]
    assert len(world.simulator.calls()) == 1


@pytest.mark.parametrize("found", [1, 2])
def test_images_stored_while_others_were_to_come_are_the_result(world: World, found: int) -> None:
    """They prove the purchase. What it cost is not known, so the bound is booked."""
    job_id = abandoned(world, "calling", n=2)
    leave_images(world, job_id, found)
    world.jobs.sweep()
    world.jobs.work()
    job = world.api.call("GET", f"/jobs/{job_id}?response_format=b64_json").json()
    assert job["status"] == "succeeded"
    assert [base64.b64decode(each["b64_json"]) for each in job["result"]["data"]] == [PICTURE] * found
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["images_lost"] * (2 - found)
    assert job["easel"]["cost"]["actual_micro_usd"] == job["easel"]["cost"]["upper_bound_micro_usd"]


def test_what_a_dead_worker_stored_after_all_goes_with_its_job(world: World) -> None:
    job_id = abandoned(world, "calling")
    world.jobs.sweep()
    world.jobs.work()
    leave_images(world, job_id, 1)
    assert world.api.job(job_id)["status"] == "unknown"
    assert world.api.call("DELETE", f"/jobs/{job_id}").status == 200
    assert images_in_the_bucket() == []


def test_names_that_were_chosen_in_vain_are_forgotten(world: World) -> None:
    job_id = world.api.accepted(n=2)
    world.jobs.work()
    assert len(images_in_the_bucket()) == 2
    assert world.jobs.item(job_id)["image_ids"]["L"] == []


@pytest.mark.parametrize("after", [1, 2, 3])
def test_images_that_came_before_an_answer_broke_off_are_the_result(world: World, after: int) -> None:
    world.simulator.plan("cut_image", after=after)
    job_id = world.api.accepted(n=3)
    world.jobs.work()
    job = world.api.job(job_id)
    assert (job["status"], job["easel"]["charged"], len(job["result"]["data"])) == ("succeeded", True, after)
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["images_lost"] * (after < 3)
    assert job["easel"]["cost"]["actual_micro_usd"] == job["easel"]["cost"]["upper_bound_micro_usd"]


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
    assert world.jobs.sweep() == {"enqueued": 1}
    world.jobs.work()
    assert world.api.job(job_id)["status"] == "unknown"
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
