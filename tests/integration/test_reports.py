"""Callers and operators see what was spent; the audit verifies it, and the command line controls it."""

import json
import random
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cli import keys
from cli import main as cli
from cli.audit import Audit, audit
from cli.stack import Stack
from core import aws
from core.jobs.store import JobStore
from core.ledger.dollars import usd
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from tests.support.moved_time import Clock
from tests.support.world import World
from tests.support.world import aws as moto

REQUEST = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low", "size": "1024x1024"}


def easel(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(Stack, "find", lambda *_, **__: world.stack)
    return cli.main(list(arguments))


def ask(world: World, key: str, **body: Any) -> str:
    answer = world.api.call("POST", "/images/generations", REQUEST | body, key=key, headers={"prefer": "respond-async"})
    assert answer.status == 202, answer.text
    return str(answer.json()["id"])


def audited() -> Audit:
    ledger = LedgerStore(aws.dynamodb(), "ledger")
    return audit(ledger, JobStore(aws.dynamodb(), "jobs", ledger))


def charged(world: World) -> int:
    return sum(call["charged_micro_usd"] for call in world.simulator.calls())


def unknown(world: World, key: str) -> str:
    job_id = ask(world, key)
    world.simulator.plan("reset")
    world.jobs.deliver(job_id)
    return job_id


def test_a_caller_sees_what_was_spent_and_what_is_left(world: World) -> None:
    key, _ = keys.create(world.stack, "shop", None, [], [], Budget(day=10**6))
    world.jobs.deliver(ask(world, key))
    world.jobs.deliver(ask(world, key, model="gpt-image-2"))
    ask(world, key)
    report = world.api.call("GET", "/usage", key=key).json()
    spent = charged(world)
    assert (report["spent_micro_usd"], report["images"]) == (spent, 3)
    assert {row["model"] for row in report["data"]} == {"gpt-image-2.6-flare", "gpt-image-2"}
    day, month, total = (
        next(budget for budget in report["budgets"] if budget["period"] == period)
        for period in ("day", "month", "total")
    )
    assert day["spent_micro_usd"] == month["spent_micro_usd"] == total["spent_micro_usd"] == spent
    assert day["left_micro_usd"] == 10**6 - spent - day["reserved_micro_usd"]
    assert (month["limit_micro_usd"], month["left_micro_usd"], total["renews_at"]) == (None, None, None)


def test_a_caller_does_not_see_what_others_spent(world: World) -> None:
    world.jobs.deliver(world.api.accepted())
    other, _ = keys.create(world.stack, "other", None, [], [])
    report = world.api.call("GET", "/usage", key=other).json()
    assert (report["data"], report["spent_micro_usd"]) == ([], 0)
    assert {budget["scope"] for budget in report["budgets"]} == {"key"}


@pytest.mark.parametrize("query", ["from=today", "from=2026-02-30", "from=2026-02-02&to=2026-02-01", "from=2020-01-01"])
def test_an_invalid_range_is_refused(world: World, query: str) -> None:
    answer = world.api.call("GET", f"/usage?{query}")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_value")


def test_the_operators_report_adds_up(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, caller = keys.create(world.stack, "shop", None, [], [])
    world.jobs.deliver(ask(world, shop))
    world.jobs.deliver(world.api.accepted())
    assert easel(world, monkeypatch, "usage") == 0
    table = capsys.readouterr().out
    assert "shop" in table
    assert usd(charged(world)) in table.splitlines()[-1]
    assert easel(world, monkeypatch, "usage", "--key", caller.id, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["images"]) == ("shop", 1)
    assert easel(world, monkeypatch, "usage", "--model", "dall-e-2", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_deployments_budget_is_changed_without_a_deployment(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert easel(world, monkeypatch, "budget", "set", "--day", "0") == 0
    assert "$0.00" in capsys.readouterr().out
    refused = world.api.generate()
    assert (refused.status, refused.json()["error"]["budget"]["scope"]) == (402, "deployment")
    assert easel(world, monkeypatch, "budget", "set", "--day", "none", "--month", "10") == 0
    assert world.api.generate().status == 202
    assert easel(world, monkeypatch, "budget", "reset") == 0
    assert world.api.call("POST", "/images/quote", REQUEST).json()["budget_left_micro_usd"] is None


def test_an_operator_can_lift_the_deployed_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "0")
    world.restart()
    assert world.api.generate().status == 402
    assert easel(world, monkeypatch, "budget", "set", "--day", "none") == 0
    assert world.api.generate().status == 202


def test_a_keys_budget_is_changed_and_what_was_spent_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, caller = keys.create(world.stack, "shop", None, [], [], Budget(total=0, day=5))
    assert easel(world, monkeypatch, "keys", "set", caller.id, "--budget-total", "1.50", "--budget-day", "none") == 0
    world.jobs.deliver(ask(world, key))
    capsys.readouterr()
    assert easel(world, monkeypatch, "keys", "list") == 0
    assert "total=$1.50" in capsys.readouterr().out
    assert easel(world, monkeypatch, "keys", "set", caller.id, "--budget-total", "0.000001") == 0
    answer = world.api.call("POST", "/images/generations", REQUEST, key=key)
    assert (answer.status, answer.json()["error"]["budget"]["left_micro_usd"]) == (402, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "set", "key_unknown", "--budget-day", "1"],
        ["jobs", "resolve", "job_unknown", "--free"],
    ],
)
def test_a_failure_is_reported_on_one_line(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert easel(world, monkeypatch, *arguments) == 1
    assert capsys.readouterr().err.startswith("easel: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "set", "key_unknown"],
        ["budget", "set"],
        ["usage", "--day", "2026-11-22", "--to", "2026-11-23"],
        ["usage", "--from", "2026-11-23", "--to", "2026-11-22"],
        ["jobs", "resolve", "job_unknown"],
        ["jobs", "resolve", "job_unknown", "--free", "--charged", "1"],
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_aws_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(Stack, "find", None)
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith("easel: ")


@pytest.mark.parametrize("amount", ["-1", "1e3", "0.0000001", "lots"])
def test_an_invalid_amount_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], amount: str
) -> None:
    assert easel(world, monkeypatch, "budget", "set", f"--day={amount}") == 2
    assert "is not a valid amount of dollars" in capsys.readouterr().err


def test_stop_and_resume_act_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert easel(world, monkeypatch, "stop", "--reason", "an audit") == 0
    assert world.api.generate().status == 503
    assert easel(world, monkeypatch, "resume") == 0
    assert world.api.generate().status == 202


def test_settings_of_an_older_version_apply_until_they_are_changed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were in another place of the ledger, which the functions can write."""
    former = {"owner": {"S": "deployment"}, "name": {"S": "control"}}
    settings = {"stopped_at": {"N": "1"}, "reason": {"S": "an audit"}, "day_budget": {"N": "7000000"}}
    dynamodb = moto.dynamodb()
    dynamodb.put_item(TableName="ledger", Item=former | settings | {"month_budget": {"NULL": True}})
    accepted_before = world.api.generate()
    assert (accepted_before.status, accepted_before.json()["error"]["code"]) == (503, "buying_stopped")
    assert easel(world, monkeypatch, "resume") == 0
    assert world.api.generate().status == 202
    assert "Item" not in dynamodb.get_item(TableName="ledger", Key=former)
    assert easel(world, monkeypatch, "budget", "show") == 0
    day, month = capsys.readouterr().out.splitlines()[-2:]
    assert "$7.00" in day and day.endswith("easel budget set")
    assert "none" in month and month.endswith("easel budget set")
    assert easel(world, monkeypatch, "ledger", "check") == 0


@pytest.mark.parametrize(("outcome", "spent"), [(["--charged", "0.05"], 50_000), (["--free"], 0)])
def test_an_unknown_outcome_is_resolved_once(
    world: World, monkeypatch: pytest.MonkeyPatch, outcome: list[str], spent: int
) -> None:
    key, _ = keys.create(world.stack, "shop", None, [], [])
    job_id = unknown(world, key)
    assert easel(world, monkeypatch, "jobs", "resolve", job_id, *outcome) == 0
    assert easel(world, monkeypatch, "jobs", "resolve", job_id, *outcome) == 1
    report = world.api.call("GET", "/usage", key=key).json()
    assert (report["spent_micro_usd"], report["reserved_micro_usd"]) == (spent, 0)
    job = world.api.call("GET", f"/jobs/{job_id}", key=key).json()
    assert (job["status"], job["easel"]["charged"]) == ("unknown", bool(spent))
    assert (job["error"]["charged"], job["easel"]["cost"]["actual_micro_usd"]) == (bool(spent), spent)
    assert audited().differences == frozenset()


def test_a_job_of_known_outcome_cannot_be_resolved(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = world.api.accepted()
    world.jobs.deliver(job_id)
    assert easel(world, monkeypatch, "jobs", "resolve", job_id, "--free") == 1
    assert audited().differences == frozenset()


def test_the_check_passes_on_a_correct_ledger(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.jobs.deliver(world.api.accepted())
    unknown(world, world.api.key)
    world.api.accepted()
    assert easel(world, monkeypatch, "ledger", "check") == 0
    assert "reserved for 2 jobs" in capsys.readouterr().out


def forge_a_balance(world: World, job_id: str) -> None:
    moto.dynamodb().update_item(
        TableName="ledger",
        Key={"owner": {"S": "deployment"}, "name": {"S": f"month#{datetime.now(UTC):%Y-%m}"}},
        UpdateExpression="ADD spent :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def lose_an_entry(world: World, job_id: str) -> None:
    table = moto.dynamodb()
    entry = next(item for item in table.scan(TableName="ledger")["Items"] if "kind" in item)
    table.delete_item(TableName="ledger", Key={key: entry[key] for key in ("owner", "name")})


def lose_a_job(world: World, job_id: str) -> None:
    moto.dynamodb().delete_item(TableName="jobs", Key={"id": {"S": job_id}})


def let_a_job_forget(world: World, job_id: str) -> None:
    moto.dynamodb().update_item(TableName="jobs", Key={"id": {"S": job_id}}, UpdateExpression="REMOVE reservation")


@pytest.mark.parametrize("damage", [forge_a_balance, lose_an_entry, lose_a_job, let_a_job_forget])
def test_the_check_finds_what_is_wrong(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damage: Any
) -> None:
    monkeypatch.setattr(time, "sleep", clock.forward)
    damage(world, world.api.accepted())
    assert easel(world, monkeypatch, "ledger", "check") == 1
    assert " in each of 3 checks" in capsys.readouterr().err


FAULTS = ["reset", "wrong_bytes", "moderation_blocked", "rate_limit", "no_usage", "cut_body", "insufficient_quota"]
STEPS = [
    "accept",
    "deliver",
    "deliver",
    "deliver again",
    "cancel",
    "sweep late",
    "fail undeliverable",
    "fault",
    "resolve",
    "retry",
]


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=8, max_size=16), seed=st.integers(0, 10**6))
def test_ledger_and_provider_agree_whatever_happens(world: World, steps: list[str], seed: int) -> None:
    chance, jobs = random.Random(seed), JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    budget = 6 * world.api.call("POST", "/images/quote", REQUEST).json()["upper_bound_micro_usd"]
    key, _ = keys.create(world.stack, "chance", None, [], [], Budget(day=budget))
    world.simulator.reset()
    known: list[str] = []
    for step in steps:
        job_id = chance.choice(known) if known else ""
        match step:
            case "accept":
                headers = {"prefer": "respond-async", "x-stainless-retry-count": str(chance.choice([0, 0, 1]))}
                answer = world.api.call("POST", "/images/generations", REQUEST, key=key, headers=headers)
                known += [answer.json()["id"]] if answer.status == 202 else []
            case "fault":
                world.simulator.plan(chance.choice(FAULTS))
            case "deliver" | "deliver again" if known:
                world.jobs.deliver(job_id)
            case "cancel" if known:
                world.api.call("POST", f"/jobs/{job_id}/cancel", key=key)
            case "fail undeliverable" if known:
                world.jobs.fail_undeliverable(job_id)
            case "sweep late" if known and (job := jobs.get(job_id)) and not job.finished:
                world.jobs.set_numbers(job_id, deadline=1, check_at=1)
                world.jobs.sweep()
            case "resolve" if known and (job := jobs.get(job_id)) and job.may_be_resolved:
                jobs.save(job.resolved(job.quote.upper_bound if job.quote else 0, job.created_at))
    assert audited().differences == frozenset()
    report = world.api.call("GET", "/usage", key=key).json()
    assert charged(world) <= report["spent_micro_usd"] + report["reserved_micro_usd"] <= budget
