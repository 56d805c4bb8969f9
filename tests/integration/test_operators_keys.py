"""Keys by the command line: what is shown of them, how they change, and that a rotated key is the same caller."""

from typing import Any

import pytest

from cli import drops, keys
from core import aws as core_aws
from core.callers.store import CallerStore
from core.ledger.model import Budget
from tests.support.command_line import Easel, accepted
from tests.support.pictures import picture
from tests.support.world import World, aws


def test_a_variable_catches_just_the_key(world: World, easel: Easel) -> None:
    code, key, note = easel("keys", "create", "--name", "shop")
    assert (code, key.count("\n"), key[:3]) == (0, 1, "ek_")
    assert world.api.call("GET", "/jobs", key=key.strip()).status == 200
    assert key.strip() not in note
    assert "only time" in note


def test_a_key_is_shown_with_what_it_spent_beside_its_limits(world: World, easel: Easel) -> None:
    key, caller = keys.create(world.stack, "shop", None, [], [], Budget(day=1_000_000))
    assert easel.document("keys", "show", caller.id)["last_job_at"] is None
    job_id = accepted(world, key)
    world.jobs.deliver(job_id)
    job = world.stack.jobs().get(job_id)
    assert job
    assert job.cost
    shown = easel.document("keys", "show", caller.id)
    day = next(each for each in shown["spent"] if each["period"] == "day")
    assert (day["limit_micro_usd"], day["spent_micro_usd"]) == (1_000_000, job.cost)
    assert shown["last_job_at"] == job.created_at
    _, listed, _ = easel("keys", "list")
    (line,) = [line for line in listed.splitlines() if caller.id in line]
    assert f"{job.cost / 1_000_000:.0%} of day" in line
    assert easel("keys", "show", caller.id)[0] == 0
    assert key not in str(shown) + listed


@pytest.mark.parametrize(("limit", "micro_usd"), [("0.50", 500_000), ("0", 0), ("none", None)])
def test_a_key_is_made_with_the_limit_above_which_it_asks(
    world: World, easel: Easel, limit: str, micro_usd: int | None
) -> None:
    made = easel.document("keys", "create", "--name", "shop", "--ask-above", limit)
    assert easel.document("keys", "show", made["id"])["ask_above_micro_usd"] == micro_usd


def test_everything_of_a_key_can_be_changed_and_taken_back(world: World, easel: Easel) -> None:
    key, caller = keys.create(world.stack, "shop", None, [], [])
    changed = easel.document(
        *("keys", "set", caller.id, "--name", "web shop", "--expires", "1h", "--model", "gpt-image-2"),
        *("--origin", "https://shop.example", "--budget-total", "1.50", "--quality", "low"),
        *("--fallback", "gpt-image-1.5", "--deployment-budget", "hidden", "--answers", "link", "--ask-above", "0.5"),
    )
    assert changed["ask_above_micro_usd"] == 500_000
    assert "asks-above=$0.50" in easel("keys", "show", caller.id)[1]
    assert (changed["name"], changed["models"], changed["origins"]) == (
        "web shop",
        ["gpt-image-2"],
        ["https://shop.example"],
    )
    assert changed["expires_at"]
    assert (changed["defaults"], changed["fallbacks"], changed["answers"]) == (
        {"quality": "low"},
        ["gpt-image-1.5"],
        "link",
    )
    back = easel.document(
        *("keys", "set", caller.id, "--expires", "none", "--model", "none", "--origin", "none"),
        *("--budget-total", "none", "--quality", "none", "--fallback", "none"),
        *("--deployment-budget", "shown", "--answers", "url", "--ask-above", "none"),
    )
    fields = ("models", "origins", "expires_at", "defaults", "fallbacks", "ask_above_micro_usd")
    assert [back[field] for field in fields] == [[], [], None, {}, [], None]
    assert easel.document("keys", "rename", caller.id, "shop")["previous_name"] == "web shop"
    world.restart()
    assert world.api.call("GET", "/jobs", key=key).status == 200


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "key_none"], 1),
        (["rename", "key_none", "x"], 1),
        (["rename", "key_none", " "], 2),
        (["rotate", "key_none"], 1),
        (["set", "key_none", "--name", "x"], 1),
        (["set", "key_none"], 2),
        (["set", "key_none", "--origin", "https://shop.example/"], 2),
        (["set", "key_none", "--model", "no-such"], 2),
        (["set", "key_none", "--name", ""], 2),
        (["set", "key_none", "--ask-above", "much"], 2),
        (["create", "--name", "x", "--ask-above", "-1"], 2),
        (["revoke", "key_none"], 1),
    ],
)
def test_what_is_wrong_with_a_key_is_said_and_nothing_changes(
    world: World, easel: Easel, arguments: list[str], code: int
) -> None:
    before = world.stack.callers().list_all()
    answered, out, err = easel("keys", *arguments)
    assert (answered, out) == (code, "")
    assert err.startswith("easel: ")
    assert world.stack.callers().list_all() == before


