"""The end of a job is announced at least once, whatever goes wrong on the way."""

import time

import pytest

from core import aws
from core.completion.dispatcher import Announcer, ReactionsFailed
from core.jobs.model import Job
from core.pricing import ProviderReport
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled
from tests.support.world.invocations import PUBLIC_URL, sample_event
from tests.support.world.jobs import store, stored


def ended(world: World) -> str:
    """A job that just succeeded."""
    job_id = world.api.accepted()
    world.jobs.work()
    return job_id


def is_due(world: World, job_id: str) -> None:
    """Let time pass until the sweep looks at the job."""
    world.jobs.set_numbers(job_id, check_at=int(time.time()) - 1)


def refuse(**_: object) -> None:
    raise ConnectionError("the bus is out of reach")


def test_the_end_of_a_job_reaches_the_event_bus(world: World) -> None:
    answer = world.api.generate(prompt="a secret otter", n=2, metadata={"order": "17"})
    job_id = answer.json()["id"]
    world.jobs.work()
    world.ends.announce()
    (event,) = world.ends.published()
    assert (event["source"], event["detail-type"]) == ("easel", "Job Ended")
    job = world.api.job(job_id)
    detail = event["detail"]
    assert detail == {
        "job_id": job_id,
        "caller_id": stored(job_id).caller_id,
        "status": "succeeded",
        "operation": "generation",
        "model": "gpt-image-2.6-flare",
        "charged": True,
        "error_code": None,
        "cost": job["easel"]["cost"],
        "images": [{"id": image["id"], "link": f"{PUBLIC_URL}/i/{image['id']}"} for image in job["result"]["data"]],
        "metadata": {"order": "17"},
        "drop": None,
        "request_id": answer.headers["X-Request-Id"],
        "created_at": job["created_at"],
        "finished_at": job["finished_at"],
    }
    assert "otter" not in str(event)
    assert "X-Amz" not in str(event)


def test_a_failure_is_announced_with_its_code(world: World) -> None:
    world.simulator.plan("moderation_blocked")
    ended(world)
    world.ends.announce()
    (event,) = world.ends.published()
    assert (event["detail"]["status"], event["detail"]["error_code"]) == ("failed", "moderation_blocked")
    assert event["detail"]["images"] == []


def test_a_cancellation_is_announced(world: World) -> None:
    job_id = world.api.accepted()
    world.api.call("POST", f"/jobs/{job_id}/cancel")
    world.ends.announce()
    assert [event["detail"]["status"] for event in world.ends.published()] == ["canceled"]


def test_a_job_that_has_not_ended_is_not_announced(world: World) -> None:
    world.api.accepted()
    assert world.ends.announce() is None
    assert world.ends.published() == []


def test_an_end_is_not_announced_again(world: World) -> None:
    ended(world)
    world.ends.announce()
    assert world.ends.announce() is None
    assert len(world.ends.published()) == 1


def test_a_record_that_is_delivered_twice_is_announced_once(world: World) -> None:
    job_id = ended(world)
    world.ends.announce()
    event = sample_event("announcer")
    event["Records"][0]["dynamodb"]["Keys"]["id"]["S"] = job_id
    assert world.ends.deliver(event) == {"batchItemFailures": []}
    assert len(world.ends.published()) == 1


def test_an_answer_that_came_after_all_is_announced_again(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.messages()
    past = int(time.time()) - 1
    claimed = store().save(stored(job_id).claimed("a worker", past, past))
    store().save(claimed.calling())
    is_due(world, job_id)
    assert world.jobs.sweep() == {"enqueued": 1}
    world.jobs.work()
    world.ends.announce()
    job = store().get(job_id)
    assert job is not None
    store().save(job.storing((), ProviderReport(past)).succeeded(past, ()))
    world.ends.announce()
    assert [event["detail"]["status"] for event in world.ends.published()] == ["unknown", "succeeded"]


def test_an_end_that_could_not_be_announced_is_brought_again_by_the_sweep(world: World) -> None:
    job_id = ended(world)
    with handled(aws.events(), "before-call.events.PutEvents", refuse):
        with pytest.raises(Exception, match="event bus"):
            world.ends.announce()
        assert world.jobs.sweep() == {}, "the stream may still manage"
        is_due(world, job_id)
        assert world.jobs.sweep() == {"announced again": 1}
    assert world.ends.announce() == {"batchItemFailures": []}
    assert [event["detail"]["job_id"] for event in world.ends.published()] == [job_id]
    is_due(world, job_id)
    assert world.jobs.sweep() == {}, "it was announced"


def test_the_sweep_brings_an_end_again_less_and_less_often(world: World) -> None:
    job_id = ended(world)
    world.jobs.set_numbers(job_id, finished_at=int(time.time()) - 1000)
    is_due(world, job_id)
    world.jobs.sweep()
    job = store().get(job_id)
    assert job is not None and job.check_at is not None
    assert job.check_at >= int(time.time()) + 990


def test_one_end_that_fails_keeps_no_other_from_being_announced(world: World) -> None:
    lost, kept = ended(world), ended(world)
    moto.dynamodb().update_item(
        TableName="jobs",
        Key={"id": {"S": lost}},
        UpdateExpression="SET #status = :odd",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":odd": {"S": "of another version"}},
    )
    failures = world.ends.announce()["batchItemFailures"]
    assert failures
    assert [event["detail"]["job_id"] for event in world.ends.published()] == [kept]


def test_a_reaction_that_fails_keeps_no_other_from_running_and_is_repeated(world: World) -> None:
    job_id = ended(world)
    ran: list[str] = []
    faults = [OSError("not today")]

    def fragile(job: Job) -> None:
        if faults:
            raise faults.pop()
        ran.append(f"fragile {job.id}")

    announcer = Announcer(store(), {"fragile": fragile, "sturdy": lambda job: ran.append(f"sturdy {job.id}")})
    with pytest.raises(ReactionsFailed, match=r"^fragile$"):
        announcer.announce(job_id)
    assert ran == [f"sturdy {job_id}"]
    announcer.announce(job_id)
    assert f"fragile {job_id}" in ran
    ran.clear()
    announcer.announce(job_id)
    assert ran == []


def test_what_is_written_while_an_end_is_announced_is_announced_too(world: World) -> None:
    job_id = ended(world)

    def deletes_an_image(job: Job) -> None:
        world.api.call("DELETE", f"/images/{job.images[0].id}")

    Announcer(store(), {"caller": deletes_an_image}).announce(job_id)
    job = store().get(job_id)
    assert job is not None
    assert job.unannounced


def test_an_end_is_announced_whatever_the_time_of_the_next_look(world: World) -> None:
    """The time at which the sweep checks an open doubt is also a time at which an announcement may be due."""
    job_id = world.api.accepted()
    world.simulator.plan("cut_body")
    world.jobs.work()
    job = stored(job_id)
    assert job.check_after_announcement is not None
    store().redispatch(job, job.check_after_announcement)
    assert stored(job_id).unannounced
    world.ends.announce()
    assert stored(job_id).check_at == job.check_after_announcement
    assert not stored(job_id).unannounced


def test_an_announcement_does_not_disturb_a_late_acknowledgement(world: World) -> None:
    """The client of DynamoDB repeats a write whose answer was lost; meanwhile the end it wrote was announced."""
    job_id = world.api.accepted()
    world.jobs.messages()
    job = store().get(job_id)
    assert job is not None
    ends = job.canceled(int(time.time()))
    saved = store().save(ends)
    store().mark_announced(saved)
    assert store().save(ends) == store().get(job_id)
