"""A call that waits holds a function: how many may wait at once, and that nothing is bought for one that may not."""

import base64
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli import keys
from core import aws
from tests.support.moved_time import Clock
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor

SHOP = "https://shop.example"
BODY = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}


@pytest.fixture
def two_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller may have two calls waiting."""
    monkeypatch.setenv("EASEL_CALLER_WAITING_CALLS", "2")
    world.restart()


@pytest.fixture
def hurried(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting takes no real time."""
    monkeypatch.setattr(time, "sleep", clock.forward)


def places(subject: str) -> list[str]:
    key = {"id": {"S": f"uses#{subject}"}}
    item = moto.dynamodb().get_item(TableName="jobs", Key=key).get("Item", {})
    return list(item["places"]["SS"]) if "places" in item else []


def hold(subject: str, count: int, until: float | None = None) -> None:
    """Let so many calls wait."""
    end = int(until or time.time() + 60)
    held = [f"{end:010d}#{number}" for number in range(count)]
    item: dict[str, Any] = {"id": {"S": f"uses#{subject}"}, "places": {"SS": held}}
    moto.dynamodb().put_item(TableName="jobs", Item=item)


def caller_id(world: World) -> str:
    return next(caller.id for caller in world.stack.callers().list_all() if caller.name == "tests")


def minted(world: World, images: int) -> Any:
    return world.api.call("POST", "/tokens", {"images": images, "origins": [SHOP]}).json()


def waiting_post(world: World, key: str | None = None, seconds: int = 1, **headers: str) -> Answer:
    sent = {"prefer": f"wait={seconds}", "origin": SHOP} | {k.replace("_", "-"): v for k, v in headers.items()}
    return world.api.call("POST", "/images/generations", BODY, key=key, headers=sent)


def assert_not_admitted(answer: Answer, allowed: int) -> None:
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["type"]) == (429, "too_many_waiting_calls", "rate_limit_error")
    assert (error["retryable"], error["charged"]) == (True, False)
    assert f"At most {allowed} calls" in error["message"]
    assert "Prefer: respond-async" in error["message"]
    assert answer.headers["x-should-retry"] == "true"
    assert int(answer.headers["Retry-After"]) > 0


@contextmanager
def table_writes() -> Iterator[Counter[str]]:
    """Counts what the functions write about uses."""
    counted: Counter[str] = Counter()

    def count(params: dict[str, Any], **_: Any) -> None:
        if "uses#" in str(params["Key"]):
            counted["update"] += 1

    with handled(aws.dynamodb(), "provide-client-params.dynamodb.UpdateItem", count):
        yield counted


# ---------------------------------------------------------------- beyond the bound


@pytest.mark.usefixtures("two_waits")
def test_a_purchase_that_would_wait_beyond_the_bound_is_refused_and_buys_nothing(world: World) -> None:
    hold(caller_id(world), 2)
    assert_not_admitted(waiting_post(world), 2)
    assert_not_admitted(world.api.call("POST", "/images/generations", BODY), 2)  # the default is to wait
    assert world.jobs.messages() == []
    assert world.api.call("GET", "/jobs").json()["data"] == []


@pytest.mark.usefixtures("two_waits")
def test_an_edit_beyond_the_bound_stores_no_input(world: World) -> None:
    hold(caller_id(world), 2)
    body = BODY | {"images": [{"image_url": "data:image/png;base64," + base64.b64encode(b"not looked at").decode()}]}
    assert_not_admitted(world.api.call("POST", "/images/edits", body, headers={"prefer": "wait=1"}), 2)
    assert "Contents" not in moto.s3().list_objects_v2(Bucket="images")


@pytest.mark.usefixtures("two_waits")
def test_beyond_the_bound_a_caller_who_does_not_wait_buys_as_always(world: World) -> None:
    hold(caller_id(world), 2)
    assert world.api.generate().status == 202
    assert waiting_post(world, seconds=0).status == 202


