"""What Easel measures, as CloudWatch reads it from standard output."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cli import keys, webhooks
from core import aws
from core.jobs.store import JobStore
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from core.metrics import METRICS, measure
from core.webhooks.message import message_id
from tests.support.world import World
from tests.support.world import aws as moto

Measured = Callable[[], dict[str, list[Any]]]


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Reads what was measured since the last time: values by the metric's name and its own dimension."""
    monkeypatch.setenv("EASEL_STACK", "easel-test")

    def read() -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for line in capsys.readouterr().out.splitlines():
            document = json.loads(line) if '"_aws"' in line else None
            if document is None:
                continue
            (directive,) = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == "Easel"
            assert document["Stack"] == "easel-test"
            (metric,) = directive["Metrics"]
            name = metric["Name"]
            assert metric["Unit"] == METRICS[name].unit
            for dimensions in directive["Dimensions"]:
                label = name if dimensions == ["Stack"] else f"{name} {document[dimensions[1]]}"
                found.setdefault(label, []).extend(document[name])
        return found

    return read


def test_a_job_that_succeeds_is_measured_once(world: World, measured: Measured) -> None:
    job_id = world.api.accepted(n=2)
    world.jobs.work()
    world.ends.announce()
    seen = measured()
    cost = world.api.job(job_id)["easel"]["cost"]["actual_micro_usd"]
    model = "gpt-image-2.6-flare"
    assert seen["JobsEnded"] == seen["JobsEnded succeeded"] == [1]
    assert seen["FailedPercent"] == [0]
    assert seen["Images"] == seen[f"Images {model}"] == [2]
    assert seen["CostUsd"] == seen[f"CostUsd {model}"] == [cost / 1_000_000]
    assert len(seen["QueueSeconds"]) == len(seen[f"JobSeconds {model}"]) == len(seen[f"UpstreamSeconds {model}"]) == 1
    assert "Errors" not in seen
    assert world.ends.announce() is None
    assert measured() == {}


@pytest.mark.parametrize(
    ("fault", "code", "blame"),
    [("insufficient_quota", "insufficient_quota", 0), ("moderation_blocked", "moderation_blocked", 0)],
)
def test_a_failure_is_measured_by_its_code(world: World, measured: Measured, fault: str, code: str, blame: int) -> None:
    world.simulator.plan(fault)
    world.api.accepted()
    world.jobs.work()
    world.ends.announce()
    seen = measured()
    assert seen["JobsEnded failed"] == seen[f"Errors {code}"] == seen[f"UpstreamErrors {code}"] == [1]
    assert seen["FailedPercent"] == [blame]


def test_a_key_that_cannot_be_read_is_measured(world: World, measured: Measured) -> None:
    moto.secretsmanager().delete_secret(SecretId="easel/openai", ForceDeleteWithoutRecovery=True)
    world.api.accepted()
    world.jobs.work()
    world.ends.announce()
    seen = measured()
    assert seen["UpstreamErrors provider_key_unavailable"] == [1]
    assert seen["FailedPercent"] == [100]


def test_an_unknown_outcome_is_measured(world: World, measured: Measured) -> None:
    world.simulator.plan("reset")
    world.api.accepted()
    world.jobs.work()
    world.ends.announce()
    assert measured()["JobsEnded unknown"] == [1]


def test_the_sweep_measures_the_deployments_budget(
    world: World, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.jobs.sweep()
    assert measured() == {}, "there is no budget"
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "2")
    world.restart()
    job_id = world.api.accepted()
    world.jobs.work()
    cost = world.api.job(job_id)["easel"]["cost"]["actual_micro_usd"]
    measured()
    world.jobs.sweep()
    seen = measured()
    assert seen["BudgetUsedPercent deployment"] == [pytest.approx(cost / 20_000)]
    assert seen["BudgetLeftUsd deployment"] == [pytest.approx(2 - cost / 1_000_000)]


def test_a_purchase_measures_the_budget_of_its_key_once_it_is_nearly_used(world: World, measured: Measured) -> None:
    quoted = world.api.call("POST", "/images/quote", {"prompt": "an otter"}).json()["upper_bound_micro_usd"]
    key, _ = keys.create(world.stack, "limited", None, [], [], Budget(day=quoted * 2, month=quoted * 100))
    body = {"prompt": "an otter"}
    respond_async = {"prefer": "respond-async"}
    first = world.api.call("POST", "/images/generations", body, key=key, headers=respond_async)
    assert "BudgetUsedPercent" not in measured(), "half of it is used"
    second = world.api.call("POST", "/images/generations", body, key=key, headers=respond_async)
    assert [first.status, second.status] == [202, 202]
    assert measured()["BudgetUsedPercent key"] == [pytest.approx(100)]


def test_reading_measures_no_budget(world: World, measured: Measured) -> None:
    quoted = world.api.call("POST", "/images/quote", {"prompt": "an otter"}).json()["upper_bound_micro_usd"]
    key, _ = keys.create(world.stack, "limited", None, [], [], Budget(day=quoted))
    headers = {"prefer": "respond-async"}
    job = world.api.call("POST", "/images/generations", {"prompt": "an otter"}, key=key, headers=headers).json()
    assert measured()["BudgetUsedPercent key"] == [pytest.approx(100)]
    assert world.api.call("GET", f"/jobs/{job['id']}", key=key).json()["easel"]["cost"]["budget_left_micro_usd"] == 0
    assert world.api.call("GET", "/usage", key=key).status == 200
    assert measured() == {}


def test_a_budget_that_is_reached_is_measured(
    world: World, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "0.000001")
    world.restart()
    assert world.api.generate().status == 402
    assert measured()["BudgetRefusals deployment"] == [1]


def test_late_announcements_are_measured(world: World, measured: Measured) -> None:
    job_id = world.api.accepted()
    world.jobs.work()
    world.jobs.set_numbers(job_id, check_at=int(time.time()) - 1)
    measured()
    world.jobs.sweep()
    assert measured() == {"LateAnnouncements": [1]}


def test_webhooks_that_fail_for_a_day_are_measured(world: World, measured: Measured) -> None:
    caller = next(item["id"]["S"] for item in moto.dynamodb().scan(TableName="callers")["Items"])
    webhooks.secret(world.stack, caller, rotate=False, overlap_seconds=0)
    job_id = world.api.generate(headers={"easel-webhook": "https://localhost/"}).json()["id"]
    world.jobs.work()
    world.ends.announce()
    job = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger")).get(job_id)
    assert job
    world.jobs.set_numbers(message_id(job), attempts=10)
    measured()
    world.webhooks.deliver()
    assert measured() == {"WebhooksFailed": [1]}


def test_only_what_is_declared_can_be_measured() -> None:
    with pytest.raises(KeyError):
        measure("Surprises", 1)
