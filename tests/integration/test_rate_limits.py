"""How many images and requests a key may have in a minute, and what guessing of keys may cost."""

import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from cli import keys
from composition import services
from core.callers.model import Rates, new_key

from .conftest import Answer, World

HALF_PAST = 1_795_350_630.0  # 30 seconds into a minute


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The clock of the doors' own counts, which stands still until a test moves it."""
    now = SimpleNamespace(at=HALF_PAST)
    monkeypatch.setattr(services, "time", SimpleNamespace(time=lambda: now.at, sleep=time.sleep))
    return now


def key_with(world: World, **rates: int) -> tuple[str, str]:
    limits: Rates = rates
    key, caller = keys.create(world.stack, "limited", None, [], [], rates=limits)
    return key, caller.id


def buy(world: World, key: str, **body: Any) -> Answer:
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"} | body
    return world.call("POST", "/images/generations", body, key=key, headers={"prefer": "respond-async"})


def assert_limited(answer: Answer) -> int:
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["retryable"], error["charged"]) == (
        429,
        "rate_limit_exceeded",
        True,
        False,
    )
    assert answer.headers["x-should-retry"] == "true"
    return int(answer.headers["Retry-After"])


def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys that are looked up from now on, by their hashes."""
    found: list[str] = []
    gate = services.doors().gate
    find = gate._callers.find_by_hash

    def noted(key_hash: str) -> Any:
        found.append(key_hash)
        return find(key_hash)

    monkeypatch.setattr(gate._callers, "find_by_hash", noted)
    return found


def test_a_key_buys_so_many_images_a_minute(world: World) -> None:
    key, _ = key_with(world, images_per_minute=3)
    assert [buy(world, key).status, buy(world, key, n=2).status] == [202, 202]
    assert 1 <= assert_limited(buy(world, key)) <= 60


def test_another_minute_is_another_count(world: World) -> None:
    key, caller_id = key_with(world, images_per_minute=1)
    buy(world, key)
    assert_limited(buy(world, key))
    table = boto3.client("dynamodb")
    counted = [item for item in table.scan(TableName="ledger")["Items"] if item["name"]["S"].startswith("minute#")]
    (item,) = [item for item in counted if item["owner"]["S"] == caller_id]
    table.delete_item(TableName="ledger", Key={"owner": item["owner"], "name": item["name"]})  # It is over.
    assert buy(world, key).status == 202


def test_what_is_refused_counts_for_nothing(world: World) -> None:
    key, _ = key_with(world, images_per_minute=2)
    assert [buy(world, key).status, buy(world, key, n=2).status, buy(world, key).status] == [202, 429, 202]


def test_more_at_once_than_in_a_minute_is_never_possible(world: World) -> None:
    key, _ = key_with(world, images_per_minute=2)
    error = buy(world, key, n=3).json()["error"]
    assert (error["code"], error["param"], error["retryable"]) == ("invalid_value", "n", False)


def test_the_operator_changes_and_lifts_limits(world: World) -> None:
    key, caller_id = key_with(world, images_per_minute=1)
    buy(world, key)
    assert_limited(buy(world, key))
    keys.set_rates(world.stack, caller_id, {"images_per_minute": 2})
    assert buy(world, key).status == 202
    keys.set_rates(world.stack, caller_id, {"images_per_minute": None})
    assert buy(world, key).status == 202
    assert "images/min" not in "".join(keys.table(world.stack))


def test_a_key_makes_so_many_requests_a_minute(world: World, clock: Any) -> None:
    key, _ = key_with(world, requests_per_minute=2)
    assert [world.call("GET", "/jobs", key=key).status for _ in range(2)] == [200, 200]
    assert assert_limited(world.call("GET", "/jobs", key=key)) == 30
    clock.at += 30
    assert world.call("GET", "/jobs", key=key).status == 200
    assert_limited(world.call("GET", "/jobs", key=key))


def test_a_request_too_many_looks_nothing_up(world: World, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = key_with(world, requests_per_minute=1)
    world.call("GET", "/jobs", key=key)
    looked_up = lookups(monkeypatch)
    assert_limited(world.call("GET", "/jobs", key=key))
    assert looked_up == []


def test_the_tokens_of_a_key_share_its_requests(world: World, clock: Any) -> None:
    key, _ = key_with(world, requests_per_minute=3)
    body = {"images": 1, "origins": ["https://shop.example"]}
    token = world.call("POST", "/tokens", body, key=key).json()["token"]
    headers = {"origin": "https://shop.example"}
    assert [world.call("GET", "/models", key=token, headers=headers).status for _ in range(2)] == [200, 200]
    assert_limited(world.call("GET", "/models", key=token, headers=headers))
    assert_limited(world.call("GET", "/jobs", key=key))


def test_an_unknown_key_is_looked_up_once(world: World, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = lookups(monkeypatch)
    unknown = new_key()
    assert [world.call("GET", "/jobs", key=unknown).status for _ in range(3)] == [401, 401, 401]
    assert len(looked_up) == 1


def test_guessing_is_looked_up_sixty_times_a_minute_at_most(
    world: World, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.call("GET", "/jobs")
    looked_up = lookups(monkeypatch)
    answers = [world.call("GET", "/jobs", key=new_key()) for _ in range(65)]
    assert [answer.status for answer in answers] == [401] * 60 + [429] * 5
    assert len(looked_up) == 60
    assert assert_limited(answers[-1]) == 1
    assert world.call("GET", "/jobs").status == 200  # Whoever was here before is not kept out by others.