@pytest.mark.usefixtures("two_waits")
@pytest.mark.usefixtures("hurried")
def test_beyond_the_bound_a_job_is_read_at_once(world: World) -> None:
    job_id = world.api.accepted()
    hold(caller_id(world), 2)
    before = time.time()
    assert world.api.call("GET", f"/jobs/{job_id}?wait=20").json()["status"] == "queued"
    assert time.time() - before < 1


@pytest.mark.usefixtures("two_waits")
@pytest.mark.usefixtures("hurried")
def test_beyond_the_bound_an_assistant_gets_the_job_at_once(world: World) -> None:
    hold(caller_id(world), 2)
    before = time.time()
    door = McpDoor(world.api.key)
    bought = door.call("generate_image", prompt="an otter", wait_seconds=20).result["structuredContent"]
    read = door.call("get_image_job", job_id=bought["job_id"], wait_seconds=20).result["structuredContent"]
    assert (bought["status"], read["status"]) == ("queued", "queued")
    assert time.time() - before < 1


@pytest.mark.usefixtures("two_waits")
def test_beyond_the_bound_a_finished_job_is_answered_however_it_is_asked_for(world: World) -> None:
    first = waiting_post(world, seconds=0, idempotency_key="1")
    world.jobs.work()
    hold(caller_id(world), 2)
    assert waiting_post(world, idempotency_key="1").status == 200
    assert world.api.call("GET", f"/jobs/{first.json()['id']}?wait=1").json()["status"] == "succeeded"


@pytest.mark.usefixtures("two_waits")
@pytest.mark.usefixtures("hurried")
def test_beyond_the_bound_a_repetition_finds_its_job_without_waiting(world: World) -> None:
    first = waiting_post(world, seconds=0, idempotency_key="1").json()["id"]
    hold(caller_id(world), 2)
    before = time.time()
    again = waiting_post(world, seconds=20, idempotency_key="1")
    assert (again.status, again.json()["id"]) == (202, first)
    assert time.time() - before < 1


# ---------------------------------------------------------------- what counts


@pytest.mark.usefixtures("two_waits")
def test_a_finished_job_costs_no_count(world: World) -> None:
    first = waiting_post(world, seconds=0, idempotency_key="1").json()["id"]
    world.jobs.work()
    with table_writes() as written:
        waiting_post(world, idempotency_key="1")
        world.api.call("GET", f"/jobs/{first}?wait=20")
        McpDoor(world.api.key).call("get_image_job", job_id=first, wait_seconds=20)
        world.api.generate()
    assert written["update"] == 0


@pytest.mark.usefixtures("two_waits")
@pytest.mark.parametrize("works", [True, False], ids=["finished", "by the clock"])
def test_a_place_is_given_back_when_the_call_ends(world: World, works: bool) -> None:
    if works:
        with world.jobs.working():
            assert waiting_post(world, seconds=20).status == 200
    else:
        assert waiting_post(world).status == 202
    assert places(caller_id(world)) == []


@pytest.mark.usefixtures("two_waits")
def test_a_place_is_given_back_when_the_purchase_is_refused(world: World) -> None:
    moto.dynamodb().put_item(
        TableName="ledger",
        Item={"owner": {"S": "deployment"}, "name": {"S": "control"}, "stopped_at": {"N": "1"}},
    )
    assert waiting_post(world).json()["error"]["code"] == "buying_stopped"
    assert places(caller_id(world)) == []


@pytest.mark.usefixtures("two_waits")
def test_the_place_of_a_function_that_crashed_ends_by_itself(world: World) -> None:
    hold(caller_id(world), 2, until=time.time() - 1)
    assert waiting_post(world).status == 202
    assert places(caller_id(world)) == []


