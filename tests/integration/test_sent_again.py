"""A request that is sent again after its job was charged without a result finds that job, whoever sends it how."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import urllib3
from botocore.exceptions import ConnectionClosedError
from requests.adapters import HTTPAdapter

from cli import drops, keys
from core import aws
from core.jobs.model import AGAIN_SECONDS
from core.jobs.store import JobStore
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from local.simulator import faults
from tests.support.gateway import listening
from tests.support.moved_time import Clock
from tests.support.pictures import picture
from tests.support.world import World
from tests.support.world.aws import handled
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor

SHOP = "https://shop.example"
BODY = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
# Whatever the provider does after it has charged, and what it answers when nobody knows whether it has.
_GOOD_IN_THE_END = ("slow", "late", "no_usage", "refused_image", "no_image", "text_only")  # the last only elsewhere
_FINAL = ("stream_blocked",)  # a 400, which nobody repeats
SPOILED = [
    *(name for name, kind in faults.KINDS.items() if kind.phase == "deliver" and name not in _GOOD_IN_THE_END + _FINAL),
    "server_error",
    "bad_gateway",
]
RETRIES = urllib3.Retry(total=3, allowed_methods=None, status_forcelist=[408, 409, 429, 500, 502, 503, 504])


def post(world: World, key: str | None = None, door: str = "api", **headers: str) -> Answer:
    sent = {"prefer": "respond-async"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return world.api.call("POST", "/images/generations", BODY, key=key, door=door, headers=sent)


def ended(world: World, fault: str | None = "empty_data", key: str | None = None, **headers: str) -> str:
    """The id of a job that has ended; by default it was charged without a result."""
    job_id = str(post(world, key, **headers).json()["id"])
    if fault:
        world.simulator.plan(fault)
    world.jobs.deliver(job_id)
    return job_id


def found(answer: Answer) -> str:
    """The job whose error an answer repeats."""
    error = answer.json()["error"]
    assert (answer.status, error["joined"], error["retryable"]) == (502, True, False)
    assert error["charged"] in (True, "unknown")
    assert answer.headers["x-should-retry"] == "false"
    return str(error["job_id"])


def bought(world: World) -> int:
    return len(world.simulator.calls())


# ---------------------------------------------------------------- real retriers


def through_urllib3(url: str, body: dict[str, Any], headers: dict[str, str]) -> int:
    with urllib3.PoolManager(retries=RETRIES) as pool:
        return pool.request("POST", url, body=json.dumps(body | {"prompt": "a cat"}), headers=headers).status


def through_requests(url: str, body: dict[str, Any], headers: dict[str, str]) -> int:
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=RETRIES))
        return session.post(url, json=body, headers=headers).status_code


@pytest.mark.parametrize("fault", SPOILED)
def test_a_generic_retrier_is_charged_once(world: World, fault: str) -> None:
    headers = {"authorization": f"Bearer {world.api.key}", "content-type": "application/json"}
    body = BODY | ({"partial_images": 1} if fault.startswith("stream_") else {})
    with listening(world.api) as base_url, world.jobs.working():
        for client in (through_urllib3, through_requests):
            world.simulator.plan(fault)
            with pytest.raises((urllib3.exceptions.MaxRetryError, requests.exceptions.RetryError)):
                client(f"{base_url}/images/generations", body, headers)
    assert bought(world) == 2
    assert len(world.api.call("GET", "/jobs").json()["data"]) == 2


# ---------------------------------------------------------------- who finds it


def test_the_error_is_that_of_the_first_and_says_how_to_buy_again(world: World) -> None:
    with world.jobs.working():
        world.simulator.plan("wrong_bytes")
        first, again = (post(world, prefer="wait=20") for _ in range(2))
    assert (first.status, first.headers["x-should-retry"]) == (again.status, again.headers["x-should-retry"])
    one, other = (answer.json()["error"] for answer in (first, again))
    assert "joined" not in one
    assert other == one | {"joined": True, "request_id": other["request_id"]}
    assert "new Idempotency-Key" in one["message"]


def test_every_way_of_asking_finds_it(world: World) -> None:
    job_id = ended(world)
    ways: list[dict[str, Any]] = [
        {},
        {"door": "direct"},
        {"prefer": "wait=20"},
        {"x_stainless_retry_count": "0"},
        {"x_stainless_retry_count": "1"},
        {"easel_deadline": "30"},
    ]
    assert {found(post(world, **way)) for way in ways} == {job_id}
    told = McpDoor(world.api.key).call("generate_image", **BODY).result
    assert (told["isError"], told["structuredContent"]["job_id"]) == (True, job_id)
    assert told["structuredContent"]["joined"] is True
    assert "new request_id" in told["structuredContent"]["error"]["message"]
    assert "ask before you call generate_image" in told["structuredContent"]["next_step"]
    assert [job["id"] for job in world.api.call("GET", "/jobs").json()["data"]] == [job_id]


def test_an_edit_is_found_without_its_images_being_stored_again(world: World) -> None:
    edit = {"model": "gpt-image-2", "prompt": "make it night"}
    job_id = str(world.api.form("/images/edits", edit, [("image", ("a.png", picture(), "image/png"))]).json()["id"])
    world.simulator.plan("cut_body")
    world.jobs.deliver(job_id)
    inputs = stored_inputs()
    assert found(world.api.form("/images/edits", edit, [("image", ("b.png", picture(), "image/png"))])) == job_id
    image = base64.b64encode(picture()).decode()
    body = edit | {"images": [{"image_url": f"data:image/png;base64,{image}"}]}
    assert found(world.api.call("POST", "/images/edits", body)) == job_id
    told = McpDoor(world.api.key).call("edit_image", **edit, image_data=[image]).result["structuredContent"]
    assert told["job_id"] == job_id
    assert stored_inputs() == inputs


def test_two_retries_at_the_same_moment_both_find_it(world: World) -> None:
    job_id = ended(world)
    with ThreadPoolExecutor(4) as pool:
        assert {found(answer) for answer in pool.map(lambda _: post(world), range(4))} == {job_id}


def test_a_page_finds_what_its_token_paid_for_even_if_the_token_is_used_up(world: World) -> None:
    token, other = (
        world.api.call("POST", "/tokens", {"images": 1, "origins": [SHOP]}).json()["token"] for _ in range(2)
    )
    job_id = ended(world, key=token, origin=SHOP)
    assert found(post(world, token, origin=SHOP)) == job_id
    assert post(world, other, origin=SHOP).status == 202  # Another visitor.
    assert post(world).status == 202  # The page's owner.


def test_it_is_found_whatever_has_been_spent_or_stopped_since(world: World) -> None:
    bound = world.api.call("POST", "/images/quote", BODY).json()["upper_bound_micro_usd"]
    key, _ = keys.create(world.stack, "of small means", None, [], [], Budget(total=bound))
    job_id = ended(world, key=key)
    assert found(post(world, key)) == job_id
    named = str(post(world, idempotency_key="order-7").json()["id"])
    world.stack.ledger().stop("an audit", int(time.time()))
    assert found(post(world, key)) == job_id
    assert post(world, idempotency_key="order-7").json()["id"] == named
    assert post(world).json()["error"]["code"] == "buying_stopped"


def test_a_request_with_a_key_of_its_own_leaves_its_end_to_those_without(world: World) -> None:
    job_id = ended(world, idempotency_key="order-7")
    assert found(post(world, idempotency_key="order-7")) == job_id
    assert found(post(world)) == job_id


# ---------------------------------------------------------------- what is another purchase


def test_another_key_buys_on_purpose(world: World) -> None:
    job_id = ended(world)
    again = post(world, idempotency_key="on-purpose")
    assert (again.status, again.json()["easel"]["joined"]) == (202, False)
    assert again.json()["id"] != job_id
    by_tool = McpDoor(world.api.key).call("generate_image", **BODY, request_id="2", wait_seconds=0)
    assert by_tool.result["structuredContent"]["job_id"] != job_id


def test_an_equal_request_while_the_first_one_runs_is_another_purchase(world: World) -> None:
    """Nobody can tell a client that gave up waiting from one that wants two images."""
    jobs = [str(post(world).json()["id"]) for _ in range(2)]
    world.simulator.plan("empty_data")
    world.simulator.plan("reset")
    world.jobs.work()
    assert bought(world) == 2
    assert found(post(world)) in jobs


@pytest.mark.parametrize("fault", [None, "moderation_blocked", "insufficient_quota"])
def test_after_success_or_a_free_failure_an_equal_request_buys(world: World, fault: str | None) -> None:
    job_id = ended(world, fault)
    assert post(world).json()["id"] != job_id


def test_another_request_or_caller_buys(world: World) -> None:
    ended(world)
    stranger, _ = keys.create(world.stack, "stranger", None, [], [])
    assert post(world, stranger).status == 202
    assert world.api.generate(prompt="another otter").status == 202
    assert world.api.generate(n=2).status == 202


def test_a_drop_is_a_purchase_of_its_own(world: World) -> None:
    drops.map_prefix(world.stack, "team", world.caller_id)
    first, again = (world.inbox.put("team/photo.png", picture(), prompt="x") for _ in range(2))
    for event in (first, first, again):
        world.simulator.plan("empty_data")
        world.inbox.deliver(event)
        world.jobs.work()
    assert bought(world) == 2


# ---------------------------------------------------------------- sent again for good reason


def sdk_call(world: World, **headers: str) -> Answer:
    """A first attempt by an OpenAI SDK that cannot wait at all."""
    sent = {"x-stainless-retry-count": "0", "x-stainless-read-timeout": "5"} | headers
    return world.api.call("POST", "/images/generations", BODY, headers=sent)


def test_a_client_that_was_told_to_send_it_again_may_do_so_as_a_first_attempt(world: World) -> None:
    """LiteLLM's Router and others repeat what the SDK gave up, in new calls of it."""
    told = [sdk_call(world).json()["error"] for _ in range(3)]
    assert {error["code"] for error in told} == {"job_not_finished"}
    (job_id,) = {error["job_id"] for error in told}
    world.jobs.work()
    answer = sdk_call(world)
    assert (answer.status, answer.json()["easel"]["job_id"], answer.json()["easel"]["joined"]) == (200, job_id, True)
    assert sdk_call(world).json()["error"]["job_id"] != job_id  # It has its image: this is a second one.
    assert bought(world) == 1


