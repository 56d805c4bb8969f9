"""How far a job is: its stage, its time, the usual time and its position, the same at every door."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from cli.client import how_far
from core import aws
from core.jobs.durations import FEWEST
from tests.support.command_line import Easel
from tests.support.moved_time import Clock
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled
from tests.support.world.invocations import sample_event
from tests.support.world.jobs import store, stored
from tests.support.world.mcp_server import McpDoor

WEEK = 7 * 86400
# What `taking` makes: half of them 8 s, the others 20 s.
USUAL = {"p50": 10, "p90": 22}


def took(world: World, seconds: int, **body: Any) -> str:
    """A job that succeeded after so many seconds, and whose end was announced."""
    job_id = world.api.accepted(**body)
    world.jobs.work()
    world.jobs.set_numbers(job_id, finished_at=stored(job_id).began_at + seconds)
    world.ends.announce()
    return job_id


def taking(world: World, **body: Any) -> None:
    """Enough jobs to know how long they take: as if there had been more like the two."""
    took(world, 8, **body)
    took(world, 20, **body)
    (item,) = [each for each in moto.dynamodb().scan(TableName="jobs")["Items"] if "durations#" in each["id"]["S"]]
    world.jobs.set_numbers(item["id"]["S"], **{name: FEWEST for name in item if name.isdecimal()})
    world.restart()  # What this process has read is a minute old at most.


def running(world: World, **body: Any) -> str:
    """A job whose worker waits for the provider."""
    job_id = world.api.accepted(**body)
    world.jobs.messages()
    now = int(time.time())
    store().save(store().save(stored(job_id).claimed("a worker", now + 900, now)).calling())
    return job_id


def progress(world: World, job_id: str) -> Any:
    return world.api.job(job_id)["progress"]


@contextmanager
def failing(operation: str, only: str) -> Iterator[None]:
    """Meanwhile DynamoDB refuses an operation on items whose ids begin like this."""

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if f'"{only}' in str(params["body"]):
            raise EndpointConnectionError(endpoint_url="DynamoDB")

    with handled(aws.dynamodb(), f"before-call.dynamodb.{operation}", refuse):
        yield


def test_a_job_says_how_far_it_is_until_it_has_ended(world: World, clock: Clock) -> None:
    clock.stop_at(int(time.time()))
    answer = world.api.generate().json()
    unknown = {"usual_seconds": None, "position": None}
    assert answer["progress"] == {"stage": "queued", "elapsed_seconds": 0, **unknown}
    job_id = answer["id"]
    clock.forward(7)
    assert progress(world, job_id) == {"stage": "queued", "elapsed_seconds": 7, "usual_seconds": None, "position": 0}
    world.jobs.messages()
    claimed = store().save(stored(job_id).claimed("a worker", int(time.time()) + 900, int(time.time())))
    clock.forward(3)
    assert progress(world, job_id) == {"stage": "claimed", "elapsed_seconds": 3, **unknown}
    store().save(claimed.calling())
    clock.forward(9)
    assert progress(world, job_id) == {"stage": "calling", "elapsed_seconds": 12, **unknown}
    (listed,) = world.api.call("GET", "/jobs").json()["data"]
    assert listed["progress"] == progress(world, job_id)


@pytest.mark.parametrize("fault", [None, "moderation_blocked", "reset"])
def test_a_job_that_has_ended_has_no_progress(world: World, fault: str | None) -> None:
    if fault:
        world.simulator.plan(fault)
    job_id = world.api.accepted()
    world.jobs.work()
    assert "progress" not in world.api.job(job_id)


def test_a_job_says_how_long_such_jobs_take_by_model_and_quality(world: World) -> None:
    taking(world)
    assert progress(world, running(world))["usual_seconds"] == USUAL
    assert progress(world, running(world, quality="high"))["usual_seconds"] is None
    assert progress(world, running(world, model="gpt-image-2"))["usual_seconds"] is None
    assert world.api.generate().json()["progress"]["usual_seconds"] == USUAL


def test_no_quality_is_the_same_as_letting_the_provider_choose(world: World) -> None:
    taking(world, quality="auto")
    answer = world.api.call(
        "POST",
        "/images/generations",
        {"prompt": "an otter", "model": "gpt-image-2.6-flare"},
        headers={"prefer": "respond-async"},
    )
    assert answer.json()["progress"]["usual_seconds"] == USUAL


def test_a_few_jobs_say_nothing_about_the_usual_time(world: World) -> None:
    for _ in range(FEWEST - 1):
        took(world, 8)
    world.restart()
    assert progress(world, running(world))["usual_seconds"] is None


@pytest.mark.parametrize("fault", ["moderation_blocked", "reset"])
def test_only_what_succeeded_is_usual(world: World, fault: str) -> None:
    for number in range(FEWEST):
        world.simulator.plan(fault)
        world.api.accepted(prompt=f"an otter on rock {number}")
        world.jobs.work()
    world.ends.announce()
    world.restart()
    assert progress(world, running(world))["usual_seconds"] is None


def test_what_is_usual_is_forgotten_after_two_weeks(world: World, clock: Clock) -> None:
    clock.stop_at((time.time() // WEEK + 1) * WEEK + 100)
    taking(world)
    clock.forward(WEEK)
    assert progress(world, running(world))["usual_seconds"] == USUAL
    clock.forward(WEEK)
    assert progress(world, running(world))["usual_seconds"] is None


def test_the_time_in_the_queue_does_not_count(world: World, clock: Clock) -> None:
    job_id = world.api.accepted()
    clock.forward(100)
    world.jobs.work()
    job = stored(job_id)
    assert job.finished_at is not None
    assert job.finished_at - job.began_at < 50


def test_a_job_that_is_tried_again_after_its_failure_begins_anew(world: World, clock: Clock) -> None:
    world.simulator.plan("rate_limit", retry_after=30)
    job_id = world.api.generate({"x-stainless-retry-count": "0", "easel-deadline": "60"}).json()["id"]
    world.jobs.work()
    clock.forward(500)
    world.jobs.sweep()
    assert world.api.job(job_id)["status"] == "failed"
    again = world.api.generate({"x-stainless-retry-count": "1", "easel-deadline": "600"}).json()
    clock.forward(40)
    assert again["id"] == job_id
    assert 40 <= progress(world, job_id)["elapsed_seconds"] <= 45


def test_counting_that_fails_neither_loses_nor_repeats_an_announcement(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.work()
    with failing("UpdateItem", "durations#"):
        assert world.ends.announce() == {"batchItemFailures": []}
    assert [event["detail"]["job_id"] for event in world.ends.published()] == [job_id]
    assert not stored(job_id).unannounced
    assert world.ends.announce() is None


def test_an_end_that_is_delivered_twice_is_counted_once(world: World) -> None:
    for _ in range(FEWEST - 1):
        job_id = took(world, 8)
    world.restart()
    event = sample_event("announcer")
    event["Records"][0]["dynamodb"]["Keys"]["id"]["S"] = job_id
    world.ends.deliver(event)
    assert progress(world, running(world))["usual_seconds"] is None


def test_usual_times_that_cannot_be_read_are_unknown_and_fail_nothing(world: World) -> None:
    taking(world)
    with failing("BatchGetItem", "durations#"):
        answer = world.api.generate()
        assert (answer.status, answer.json()["progress"]["usual_seconds"]) == (202, None)


def test_the_estimated_wait_knows_how_long_such_jobs_take(world: World) -> None:
    for _ in range(FEWEST):
        took(world, 300)
    world.restart()
    for _ in range(7):
        job_id = world.api.accepted()
    job = world.api.job(job_id)
    p50 = job["progress"]["usual_seconds"]["p50"]
    assert 250 <= p50 <= 350
    assert job["queue"] == {"jobs_waiting": 7, "eta_seconds": 3 * p50}
    assert job["progress"]["position"] == 6


@pytest.fixture
def pauses(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """How long waiting calls pause: Unix seconds and the seconds slept then. Waiting takes no real time."""
    slept: list[tuple[float, float]] = []

    def sleep(seconds: float) -> None:
        slept.append((time.time(), seconds))
        clock.forward(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    return slept


def test_a_waiting_call_learns_of_an_end_within_a_tenth_of_a_second(
    world: World, pauses: list[tuple[float, float]]
) -> None:
    job_id = running(world)
    world.api.call("GET", f"/jobs/{job_id}?wait=20")
    assert max(seconds for _, seconds in pauses) <= 0.1
    assert len(pauses) <= 210, "nor does it read much more often"


@pytest.mark.parametrize("begun", [True, False])
def test_a_waiting_call_reads_rarely_while_an_end_would_be_unusual(
    world: World, pauses: list[tuple[float, float]], begun: bool
) -> None:
    taking(world)
    job_id = running(world) if begun else world.api.accepted()
    pauses.clear()
    began = stored(job_id).began_at if begun else time.time() + 60
    world.api.call("GET", f"/jobs/{job_id}?wait=20")
    unusual = began + USUAL["p50"] / 2 - 1
    early = [seconds for at, seconds in pauses if at < unusual]
    late = [seconds for at, seconds in pauses if at > unusual]
    assert len(early) <= (8 if begun else 21)
    assert all(seconds <= 0.1 for seconds in late)
    assert bool(late) == begun


def test_the_end_of_jobs_that_are_usually_quick_is_never_early(world: World, pauses: list[tuple[float, float]]) -> None:
    for _ in range(FEWEST):
        took(world, 0)
    world.restart()
    job_id = world.api.accepted()
    pauses.clear()
    world.api.call("GET", f"/jobs/{job_id}?wait=5")
    assert max(seconds for _, seconds in pauses) <= 0.1


def test_an_assistant_hears_the_same_in_words(world: World, door: McpDoor, clock: Clock) -> None:
    taking(world)
    job_id = running(world)
    clock.stop_at(stored(job_id).began_at + 12)
    told = door.call("get_image_job", job_id=job_id, wait_seconds=0).result["structuredContent"]
    assert (
        told["progress"]
        == progress(world, job_id)
        == {
            "stage": "calling",
            "elapsed_seconds": 12,
            "usual_seconds": USUAL,
            "position": None,
        }
    )
    assert "It has been running for 12 s; such jobs usually take 10 s, 9 of 10 within 22 s." in told["next_step"]
    waits = door.call("generate_image", prompt="a lynx", wait_seconds=0).result["structuredContent"]
    assert waits["progress"]["position"] == 0
    assert "It has been waiting for 0 s, with no job ahead." in waits["next_step"]
    world.jobs.work()
    done = door.call("get_image_job", job_id=waits["job_id"]).result["structuredContent"]
    assert done["progress"] is None


def test_progress_notifications_say_how_far_the_job_is(world: World, door: McpDoor, clock: Clock) -> None:
    taking(world)
    job_id = running(world)
    clock.stop_at(stored(job_id).began_at + 12)
    arguments = {"job_id": job_id, "wait_seconds": 0}
    params = {"name": "get_image_job", "arguments": arguments, "_meta": {"progressToken": 1}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    answer = door.send("POST", body=body, mcp_protocol_version="2025-06-18")
    messages = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if "data: " in line]
    words = [each["params"]["message"] for each in messages if each.get("method") == "notifications/progress"]
    assert words == [f"{job_id} has been running for 12 s; such jobs usually take 10 s, 9 of 10 within 22 s"]


def test_the_operator_hears_the_same_from_the_same_numbers(world: World, easel: Easel, clock: Clock) -> None:
    taking(world)
    job_id = running(world)
    clock.stop_at(stored(job_id).began_at + 12)
    _, shown, _ = easel("jobs", "show", job_id)
    assert "progress     running for 12 s; such jobs usually take 10 s, 9 of 10 within 22 s" in shown.splitlines()
    assert easel.document("jobs", "show", job_id)["progress"] == progress(world, job_id)
    waits = world.api.accepted()
    assert easel.document("jobs", "show", waits)["progress"] == progress(world, waits)
    world.jobs.work()
    assert easel.document("jobs", "show", waits)["progress"] is None


def test_the_command_that_buys_says_it_in_words(world: World, clock: Clock) -> None:
    taking(world)
    job_id = running(world)
    clock.stop_at(stored(job_id).began_at + 12)
    job = world.api.job(job_id)
    assert how_far(job) == "has been running for 12 s; such jobs usually take 10 s, 9 of 10 within 22 s"
    del job["progress"]  # as a deployment of an older version answers
    assert how_far(job) == "is running"