@pytest.mark.usefixtures("two_waits")
@pytest.mark.usefixtures("hurried")
def test_a_place_outlives_the_wait_it_is_for(world: World) -> None:
    """Until its call has certainly ended, nobody else gets it."""
    seen: list[str] = []

    def look(**_: Any) -> None:
        seen.extend(places(caller_id(world)))

    until = time.time() + 20
    with handled(aws.dynamodb(), "before-call.dynamodb.TransactWriteItems", look):
        waiting_post(world, seconds=20)
    assert int(seen[0].partition("#")[0]) > int(until)


def test_without_a_limit_nothing_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_CALLER_WAITING_CALLS", "0")
    world.restart()
    with table_writes() as written:
        assert waiting_post(world).status == 202
    assert written["update"] == 0


@pytest.mark.usefixtures("two_waits")
@pytest.mark.parametrize("operation", ["UpdateItem"])
def test_a_table_that_does_not_count_keeps_nobody_from_waiting(world: World, operation: str) -> None:
    def broken(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    hold(caller_id(world), 2)

    def broken_for_uses(params: dict[str, Any], **_: Any) -> None:
        if "uses#" in str(params["body"]):
            broken()

    with handled(aws.dynamodb(), f"before-call.dynamodb.{operation}", broken_for_uses), world.jobs.working():
        assert waiting_post(world, seconds=20).status == 200


# ---------------------------------------------------------------- races


def held_at_once(world: World, key: str, until_all: int, **more: Any) -> list[Answer]:
    with ThreadPoolExecutor(until_all) as crowd:
        return list(crowd.map(lambda _: waiting_post(world, key=key, seconds=2, **more), range(until_all)))


@pytest.mark.usefixtures("two_waits")
@pytest.mark.parametrize("crashed", [0, 2])
def test_of_24_purchases_at_once_as_many_wait_as_may(world: World, crashed: int) -> None:
    if crashed:
        hold(caller_id(world), crashed, until=time.time() - 1)
    answers = Counter(answer.status for answer in held_at_once(world, world.api.key, 24))
    assert answers == {202: 2, 429: 22}
    assert len(world.jobs.messages()) == 2
    assert places(caller_id(world)) == []


def test_of_24_reads_at_once_a_token_for_one_image_has_one_waiting(world: World) -> None:
    token = minted(world, images=1)
    bought = waiting_post(world, key=token["token"], seconds=0).json()["id"]
    held: list[int] = []

    def count(**_: Any) -> None:
        held.append(len(places(token["id"])))

    def read(_: int) -> Answer:
        return world.api.call("GET", f"/jobs/{bought}?wait=2", key=token["token"], headers={"origin": SHOP})

    with handled(aws.dynamodb(), "before-call.dynamodb.GetItem", count), ThreadPoolExecutor(24) as crowd:
        assert {answer.status for answer in crowd.map(read, range(24))} == {200}
    assert max(held) == 1
    assert places(token["id"]) == []


# ---------------------------------------------------------------- browser tokens


@pytest.mark.parametrize(("images", "allowed"), [(1, 1), (3, 3), (10000, 4)])
def test_a_token_waits_for_no_more_calls_than_images_it_may_buy(world: World, images: int, allowed: int) -> None:
    token = minted(world, images)
    hold(token["id"], allowed)
    assert_not_admitted(waiting_post(world, key=token["token"]), allowed)
    hold(token["id"], allowed - 1) if allowed > 1 else moto.dynamodb().delete_item(
        TableName="jobs", Key={"id": {"S": f"uses#{token['id']}"}}
    )
    assert waiting_post(world, key=token["token"]).status == 202


@pytest.mark.usefixtures("two_waits")
def test_the_tokens_of_a_key_wait_within_the_bound_of_the_key(world: World) -> None:
    hold(caller_id(world), 2)
    token = minted(world, images=3)
    assert_not_admitted(waiting_post(world, key=token["token"]), 2)
    assert places(token["id"]) == []


@pytest.mark.usefixtures("two_waits")
def test_one_callers_waits_are_not_anothers(world: World) -> None:
    hold(caller_id(world), 2)
    other, _ = keys.create(world.stack, "other", None, [], [])
    assert waiting_post(world, key=other).status == 202


@pytest.mark.parametrize(
    "ask",
    [
        lambda world, token, job_id: world.api.call(
            "GET", f"/jobs/{job_id}?wait=900", door="direct", key=token, headers={"origin": SHOP}
        ),
        lambda world, token, job_id: world.api.call(
            "POST", "/images/generations", BODY, door="direct", key=token, headers={"origin": SHOP}
        ),
        lambda world, token, job_id: world.api.call(
            "POST",
            "/images/generations",
            BODY,
            door="direct",
            key=token,
            headers={"origin": SHOP, "prefer": "wait=840"},
        ),
    ],
    ids=["read", "buy", "buy with a preference"],
)
@pytest.mark.usefixtures("hurried")
def test_no_token_waits_longer_than_the_gateway_does(
    world: World, monkeypatch: pytest.MonkeyPatch, ask: Callable[[World, str, str], Answer]
) -> None:
    monkeypatch.setenv("EASEL_MAX_WAIT_SECONDS", "840")
    world.restart()
    token = minted(world, images=3)["token"]
    job_id = waiting_post(world, key=token, seconds=0).json()["id"]
    before = time.time()
    assert ask(world, token, job_id).json()["status"] == "queued"
    assert 20 < time.time() - before < 27


# ---------------------------------------------------------------- what a client can bear


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"x-stainless-lang": "js", "x-stainless-timeout": "600"}, 280, 295),
        ({"x-stainless-lang": "js"}, 280, 295),
        ({"x-stainless-lang": "js", "x-stainless-timeout": "60"}, 50, 60),
        ({"user-agent": "node"}, 280, 295),
        ({"user-agent": "undici"}, 280, 295),
        ({"x-stainless-lang": "python", "x-stainless-read-timeout": "600"}, 590, 600),
        ({"x-stainless-lang": "js", "prefer": "wait=600"}, 590, 605),
        ({}, 835, 845),
    ],
)
def test_a_function_is_held_no_longer_than_its_client_can_wait(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], least: int, most: int
) -> None:
    # Few steps, as on a machine that is busy: each costs time here.
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.forward(max(seconds, 4)))
    monkeypatch.setenv("EASEL_MAX_WAIT_SECONDS", "840")
    world.restart()
    before = time.time()
    answer = world.api.call("POST", "/images/generations", BODY, door="direct", headers=headers)
    assert answer.status == 202
    assert least < time.time() - before < most


