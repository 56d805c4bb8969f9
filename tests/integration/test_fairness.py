"""One caller's hundreds of jobs keep no other's one waiting, and a job that waits says for how long, roughly."""

import time
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

from cli import keys
from core.callers.use_counts import place_until
from tests.support.moved_time import Clock
from tests.support.world import World, aws
from tests.support.world.queues import queue_url


@pytest.fixture
def two_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_CALLER_CONCURRENCY", "2")
    world.restart()


def take_turns(caller_id: str, *job_ids: str, until: float) -> None:
    places = {"SS": [place_until(until, job_id) for job_id in job_ids]}
    item: dict[str, Any] = {"id": {"S": f"turns#{caller_id}"}, "places": places}
    aws.dynamodb().put_item(TableName="jobs", Item=item)


def turns(caller_id: str) -> set[str]:
    return set(item_of(caller_id).get("places", {"SS": []})["SS"])


def item_of(caller_id: str) -> dict[str, Any]:
    key = {"id": {"S": f"turns#{caller_id}"}}
    return aws.dynamodb().get_item(TableName="jobs", Key=key)["Item"]


def caller_of(world: World, job_id: str) -> str:
    return str(world.jobs.item(job_id)["caller_id"]["S"])


@pytest.mark.usefixtures("two_turns")
def test_a_job_beyond_its_callers_share_lets_others_go_first(world: World) -> None:
    job_id = world.api.accepted()
    caller_id = caller_of(world, job_id)
    take_turns(caller_id, "job_1", "job_2", until=time.time() + 60)
    world.jobs.deliver(job_id)
    assert (world.api.job(job_id)["status"], world.provider.bought()) == ("queued", 0)
    take_turns(caller_id, "job_1", until=time.time() + 60)
    world.jobs.deliver(job_id)
    assert (world.api.job(job_id)["status"], world.provider.bought()) == ("succeeded", 1)


def delays_of_waiting_jobs() -> list[float]:
    """Seconds until each message in the queue is delivered."""
    queue = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues["jobs"]
    return [max(0.0, each.delayed_until / 1000 - time.time()) for each in queue._messages]


@pytest.mark.usefixtures("two_turns")
@pytest.mark.parametrize(("waited", "shortest", "longest"), [(0, 3, 6), (20, 10, 20), (600, 30, 60), (3000, 30, 60)])
def test_a_job_that_has_waited_long_looks_for_a_slot_less_often(
    world: World, clock: Clock, waited: int, shortest: int, longest: int
) -> None:
    clock.stop_at(time.time())
    job_id = world.api.accepted()
    take_turns(caller_of(world, job_id), "job_1", "job_2", until=time.time() + 4000)
    world.jobs.messages()
    clock.forward(waited)
    world.jobs.deliver(job_id)
    (delay,) = delays_of_waiting_jobs()
    assert shortest - 1 <= delay <= longest


@pytest.mark.usefixtures("two_turns")
def test_the_sweep_sends_no_copy_of_a_job_that_waits_for_a_slot(world: World, clock: Clock) -> None:
    """Each copy would wait in the same way, so a long wait would multiply the messages."""
    clock.stop_at(time.time())
    job_id = world.api.accepted()
    take_turns(caller_of(world, job_id), "job_1", "job_2", until=time.time() + 4000)
    world.jobs.messages()
    for _ in range(20):
        world.jobs.deliver(job_id)
        (delay,) = delays_of_waiting_jobs()
        clock.forward(delay + 1)
        world.jobs.sweep()
        assert world.jobs.messages() == [job_id]


@pytest.mark.usefixtures("two_turns")
def test_another_caller_is_not_kept_waiting(world: World) -> None:
    mine = world.api.accepted()
    take_turns(caller_of(world, mine), "job_1", "job_2", until=time.time() + 60)
    key, _ = keys.create(world.stack, "other", None, [], [])
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    theirs = world.api.call("POST", "/images/generations", body, key=key, headers={"prefer": "respond-async"}).json()[
        "id"
    ]
    for job_id in (mine, theirs):
        world.jobs.deliver(job_id)
    assert world.api.call("GET", f"/jobs/{theirs}", key=key).json()["status"] == "succeeded"
    assert world.api.job(mine)["status"] == "queued"


@pytest.mark.usefixtures("two_turns")
@pytest.mark.parametrize("fault", [None, "moderation_blocked", "rate_limit", "reset"])
def test_a_turn_is_given_back_however_the_purchase_ends(world: World, fault: str | None) -> None:
    job_id = world.api.accepted()
    if fault:
        world.simulator.plan(fault)
    world.jobs.deliver(job_id)
    assert turns(caller_of(world, job_id)) == set()


@pytest.mark.usefixtures("two_turns")
def test_the_turn_of_a_worker_that_crashed_ends_by_itself(world: World) -> None:
    job_id = world.api.accepted()
    take_turns(caller_of(world, job_id), "job_1", "job_2", until=time.time() - 1)
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "succeeded"


def test_without_a_limit_nothing_is_counted(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.deliver(job_id)
    key = {"id": {"S": f"turns#{caller_of(world, job_id)}"}}
    assert "Item" not in aws.dynamodb().get_item(TableName="jobs", Key=key)


def test_messages_carry_their_caller_so_that_the_queue_can_be_fair(world: World) -> None:
    job_id = world.api.accepted()
    received = aws.sqs().receive_message(QueueUrl=queue_url("jobs"), AttributeNames=["MessageGroupId"])
    assert received["Messages"][0]["Attributes"]["MessageGroupId"] == caller_of(world, job_id)


def test_a_queued_job_says_how_many_wait_and_roughly_how_long(world: World) -> None:
    for _ in range(7):
        job_id = world.api.accepted()
    queue = world.api.job(job_id)["queue"]
    assert queue["jobs_waiting"] == 7
    assert 20 <= queue["eta_seconds"] <= 120
    assert "queue" not in world.api.call("GET", "/jobs").json()["data"][0]
    world.jobs.work()
    assert "queue" not in world.api.job(job_id)


def test_a_job_that_the_provider_put_off_says_so(world: World) -> None:
    job_id = world.api.accepted()
    world.simulator.plan("rate_limit", retry_after=300)
    world.jobs.deliver(job_id)
    assert 300 <= world.api.job(job_id)["queue"]["eta_seconds"] <= 420
