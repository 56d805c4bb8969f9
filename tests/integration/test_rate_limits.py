"""How many images and requests a key may have in a minute, and what guessing of keys may cost."""

from typing import Any, cast

import jwt
import pytest

from cli import keys
from core import aws
from core.callers.model import Rates, new_key
from tests.support.moved_time import Clock
from tests.support.world import World
from tests.support.world.http_api import Answer

HALF_PAST = 1_795_350_630.0  # 30 seconds into a minute


@pytest.fixture
def standing_clock(clock: Clock) -> Clock:
    """A clock that stands still until a test moves it."""
    clock.stop_at(HALF_PAST)
    return clock


def key_with(world: World, **rates: Any) -> tuple[str, str]:
    key, caller = keys.create(world.stack, "limited", None, [], [], rates=cast(Rates, rates))
    return key, caller.id


def buy(world: World, key: str, **body: Any) -> Answer:
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"} | body
    return world.api.call("POST", "/images/generations", body, key=key, headers={"prefer": "respond-async"})


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


def lookups() -> list[str]:
    """Keys that are looked up from now on, by their hashes."""
    found: list[str] = []

    def note(params: dict[str, Any], **_: object) -> None:
        if params["TableName"] == "callers" and "key_hash" in params["Key"]:
            found.append(params["Key"]["key_hash"]["S"])

    aws.dynamodb().meta.events.register("provide-client-params.dynamodb.GetItem", note)
    return found


def test_a_key_buys_so_many_images_a_minute(world: World, standing_clock: Clock) -> None:
    key, _ = key_with(world, images_per_minute=3)
    assert [buy(world, key).status, buy(world, key, n=2).status] == [202, 202]
    assert 1 <= assert_limited(buy(world, key)) <= 60


def test_another_minute_is_another_count(world: World, standing_clock: Clock) -> None:
    key, _ = key_with(world, images_per_minute=1)
    buy(world, key)
    assert assert_limited(buy(world, key)) == 30
    standing_clock.forward(30)
    assert buy(world, key).status == 202


def test_what_is_refused_counts_for_nothing(world: World, standing_clock: Clock) -> None:
    key, _ = key_with(world, images_per_minute=2)
    assert [buy(world, key).status, buy(world, key, n=2).status, buy(world, key).status] == [202, 429, 202]


def test_more_at_once_than_in_a_minute_is_never_possible(world: World) -> None:
    key, _ = key_with(world, images_per_minute=2)
    error = buy(world, key, n=3).json()["error"]
    assert (error["code"], error["param"], error["retryable"]) == ("invalid_value", "n", False)


def test_the_operator_changes_and_lifts_limits(world: World, standing_clock: Clock) -> None:
    key, caller_id = key_with(world, images_per_minute=1)
    buy(world, key)
    assert_limited(buy(world, key))
    world.stack.callers().set_rates(caller_id, {"images_per_minute": 2})
    assert buy(world, key).status == 202
    world.stack.callers().set_rates(caller_id, {"images_per_minute": None})
    assert buy(world, key).status == 202


def test_a_key_makes_so_many_requests_a_minute(world: World, standing_clock: Clock) -> None:
    key, _ = key_with(world, requests_per_minute=2)
    assert [world.api.call("GET", "/jobs", key=key).status for _ in range(2)] == [200, 200]
    assert assert_limited(world.api.call("GET", "/jobs", key=key)) == 30
    standing_clock.forward(30)
    assert world.api.call("GET", "/jobs", key=key).status == 200
    assert_limited(world.api.call("GET", "/jobs", key=key))


def test_a_request_too_many_looks_nothing_up(world: World, standing_clock: Clock) -> None:
    key, _ = key_with(world, requests_per_minute=1)
    world.api.call("GET", "/jobs", key=key)
    looked_up = lookups()
    assert_limited(world.api.call("GET", "/jobs", key=key))
    assert looked_up == []


def test_the_tokens_of_a_key_share_its_requests(world: World, standing_clock: Clock) -> None:
    key, _ = key_with(world, requests_per_minute=3)
    body = {"images": 1, "origins": ["https://shop.example"]}
    token = world.api.call("POST", "/tokens", body, key=key).json()["token"]
    headers = {"origin": "https://shop.example"}
    assert [world.api.call("GET", "/models", key=token, headers=headers).status for _ in range(2)] == [200, 200]
    assert_limited(world.api.call("GET", "/models", key=token, headers=headers))
    assert_limited(world.api.call("GET", "/jobs", key=key))


def test_an_unknown_key_is_looked_up_once(world: World, standing_clock: Clock) -> None:
    looked_up = lookups()
    unknown = new_key()
    assert [world.api.call("GET", "/jobs", key=unknown).status for _ in range(3)] == [401, 401, 401]
    assert len(looked_up) == 1