SDK = {"x-stainless-lang": "python", "x-stainless-retry-count": "0", "x-stainless-read-timeout": "10"}


@pytest.mark.parametrize("door", ["api", "direct"])
@pytest.mark.usefixtures("hurried")
def test_an_sdk_whose_wait_ends_by_the_clock_is_made_to_retry_and_joins_its_job(world: World, door: str) -> None:
    first = world.api.call("POST", "/images/generations", BODY, door=door, headers=SDK)
    error = first.json()["error"]
    assert (first.status, error["code"], error["retryable"]) == (409, "job_not_finished", True)
    assert error["charged"] == "unknown"
    assert error["job_id"] in error["message"]
    assert first.headers["x-should-retry"] == "true"
    world.jobs.work()
    again = world.api.call(
        "POST", "/images/generations", BODY, door=door, headers=SDK | {"x-stainless-retry-count": "1"}
    )
    assert (again.status, again.json()["easel"]["job_id"]) == (200, error["job_id"])
    assert world.provider.bought() == 1


@pytest.mark.parametrize("prefer", ["wait=1", "respond-async"])
@pytest.mark.usefixtures("hurried")
def test_an_sdk_whose_user_asks_for_a_job_gets_one(world: World, prefer: str) -> None:
    assert world.api.call("POST", "/images/generations", BODY, headers=SDK | {"prefer": prefer}).status == 202
