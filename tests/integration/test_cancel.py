"""Cancelling: certain and free while nothing was bought, honest when it is too late; counted at the provider."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from cli import keys
from core import aws
from core.jobs.model import Job
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.providers import NotBought
from core.requests import Input
from tests.support.pictures import picture
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.http_api import Answer


def cancel(world: World, job_id: str, key: str | None = None) -> Answer:
    return world.api.call("POST", f"/jobs/{job_id}/cancel", key=key)


def calling(world: World) -> str:
    """A job whose worker has just asked for the images."""
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job_id = world.api.accepted()
    world.jobs.messages()
    job = store.get(job_id)
    assert isinstance(job, Job)
    later = int(time.time()) + 60
    store.save(store.save(job.claimed("alive", later, later)).calling())
    return job_id


def test_a_queued_job_is_canceled_for_free(world: World) -> None:
    job_id = world.api.accepted()
    answer = cancel(world, job_id)
    assert answer.status == 200
    job = answer.json()
    assert (job["status"], job["error"], job["result"]) == ("canceled", None, None)
    assert (job["easel"]["charged"], job["easel"]["cost"]["actual_micro_usd"]) == (False, 0)
    assert job["finished_at"]
    world.jobs.work()
    assert world.jobs.sweep() == {}
    assert world.api.job(job_id)["status"] == "canceled"
    assert world.simulator.calls() == []


def test_cancelling_twice_is_no_error(world: World) -> None:
    job_id = world.api.accepted()
    first = cancel(world, job_id).json()
    again = cancel(world, job_id)
    assert (again.status, again.json()) == (200, first)


def accepted_edit(world: World) -> str:
    fields = {"model": "gpt-image-2", "prompt": "an otter"}
    answer = world.api.form("/images/edits", fields, [("image", ("a.png", picture(), "image/png"))])
    return str(answer.json()["id"])


def happens_before(write: int, event: Callable[[], object]) -> None:
    """Let something happen right before the worker's first, second, ... write of a job is sent."""
    events, seen = aws.dynamodb().meta.events, 0
    # With what it moves in the ledger, or alone.
    writes = ("before-call.dynamodb.TransactWriteItems", "before-call.dynamodb.PutItem")

    def strike(**_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == write:
            for name in writes:
                events.unregister(name, strike)
            event()

    for name in writes:
        events.register(name, strike)


@pytest.mark.parametrize(("operation", "write"), [("generation", 1), ("edit", 1), ("edit", 2)])
def test_a_worker_that_loses_the_race_buys_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str, write: int
) -> None:
    """One write claims the job and says that it buys now; for an edit, whose inputs are read in between, it is two."""
    monkeypatch.setenv("EASEL_CALLER_CONCURRENCY", "1")
    world.restart()
    job_id = world.api.accepted() if operation == "generation" else accepted_edit(world)
    answers: list[Answer] = []
    happens_before(write, lambda: answers.append(cancel(world, job_id)))
    assert world.jobs.deliver(job_id) == {"batchItemFailures": []}
    assert [answer.status for answer in answers] == [200]
    assert world.api.job(job_id)["status"] == "canceled"
    assert world.simulator.calls() == []
    next_one = world.api.accepted()
    world.jobs.deliver(next_one)
    assert world.api.job(next_one)["status"] == "succeeded", "the slot was given back"


def test_a_cancellation_that_loses_the_race_looks_again(world: World) -> None:
    """The worker claims the job, and then buys, while the cancellation is on its way."""
    job_id = world.api.accepted()
    happens_before(1, lambda: world.jobs.deliver(job_id))
    answer = cancel(world, job_id)
    assert (answer.status, answer.json()["error"]["code"]) == (409, "already_finished")
    assert (world.api.job(job_id)["status"], world.provider.bought()) == ("succeeded", 1)


def test_a_worker_writes_no_failure_over_a_cancellation(world: World) -> None:
    """The provider's key is out of reach, which would fail the job, and the caller cancels at the same moment."""
    job_id = world.api.accepted()

    def cancel_now(**_: object) -> None:
        assert cancel(world, job_id).status == 200

    moto.secretsmanager().delete_secret(SecretId="easel/openai", ForceDeleteWithoutRecovery=True)
    aws.secretsmanager().meta.events.register("before-call.secrets-manager.GetSecretValue", cancel_now)
    with contextlib.suppress(NotBought):
        world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "canceled"


