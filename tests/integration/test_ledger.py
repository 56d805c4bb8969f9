"""What a purchase may cost is reserved before it, what it did cost is booked after it, and no budget is passed."""

import time
from typing import Any

import pytest

from cli import keys
from core import aws
from core.ledger.dollars import usd
from core.ledger.model import Budget
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor
from tests.support.world.queues import queue_url

REQUEST = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low", "size": "1024x1024"}


def caller_with(world: World, budget: Budget) -> tuple[str, str]:
    key, caller = keys.create(world.stack, "limited", None, [], [], budget)
    return key, caller.id


def ask(world: World, key: str, **body: Any) -> Answer:
    headers = {"prefer": "respond-async"} | body.pop("headers", {})
    return world.api.call("POST", "/images/generations", REQUEST | body, key=key, headers=headers)


def upper_bound(world: World, **body: Any) -> int:
    return int(world.api.call("POST", "/images/quote", REQUEST | body).json()["upper_bound_micro_usd"])


def total(caller_id: str) -> dict[str, int]:
    """The balance of everything that a key ever spent."""
    key = {"owner": {"S": caller_id}, "name": {"S": "total"}}
    item = moto.dynamodb().get_item(TableName="ledger", Key=key).get("Item", {})
    return {name: int(item.get(name, {"N": "0"})["N"]) for name in ("committed", "reserved", "spent", "images")}


def stop(world: World) -> None:
    key = {"owner": {"S": "control"}, "name": {"S": "deployment"}}
    item = key | {"stopped_at": {"N": "1"}, "reason": {"S": "an audit"}}
    moto.dynamodb().put_item(TableName="ledger", Item=item)


def resume(world: World) -> None:
    key = {"owner": {"S": "control"}, "name": {"S": "deployment"}}
    moto.dynamodb().delete_item(TableName="ledger", Key=key)


def test_the_upper_bound_is_reserved_and_the_charge_booked(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    bound = upper_bound(world)
    job_id = ask(world, key).json()["id"]
    assert total(caller_id) == {"committed": bound, "reserved": bound, "spent": 0, "images": 1}
    world.jobs.deliver(job_id)
    charged = world.simulator.calls()[0]["charged_micro_usd"]
    assert total(caller_id) == {"committed": charged, "reserved": 0, "spent": charged, "images": 1}


def test_a_budget_that_is_used_up_refuses_and_says_what_is_left(world: World) -> None:
    bound = upper_bound(world)
    key, caller_id = caller_with(world, Budget(day=2 * bound))
    accepted = [ask(world, key).status for _ in range(2)]
    refused = ask(world, key)
    assert accepted == [202, 202]
    error = refused.json()["error"]
    assert (refused.status, error["code"], error["charged"], error["retryable"]) == (
        402,
        "budget_exceeded",
        False,
        False,
    )
    assert refused.headers["x-should-retry"] == "false"
    told = error["budget"]
    assert told.pop("renews_at") % 86400 == 0
    assert told == {
        "scope": "key",
        "period": "day",
        "limit_micro_usd": 2 * bound,
        "left_micro_usd": 0,
        "asked_micro_usd": bound,
        "currency": "USD",
    }
    assert total(caller_id)["images"] == 2


def test_a_request_above_the_whole_budget_is_refused_at_once(world: World) -> None:
    key, caller_id = caller_with(world, Budget(total=upper_bound(world) - 1))
    error = ask(world, key).json()["error"]
    assert (error["code"], error["budget"]["period"], error["budget"]["renews_at"]) == (
        "budget_exceeded",
        "total",
        None,
    )
    assert total(caller_id)["committed"] == 0


def test_a_budget_for_exactly_one_is_enough_for_one(world: World) -> None:
    key, _ = caller_with(world, Budget(day=upper_bound(world), month=upper_bound(world), total=upper_bound(world)))
    assert ask(world, key).status == 202


def test_the_deployments_budget_holds_for_all_keys_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", f"{2 * upper_bound(world) / 1e6:.6f}")
    world.restart()
    first, _ = caller_with(world, Budget())
    second, _ = caller_with(world, Budget())
    answers = [ask(world, key) for key in (first, second, first)]
    assert [answer.status for answer in answers] == [202, 202, 402]
    assert answers[2].json()["error"]["budget"]["scope"] == "deployment"


def everything_told(world: World, key: str) -> str:
    """All that a caller can read about money: results, quotes, reports, refusals, tools."""
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    told = [ask(world, key).text, ask(world, key).text]
    told += [world.api.call("POST", "/images/quote", body, key=key).text]
    told += [world.api.call("GET", path, key=key).text for path in ("/usage", "/jobs")]
    door = McpDoor(key)
    told += [door.call(tool, **body).text for tool in ("quote_image", "generate_image")]
    return "\n".join(told)


def test_a_caller_to_whom_it_is_hidden_learns_nothing_of_the_deployments_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = upper_bound(world) + 1234
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", f"{limit / 1e6:.6f}")
    monkeypatch.setenv("EASEL_PUBLIC_URL", "https://easel.example/v1")
    world.restart()
    shown, _ = keys.create(world.stack, "shown", None, [], [])
    hidden, caller = keys.create(world.stack, "hidden", None, [], [], hides_deployment_budget=True)
    told = everything_told(world, hidden)
    assert "The budget of this deployment is used up" in told
    for secret in (str(limit), '"budget_left_micro_usd": 1234', usd(limit), usd(1234), '"deployment"'):
        assert secret not in told, secret
    assert caller.hides_deployment_budget
    assert '"deployment"' in everything_told(world, shown)


def test_the_operator_changes_whether_a_key_sees_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "5")
    world.restart()
    key, caller = keys.create(world.stack, "stranger", None, [], [])
    for hidden in (True, False):
        world.stack.callers().hide_deployment_budget(caller.id, hidden=hidden)
        scopes = {each["scope"] for each in world.api.call("GET", "/usage", key=key).json()["budgets"]}
        assert ("deployment" in scopes) is not hidden