def test_guessing_is_looked_up_sixty_times_a_minute_at_most(world: World, standing_clock: Clock) -> None:
    world.api.call("GET", "/jobs")
    looked_up = lookups()
    answers = [world.api.call("GET", "/jobs", key=new_key()) for _ in range(65)]
    assert [answer.status for answer in answers] == [401] * 60 + [429] * 5
    assert len(looked_up) == 60
    assert assert_limited(answers[-1]) == 1
    assert world.api.call("GET", "/jobs").status == 200  # Whoever was here before is not kept out by others.


# ---------------------------------------------------------------- strangers behind the same address


def flood(world: World, *sources: str) -> None:
    """Unknown keys from these addresses in turn, until they are not looked up any more."""
    for number in range(70):
        world.api.call("GET", "/jobs", key=new_key(), source=sources[number % len(sources)])


def forged_token(number: int) -> str:
    claims = {"iss": "easel", "aud": "easel", "sub": "key_1", "jti": f"tok_{number}", "iat": 1, "nbf": 1, "exp": 2**33}
    return jwt.encode(claims, "another secret of thirty-two bytes", "HS256", headers={"kid": "made up"})


def test_forged_tokens_lock_nobody_out(world: World, standing_clock: Clock) -> None:
    token = world.api.call("POST", "/tokens", {"images": 1, "origins": ["https://shop.example"]}).json()["token"]
    fresh, _ = key_with(world)
    answers = [world.api.call("GET", "/models", key=forged_token(number)) for number in range(100)]
    assert {answer.status for answer in answers} == {401}
    assert world.api.call("GET", "/models", key=token).status == 200
    assert world.api.call("GET", "/models", key=fresh).status == 200


def test_unknown_keys_lock_no_token_out(world: World, standing_clock: Clock) -> None:
    token = world.api.call("POST", "/tokens", {"images": 1, "origins": ["https://shop.example"]}).json()["token"]
    flood(world, "203.0.113.7")
    assert world.api.call("GET", "/models", key=token).status == 200


def test_unknown_keys_make_a_valid_one_wait_once(world: World, standing_clock: Clock) -> None:
    fresh, _ = key_with(world)
    flood(world, "203.0.113.7")
    assert assert_limited(world.api.call("GET", "/jobs", key=fresh)) == 1
    flood(world, "203.0.113.7")
    assert [world.api.call("GET", "/jobs", key=fresh).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("flooded", "other", "status"),
    [
        (("2001:db8:1:2::1", "2001:db8:1:2:ffff::2"), "2001:db8:1:2:abcd::3", 429),
        (("2001:db8:1:2::1",), "2001:db8:1:3::1", 401),
        (("203.0.113.7",), "203.0.113.8", 401),
        (("::ffff:203.0.113.7",), "203.0.113.7", 429),
        (("::ffff:203.0.113.7",), "::ffff:203.0.113.8", 401),
        (("not an address",), "203.0.113.7", 401),
    ],
)
def test_what_shares_a_network_shares_its_bound(
    world: World, standing_clock: Clock, flooded: tuple[str, ...], other: str, status: int
) -> None:
    flood(world, *flooded)
    assert world.api.call("GET", "/jobs", key=new_key(), source=other).status == status


# ---------------------------------------------------------------- credentials that are known and refused


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_an_ended_key_costs_no_more_look_ups_than_an_unknown_one(
    world: World, standing_clock: Clock, ended: str
) -> None:
    key, caller = keys.create(world.stack, "ended", 30, [], [])
    assert world.api.call("GET", "/jobs", key=key).status == 200
    if ended == "revoked":
        world.stack.callers().revoke(caller.id, int(HALF_PAST))
    else:
        standing_clock.forward(31)
    looked_up = lookups()
    answers = [world.api.call("GET", "/jobs", key=key) for _ in range(5)]
    assert len(looked_up) == 1
    for answer in answers:
        assert answer.status == 401
        assert f"'ended' is {ended}" in answer.json()["error"]["message"]


def test_ended_keys_count_as_guesses(world: World, standing_clock: Clock) -> None:
    ended = [keys.create(world.stack, "ended", -1, [], [])[0] for _ in range(65)]
    looked_up = lookups()
    answers = [world.api.call("GET", "/jobs", key=key) for key in ended]
    assert [answer.status for answer in answers] == [401] * 60 + [429] * 5
    assert len(looked_up) == 60


def test_a_revoked_token_is_looked_up_once(world: World, standing_clock: Clock) -> None:
    made = world.api.call("POST", "/tokens", {"images": 1, "origins": ["https://shop.example"]}).json()
    world.api.call("DELETE", f"/tokens/{made['id']}")
    read: list[Any] = []
    aws.dynamodb().meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: read.append(params["Key"])
    )
    answers = [world.api.call("GET", "/models", key=made["token"]) for _ in range(5)]
    assert {answer.json()["error"]["code"] for answer in answers} == {"token_revoked"}
    assert len(read) == 1