def test_a_rotated_key_is_the_same_caller_with_its_jobs_and_its_drops(world: World, easel: Easel) -> None:
    old, caller = keys.create(world.stack, "shop", None, [], [], Budget(day=5_000_000))
    drops.map_prefix(world.stack, "team", caller.id)
    job_id = accepted(world, old)
    code, out, note = easel("keys", "rotate", caller.id)
    new = out.strip()
    assert (code, new[:3], new in note) == (0, "ek_", False)
    world.restart()
    assert world.api.call("GET", "/jobs", key=old).status == 401
    assert world.api.call("GET", f"/jobs/{job_id}", key=new).status == 200
    (same,) = [each for each in world.stack.callers().list_all() if each.id == caller.id]
    assert (same.name, same.budget) == ("shop", caller.budget)
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    assert len(easel.document("jobs", "list", "--key", caller.id)) == 2
    assert easel.document("keys", "set", caller.id, "--budget-day", "1")["spent"][0]["limit_micro_usd"] == 1_000_000


def test_a_key_that_has_ended_is_not_rotated(world: World, easel: Easel) -> None:
    _, caller = keys.create(world.stack, "shop", None, [], [])
    easel("keys", "revoke", caller.id)
    code, out, err = easel("keys", "rotate", caller.id)
    assert (code, out) == (1, "")
    assert "is revoked" in err


@pytest.mark.parametrize(
    ("before", "other", "mine", "after"),
    [
        ({}, {"quality": "low"}, {"size": "1024x1024"}, {"quality": "low", "size": "1024x1024"}),
        ({"quality": "low"}, {"quality": None}, {"size": "1024x1024"}, {"size": "1024x1024"}),
        ({"quality": "low"}, {"size": "1024x1024"}, {"quality": None}, {"size": "1024x1024"}),
        ({"quality": "low"}, {"quality": "high"}, {"quality": "medium"}, {"quality": "medium"}),
    ],
    ids=["two add", "one takes back", "one takes another back", "the last one of two"],
)
def test_of_two_changes_at_once_none_is_lost(
    world: World, before: dict[str, str], other: dict[str, Any], mine: dict[str, Any], after: dict[str, str]
) -> None:
    _, caller = keys.create(world.stack, "shop", None, [], [], defaults=before)
    interrupted, elsewhere = (CallerStore(client, "callers") for client in (core_aws.dynamodb(), aws.dynamodb()))
    pending = [other]

    def meanwhile(**_: object) -> None:
        if pending:
            elsewhere.set_defaults(caller.id, pending.pop())

    with aws.handled(core_aws.dynamodb(), "before-call.dynamodb.UpdateItem", meanwhile):
        changed = interrupted.set_defaults(caller.id, mine)
    assert changed
    assert changed.defaults == after


def test_a_change_while_a_key_is_rotated_is_not_lost(world: World) -> None:
    _, caller = keys.create(world.stack, "shop", None, [], [])
    interrupted, elsewhere = (CallerStore(client, "callers") for client in (core_aws.dynamodb(), aws.dynamodb()))
    pending = ["gpt-image-2", "gpt-image-1.5"]

    def meanwhile(**_: object) -> None:
        if pending:
            elsewhere.set_fallbacks(caller.id, [pending.pop()])

    with aws.handled(core_aws.dynamodb(), "before-call.dynamodb.TransactWriteItems", meanwhile):
        rotated = interrupted.rotate(caller.id, "ek_new")
    assert rotated
    assert rotated.fallbacks == ("gpt-image-2",)
    (stored,) = [each for each in elsewhere.list_all() if each.id == caller.id]
    assert stored.fallbacks == ("gpt-image-2",)