def test_a_wait_ends_as_ever_if_a_repetition_cannot_be_noted(world: World) -> None:
    def fail(params: dict[str, Any], **_: Any) -> None:
        if params["Item"]["id"]["S"].startswith("again#"):
            raise ConnectionClosedError(endpoint_url="https://aws.test")

    with handled(aws.dynamodb(), "provide-client-params.dynamodb.PutItem", fail):
        first = sdk_call(world)
    assert (first.status, first.headers["x-should-retry"]) == (409, "true")
    again = sdk_call(world, **{"x-stainless-retry-count": "1"})
    assert again.json()["error"]["job_id"] == first.json()["error"]["job_id"]


def test_what_was_told_to_a_request_with_a_key_is_nothing_to_one_without(world: World) -> None:
    named = sdk_call(world, **{"idempotency-key": "order-7"}).json()["error"]["job_id"]
    assert sdk_call(world).json()["error"]["job_id"] != named


def test_a_request_that_easel_failed_to_answer_finds_its_job(world: World) -> None:
    """The transaction was carried out, and nobody knows."""

    def lose(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="https://aws.test")

    with handled(aws.dynamodb(), "after-call.dynamodb.TransactWriteItems", lose):
        failed = post(world)
    assert (failed.status, failed.json()["error"]["code"]) == (500, "internal_error")
    with world.jobs.working():
        again = post(world, prefer="respond-async")
        world.jobs.set_numbers(again.json()["id"], check_at=1)  # Its message was never sent: the sweep sends it.
        world.jobs.sweep()
        again = post(world, prefer="wait=20")
    assert (again.status, again.json()["easel"]["joined"], bought(world)) == (200, True, 1)
    assert post(world).json()["easel"]["joined"] is False  # The images were delivered.