def test_a_started_purchase_cannot_be_canceled(world: World) -> None:
    job_id = calling(world)
    answer = cancel(world, job_id)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["charged"]) == (409, "too_late_to_cancel", "unknown")
    assert (error["job_id"], error["retryable"], answer.headers["x-should-retry"]) == (job_id, False, "false")
    assert world.api.job(job_id)["status"] == "running"


def test_images_that_are_being_stored_are_said_to_be_charged(world: World) -> None:
    job_id = world.api.accepted()
    answers: list[Answer] = []
    # The worker's third write is the end; the image is stored while it writes that it was bought.
    happens_before(3, lambda: answers.append(cancel(world, job_id)))
    world.jobs.deliver(job_id)
    (answer,) = answers
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["charged"]) == (409, "too_late_to_cancel", True)
    assert world.api.job(job_id)["status"] == "succeeded"


def test_a_finished_job_cannot_be_canceled(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.work()
    answer = cancel(world, job_id)
    assert (answer.status, answer.json()["error"]["code"]) == (409, "already_finished")
    assert answer.json()["error"]["charged"] is True
    assert world.api.job(job_id)["status"] == "succeeded"


def test_an_unknown_job_is_finished_and_in_doubt(world: World) -> None:
    job_id = world.api.accepted()
    world.simulator.plan("reset")
    world.jobs.deliver(job_id)
    error = cancel(world, job_id).json()["error"]
    assert (error["code"], error["charged"]) == ("already_finished", "unknown")


def test_another_callers_job_is_404(world: World) -> None:
    job_id = world.api.accepted()
    other, _ = keys.create(world.stack, "other", None, [], [])
    assert cancel(world, job_id, other).status == 404
    assert world.api.call("DELETE", f"/jobs/{job_id}/inputs", key=other).status == 404
    assert world.api.job(job_id)["status"] == "queued"


def test_a_waiting_caller_learns_that_the_job_was_canceled(world: World) -> None:
    answers = []

    def wait() -> None:
        answers.append(world.api.call("POST", "/images/generations", {"prompt": "an otter"}))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not (jobs := world.api.call("GET", "/jobs").json()["data"]):
        time.sleep(0.05)
    cancel(world, jobs[0]["id"])
    waiting.join()
    (answer,) = answers
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["charged"]) == (409, "job_canceled", False)
    assert (error["job_id"], answer.headers["x-should-retry"]) == (jobs[0]["id"], "false")


def test_an_idempotency_key_still_finds_the_canceled_job(world: World) -> None:
    headers = {"idempotency-key": "order-7"}
    job_id = world.api.generate(headers).json()["id"]
    cancel(world, job_id)
    answer = world.api.generate(headers)
    assert (answer.status, answer.json()["error"]["code"]) == (409, "job_canceled")
    assert answer.json()["error"]["job_id"] == job_id


def test_a_canceled_job_is_not_buried(world: World) -> None:
    job_id = world.api.accepted()
    cancel(world, job_id)
    world.jobs.fail_undeliverable(job_id)
    assert world.api.job(job_id)["status"] == "canceled"


def job_with_inputs(world: World, *object_keys: str) -> str:
    """A job that works on these objects of the bucket."""
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job_id = world.api.accepted()
    job = store.get(job_id)
    assert isinstance(job, Job)
    inputs = tuple(Input("image", key, "image/png", 1, 1, 1) for key in object_keys)
    store.save(replace(job, request=replace(job.request, inputs=inputs)))
    for key in object_keys:
        moto.s3().put_object(Bucket="images", Key=key, Body=b"x")
    return job_id


def objects() -> list[str]:
    return [found["Key"] for found in moto.s3().list_objects_v2(Bucket="images").get("Contents", [])]


def test_the_inputs_of_a_finished_job_can_be_deleted(world: World) -> None:
    job_id = job_with_inputs(world, "inputs/job/one", "inputs/job/two")
    moto.s3().put_object(Bucket="images", Key="images/img_1.png", Body=b"x")
    answer = world.api.call("DELETE", f"/jobs/{job_id}/inputs")
    assert (answer.status, answer.json()["error"]["code"]) == (409, "job_not_finished")
    assert len(objects()) == 3
    cancel(world, job_id)
    for _ in range(2):
        answer = world.api.call("DELETE", f"/jobs/{job_id}/inputs")
        assert answer.json() == {"id": job_id, "object": "job.inputs.deleted", "deleted": True}
        assert objects() == ["images/img_1.png"]
