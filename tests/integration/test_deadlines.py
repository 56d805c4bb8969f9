"""How long a job may wait for its purchase is its caller's to say; past it, it ends free of charge."""

import time
from typing import Any

import pytest

from tests.support.world import World

PAST = 1


def assert_ended_in_time(world: World, job_id: str) -> None:
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"], job["error"]["charged"]) == ("failed", "deadline_passed", False)
    assert world.provider.bought() == 0


def wait_of(world: World, job_id: str) -> int:
    """Seconds from when a job was accepted to its deadline."""
    item = world.jobs.item(job_id)
    return int(item["deadline"]["N"]) - int(item["created_ms"]["N"]) // 1000


@pytest.mark.parametrize(
    ("headers", "body"), [({"easel-deadline": "30"}, {}), ({}, {"easel_deadline": 30})], ids=["header", "body"]
)
def test_a_caller_says_how_long_its_job_may_wait(world: World, headers: dict[str, str], body: dict[str, Any]) -> None:
    assert wait_of(world, world.api.generate(headers, **body).json()["id"]) == 30


def test_without_a_word_it_is_an_hour(world: World) -> None:
    assert wait_of(world, world.api.accepted()) == 3600


def test_an_edit_in_a_form_may_say_so_too(world: World) -> None:
    fields = {"model": "gpt-image-2.6-flare", "prompt": "at night", "easel_deadline": "30"}
    image_id = _image(world)
    answer = world.api.form("/images/edits", fields | {"image": image_id}, [])
    assert answer.status == 202, answer.text
    assert wait_of(world, answer.json()["id"]) == 30


def _image(world: World) -> str:
    job_id = world.api.accepted()
    world.jobs.work()
    return str(world.api.job(job_id)["result"]["data"][0]["id"])


@pytest.mark.parametrize("deadline", ["0", "3601", "-1", "soon", "1.5", ""])
def test_a_wrong_deadline_is_refused(world: World, deadline: str) -> None:
    answer = world.api.generate({"easel-deadline": deadline})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_value")


def test_two_deadlines_are_refused(world: World) -> None:
    assert world.api.generate({"easel-deadline": "30"}, easel_deadline=30).status == 400


@pytest.mark.parametrize("deadline", [0, 3601, "30", 1.5, True])
def test_a_wrong_deadline_in_the_body_is_refused(world: World, deadline: Any) -> None:
    assert world.api.generate(easel_deadline=deadline).json()["error"]["param"] in ("deadline", "easel_deadline")


def test_a_worker_that_meets_it_too_late_ends_it(world: World) -> None:
    job_id = world.api.accepted(easel_deadline=30)
    world.jobs.set_numbers(job_id, deadline=PAST)
    world.jobs.work()
    assert_ended_in_time(world, job_id)


def test_the_sweep_ends_it_when_no_worker_comes(world: World) -> None:
    job_id = world.api.accepted(easel_deadline=5)
    item = world.jobs.item(job_id)
    assert item["check_at"] == item["deadline"]
    world.jobs.set_numbers(job_id, deadline=PAST, check_at=PAST)
    world.jobs.sweep()
    assert_ended_in_time(world, job_id)


def test_the_sweep_ends_it_although_a_worker_has_claimed_it(world: World) -> None:
    job_id = world.api.accepted(easel_deadline=5)
    claimed_until = 2**33
    world.jobs.set_texts(job_id, status="running", stage="claimed", lease_id="a worker")
    world.jobs.set_numbers(job_id, deadline=PAST, check_at=PAST, lease_until=claimed_until)
    world.jobs.sweep()
    assert_ended_in_time(world, job_id)


def test_a_provider_that_is_busy_for_longer_ends_it_before(world: World) -> None:
    job_id = world.api.accepted(easel_deadline=30)
    world.simulator.plan("rate_limit", retry_after=60)
    world.jobs.work()
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "rate_limit_exceeded", True)


def test_a_purchase_that_has_begun_is_not_cut(world: World) -> None:
    job_id = world.api.accepted()
    world.simulator.plan("slow", seconds=2)
    with world.jobs.working():
        until = time.monotonic() + 30
        while not world.simulator.calls():
            assert time.monotonic() < until
            time.sleep(0.05)
        world.jobs.set_numbers(job_id, deadline=PAST)
        world.jobs.sweep()
    assert world.api.job(job_id)["status"] == "succeeded"


def test_a_provider_that_asks_for_a_longer_wait_than_the_queue_can_hold_is_asked_again(world: World) -> None:
    job_id = world.api.accepted()
    world.simulator.plan("rate_limit", retry_after=1500)
    world.jobs.work()
    job = world.api.job(job_id)
    assert (job["status"], job["queue"]["eta_seconds"] >= 800) == ("queued", True)
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "succeeded"