def test_a_refused_purchase_gives_its_money_back(world: World) -> None:
    key, caller_id = caller_with(world, Budget(day=upper_bound(world)))
    job_id = ask(world, key).json()["id"]
    world.simulator.plan("moderation_blocked")
    world.jobs.deliver(job_id)
    assert total(caller_id) == {"committed": 0, "reserved": 0, "spent": 0, "images": 0}
    assert ask(world, key).status == 202


def test_a_canceled_job_gives_its_money_back_once(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    job_id = ask(world, key).json()["id"]
    for _ in range(2):
        assert world.api.call("POST", f"/jobs/{job_id}/cancel", key=key).status == 200
    assert total(caller_id)["committed"] == 0


def test_a_job_past_its_deadline_gives_its_money_back(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    world.jobs.set_numbers(ask(world, key).json()["id"], deadline=1, check_at=1)
    world.jobs.sweep()
    assert total(caller_id)["committed"] == 0


def test_a_withdrawn_job_gives_its_money_back_and_may_come_again(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    sqs = moto.sqs()
    sqs.delete_queue(QueueUrl=queue_url("jobs"))
    headers = {"idempotency-key": "order-7"}
    assert ask(world, key, headers=headers).status == 503
    assert total(caller_id)["committed"] == 0
    sqs.create_queue(QueueName="jobs")
    assert ask(world, key, headers=headers).status == 202
    assert total(caller_id)["committed"] == upper_bound(world)


def test_a_purchase_in_doubt_stays_reserved(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    job_id = ask(world, key).json()["id"]
    world.simulator.plan("reset")
    world.jobs.deliver(job_id)
    assert total(caller_id)["reserved"] == upper_bound(world)


def test_doubt_counts_as_spent_when_its_record_is_about_to_expire(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    job_id = ask(world, key).json()["id"]
    world.simulator.plan("reset")
    world.jobs.deliver(job_id)
    assert world.jobs.sweep() == {}
    world.ends.announce()
    world.jobs.set_numbers(job_id, expires_at=3601, check_at=1)  # an hour is left
    assert world.jobs.sweep() == {"counted as spent": 1}
    assert world.jobs.sweep() == {}
    assert total(caller_id) | {"images": 0} == {
        "committed": upper_bound(world),
        "reserved": 0,
        "spent": upper_bound(world),
        "images": 0,
    }
    assert world.api.call("GET", f"/jobs/{job_id}", key=key).json()["easel"]["charged"] == "unknown"


def test_what_was_charged_for_nothing_is_booked(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    job_id = ask(world, key).json()["id"]
    world.simulator.plan("wrong_bytes")
    world.jobs.deliver(job_id)
    assert total(caller_id)["spent"] == world.simulator.calls()[0]["charged_micro_usd"]


def test_a_request_that_is_repeated_is_reserved_once_and_never_refused(world: World) -> None:
    key, caller_id = caller_with(world, Budget(day=upper_bound(world)))
    headers = {"idempotency-key": "order-7"}
    first = ask(world, key, headers=headers)
    again = ask(world, key, headers=headers)
    assert (again.status, again.json()["id"]) == (202, first.json()["id"])
    assert total(caller_id)["images"] == 1


def test_a_revived_job_reserves_anew(world: World) -> None:
    key, caller_id = caller_with(world, Budget(day=upper_bound(world)))
    headers = {"x-stainless-retry-count": "0"}
    job_id = ask(world, key, headers=headers).json()["id"]
    world.jobs.messages()
    world.jobs.set_numbers(job_id, deadline=1, check_at=1)
    world.jobs.sweep()
    assert total(caller_id)["committed"] == 0
    retried = ask(world, key, headers={"x-stainless-retry-count": "1"})
    assert retried.json()["id"] == job_id
    assert total(caller_id)["reserved"] == upper_bound(world)
    world.jobs.work()
    assert total(caller_id)["spent"] == world.simulator.calls()[0]["charged_micro_usd"]


def test_a_lost_acknowledgement_reserves_once(world: World) -> None:
    key, caller_id = caller_with(world, Budget(day=upper_bound(world)))
    events, again = aws.dynamodb().meta.events, iter([0])

    def send_again(**_: Any) -> Any:
        """As botocore does when an answer does not arrive; the number is the pause in seconds."""
        return next(again, None)

    events.register_first("needs-retry.dynamodb.TransactWriteItems", send_again)
    try:
        assert ask(world, key).status == 202
    finally:
        events.unregister("needs-retry.dynamodb.TransactWriteItems", send_again)
    assert next(again, None) is None
    assert total(caller_id)["images"] == 1


@pytest.mark.parametrize("body", [{"model": "gpt-image-9"}, {"output_format": "svg", "svg": {"model": "gpt-5.2"}}])
def test_what_has_no_certain_price_is_refused_under_a_budget_only(world: World, body: dict[str, Any]) -> None:
    limited, _ = caller_with(world, Budget(month=10**9))
    free, _ = caller_with(world, Budget())
    refused = ask(world, limited, **body)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "price_unknown")
    assert ask(world, free, **body).status == 202


def test_while_buying_is_stopped_nothing_is_accepted(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    stop(world)
    answer = ask(world, key)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["charged"]) == (503, "buying_stopped", False)
    assert "an audit" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert total(caller_id)["committed"] == 0
    resume(world)
    assert ask(world, key).status == 202


def test_a_job_that_was_accepted_before_the_stop_waits_and_is_bought_after_it(world: World) -> None:
    job_id = world.api.accepted()
    stop(world)
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "queued"
    assert world.simulator.calls() == []
    resume(world)
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["status"] == "succeeded"


def test_a_job_that_waits_for_the_switch_until_its_deadline_ends_for_free(world: World) -> None:
    key, caller_id = caller_with(world, Budget())
    job_id = ask(world, key).json()["id"]
    stop(world)
    world.jobs.set_numbers(job_id, deadline=int(time.time()) + 5)
    world.jobs.deliver(job_id)
    job = world.api.call("GET", f"/jobs/{job_id}", key=key).json()
    assert (job["status"], job["error"]["code"], job["easel"]["charged"]) == ("failed", "buying_stopped", False)
    assert total(caller_id)["committed"] == 0


def test_what_is_left_stands_in_every_answer(world: World) -> None:
    bound = upper_bound(world)
    key, _ = caller_with(world, Budget(day=10 * bound, month=3 * bound))
    quoted = world.api.call("POST", "/images/quote", REQUEST, key=key).json()
    assert quoted["budget_left_micro_usd"] == 3 * bound
    job = ask(world, key).json()
    assert job["easel"]["cost"]["budget_left_micro_usd"] == 2 * bound
    world.jobs.deliver(job["id"])
    result = world.api.call("GET", f"/jobs/{job['id']}", key=key).json()["result"]
    charged = world.simulator.calls()[0]["charged_micro_usd"]
    assert result["easel"]["cost"]["budget_left_micro_usd"] == 3 * bound - charged
    assert world.api.call("POST", "/images/quote", REQUEST).json()["budget_left_micro_usd"] is None