def test_a_purchase_is_answered_although_its_job_and_budget_cannot_be_read(world: World) -> None:
    """An error would say that it failed, and clients would repeat it."""
    broken: list[str] = []

    def fail(model: Any, **_: Any) -> None:
        if model.name in broken:
            raise ConnectionClosedError(endpoint_url="https://aws.test")

    def break_once_it_is_queued(**_: Any) -> None:
        broken.extend(["GetItem", "BatchGetItem"])

    with (
        handled(aws.dynamodb(), "provide-client-params.dynamodb", fail),
        handled(aws.sqs(), "after-call.sqs.SendMessage", break_once_it_is_queued),
    ):
        answer = post(world, prefer="wait=1")
    assert broken
    assert answer.status == 202
    assert answer.json()["easel"]["cost"]["budget_left_micro_usd"] is None


# ---------------------------------------------------------------- how long, and what becomes of it


def test_the_ten_minutes_begin_with_the_end(world: World, clock: Clock) -> None:
    job_id = str(post(world).json()["id"])
    clock.forward(1000)
    world.simulator.plan("reset")
    world.jobs.deliver(job_id)
    clock.forward(AGAIN_SECONDS - 5)
    assert found(post(world)) == job_id
    assert McpDoor(world.api.key).call("generate_image", **BODY).result["structuredContent"]["job_id"] == job_id
    clock.forward(6)
    assert post(world).status == 202


def test_once_it_is_resolved_as_free_an_equal_request_buys(world: World) -> None:
    job_id = ended(world, "reset")
    assert found(post(world)) == job_id
    resolve(job_id, cost=0)
    assert post(world).status == 202


def test_once_it_is_resolved_as_charged_it_is_still_found(world: World) -> None:
    job_id = ended(world, "reset")
    resolve(job_id, cost=50_000)
    assert found(post(world)) == job_id


def test_an_end_whose_job_is_deleted_answers_nobody(world: World) -> None:
    aws.dynamodb().delete_item(TableName="jobs", Key={"id": {"S": ended(world)}})
    assert post(world).status == 202
    world.jobs.work()
    assert bought(world) == 2


def test_joined_says_whether_a_request_found_an_earlier_job(world: World) -> None:
    answers = [post(world, idempotency_key="order-7") for _ in range(2)]
    world.jobs.work()
    answers.append(post(world, idempotency_key="order-7"))
    assert [answer.json()["easel"]["joined"] for answer in answers] == [False, True, True]
    job = world.api.job(answers[0].json()["id"])
    assert "joined" not in job["easel"] | job["result"]["easel"]


def resolve(job_id: str, cost: int) -> None:
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job = store.get(job_id)
    assert job is not None
    store.save(job.resolved(cost, int(time.time())))


def stored_inputs() -> list[str]:
    listed = aws.s3().list_objects_v2(Bucket="images", Prefix="inputs/")
    return [entry["Key"] for entry in listed["Contents"]]
