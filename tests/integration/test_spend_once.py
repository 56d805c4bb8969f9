"""A job is bought at most once, whatever crashes, repeats or races; counted at the provider."""

import base64
import threading
import time
from typing import Any

import pytest

from cli import keys
from core.jobs import worker
from tests.support.moved_time import Clock
from tests.support.pictures import picture
from tests.support.world import World, aws
from tests.support.world.queues import queue_url


def test_a_message_delivered_twice_buys_once(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.deliver(job_id)
    world.jobs.deliver(job_id)
    assert world.provider.bought() == 1


def test_two_workers_that_race_for_a_job_buy_once(world: World) -> None:
    world.jobs.deliver(world.api.accepted())  # The worker is built once, by the first message.
    world.simulator.reset()
    job_id = world.api.accepted()
    world.simulator.plan("slow", seconds=0.5)
    workers = [threading.Thread(target=world.jobs.deliver, args=(job_id,)) for _ in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert world.provider.bought() == 1
    assert world.api.job(job_id)["status"] == "succeeded"


@pytest.mark.parametrize("fault", ["reset", "cut_body", "garbage_json", "bad_base64", "server_error", "bad_gateway"])
def test_a_purchase_in_doubt_is_unknown_and_never_repeated(world: World, fault: str) -> None:
    job_id = world.api.accepted()
    world.simulator.plan(fault)
    world.jobs.deliver(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"]) == ("unknown", "outcome_unknown")
    assert job["error"]["charged"] == "unknown"
    assert "with a new Idempotency-Key" in job["error"]["message"]
    world.jobs.deliver(job_id)
    world.jobs.sweep()
    assert len(world.simulator.calls()) == 1


def test_a_purchase_without_the_time_for_it_is_left_to_another_worker(world: World) -> None:
    """It would be cut off, and in doubt."""
    job_id = world.api.accepted()
    world.jobs.deliver(job_id, seconds=worker.STORING_RESERVE_SECONDS + worker.SHORTEST_CALL_SECONDS - 1)
    assert (world.api.job(job_id)["status"], world.simulator.calls()) == ("queued", [])
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "succeeded"


def test_a_late_answer_ends_in_unknown_within_the_functions_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SHORTEST_CALL_SECONDS", 1)
    job_id = world.api.accepted()
    world.simulator.plan("late", seconds=30)
    started = time.monotonic()
    world.jobs.deliver(job_id, seconds=22)
    assert time.monotonic() - started < 15
    assert world.api.job(job_id)["status"] == "unknown"


@pytest.mark.parametrize("fault", ["rate_limit", "slow_down", "overloaded"])
def test_a_limited_provider_makes_the_job_wait(world: World, clock: Clock, fault: str) -> None:
    job_id = world.api.accepted()
    world.jobs.messages()
    world.simulator.plan(fault, retry_after=1)
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "queued"
    clock.forward(4)  # The message is delayed by the provider's Retry-After or the back-off, and a little more.
    assert world.jobs.messages() == [job_id]
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "succeeded"
    assert world.provider.bought() == 1


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("insufficient_quota", 429, "insufficient_quota"),
        ("billing_hard_limit", 429, "insufficient_quota"),
        ("moderation_blocked", 400, "moderation_blocked"),
        ("unverified", 403, "organization_not_verified"),
    ],
)
def test_a_final_refusal_fails_at_once_and_is_free(world: World, fault: str, status: int, code: str) -> None:
    job_id = world.api.generate({"x-stainless-retry-count": "0"}).json()["id"]
    world.simulator.plan(fault)
    world.jobs.deliver(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert job["error"]["charged"] is False
    retried = world.api.generate({"x-stainless-retry-count": "1"})
    assert (retried.status, retried.json()["error"]["job_id"]) == (status, job_id)
    assert retried.headers["x-should-retry"] == "false"


def test_wrong_bytes_are_charged_and_said_so(world: World) -> None:
    job_id = world.api.accepted()
    world.simulator.plan("wrong_bytes")
    world.jobs.deliver(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_result_unusable")
    assert job["error"]["charged"] is True
    assert job["easel"]["cost"]["actual_micro_usd"] == world.simulator.calls()[0]["charged_micro_usd"]


def test_a_rotated_key_is_picked_up_without_a_failed_job(world: World) -> None:
    first = world.api.accepted()
    world.jobs.deliver(first)
    world.simulator.accept_keys("sk-renewed")
    aws.secretsmanager().put_secret_value(SecretId="easel/openai", SecretString='{"api_key": "sk-renewed"}')
    second = world.api.accepted()
    world.jobs.deliver(second)
    assert world.api.job(second)["status"] == "succeeded"


def test_a_refused_key_is_the_operators_problem(world: World) -> None:
    world.simulator.accept_keys("sk-other")
    job_id = world.api.accepted()
    world.jobs.deliver(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_authentication_failed")
    assert world.provider.bought() == 0


def test_an_unreadable_secret_fails_the_job_before_buying(world: World) -> None:
    aws.secretsmanager().delete_secret(SecretId="easel/openai", ForceDeleteWithoutRecovery=True)
    job_id = world.api.accepted()
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["error"]["code"] == "provider_key_unavailable"
    assert world.simulator.calls() == []


def test_an_idempotency_key_identifies_one_job(world: World) -> None:
    headers = {"idempotency-key": "order-7"}
    first = world.api.generate(headers)
    again = world.api.generate(headers)
    assert first.json()["id"] == again.json()["id"]
    assert len(world.jobs.messages()) == 1
    other = world.api.generate(headers, prompt="another otter")
    assert (other.status, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert other.headers["x-should-retry"] == "false"


def test_idempotency_keys_of_two_callers_do_not_meet(world: World) -> None:
    other, _ = keys.create(world.stack, "other", None, [], [])
    headers = {"idempotency-key": "order-7", "prefer": "respond-async"}
    body = {"prompt": "an otter"}
    mine = world.api.call("POST", "/images/generations", body, headers=headers)
    theirs = world.api.call("POST", "/images/generations", body, headers=headers, key=other)
    assert mine.json()["id"] != theirs.json()["id"]


def test_an_sdks_own_retry_joins_the_first_job(world: World) -> None:
    first = world.api.generate({"x-stainless-retry-count": "0"})
    retried = world.api.generate({"x-stainless-retry-count": "1"})
    assert first.json()["id"] == retried.json()["id"]


def test_the_same_wish_twice_on_purpose_is_two_jobs(world: World) -> None:
    first = world.api.generate({"x-stainless-retry-count": "0"})
    second = world.api.generate({"x-stainless-retry-count": "0"})
    assert first.json()["id"] != second.json()["id"]


def test_a_failed_enqueue_leaves_nothing_behind(world: World) -> None:
    aws.sqs().delete_queue(QueueUrl=queue_url("jobs"))
    answer = world.api.generate()
    assert (answer.status, answer.json()["error"]["retryable"]) == (503, True)
    assert answer.headers["x-should-retry"] == "true"
    assert aws.dynamodb().scan(TableName="jobs")["Items"] == []


@pytest.mark.parametrize("door", ["generations", "edits"])
@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ({"easel-deadline": "30"}, {"easel-deadline": "60"}, "deadline"),
        ({"easel-deadline": "30"}, {}, "deadline"),
        ({}, {"easel-deadline": "30"}, "deadline"),
    ],
)
def test_the_same_key_under_other_conditions_is_another_request(
    world: World, door: str, first: dict[str, str], second: dict[str, str], named: str
) -> None:
    body: dict[str, Any] = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    if door == "edits":
        body["images"] = [{"image_url": "data:image/png;base64," + base64.b64encode(picture()).decode()}]
    sent = {"idempotency-key": "1", "prefer": "respond-async"}
    job = world.api.call("POST", f"/images/{door}", body, headers=sent | first)
    assert job.status == 202, job.text
    again = world.api.call("POST", f"/images/{door}", body, headers=sent | first)
    assert (again.status, again.json()["id"]) == (202, job.json()["id"])
    other = world.api.call("POST", f"/images/{door}", body, headers=sent | second)
    assert (other.status, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert f"another {named}" in other.json()["error"]["message"]
