"""easel status says how a deployment is doing, from its tables, queues and metrics."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from cli import keys
from cli.main import main
from cli.status import lines, status
from core.jobs.breaker import THRESHOLD
from tests.support.world import World, aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StateValueType

Metrics = dict[str, Any]
NAME = "easel-dev"


@pytest.fixture
def metrics(world: World) -> Iterator[Metrics]:
    """What CloudWatch knows, by the id of the query; nothing at first. Moto knows no search expressions."""
    known: Metrics = {}

    class Reply:
        status_code = 200

    def answer(params: Any, **_: Any) -> Any:
        body = params["body"] if isinstance(params["body"], bytes) else str(params["body"]).encode()
        found = [{"Id": name, **series} for name, all_series in known.items() for series in all_series]
        wanted = [each for each in found if f'"{each["Id"]}"'.encode() in body or f"={each['Id']}".encode() in body]
        return Reply(), {"MetricDataResults": wanted, "ResponseMetadata": {"HTTPStatusCode": 200}}

    events = world.stack.client("cloudwatch").meta.events
    events.register("before-call.cloudwatch.GetMetricData", answer)
    yield known
    events.unregister("before-call.cloudwatch.GetMetricData", answer)


@pytest.fixture
def found(world: World, metrics: Metrics) -> Any:
    """Asks for the status now, as the document and as text."""
    for name in ("jobs", "drops"):
        boto3.client("sqs").create_queue(QueueName=f"dead-{name}")
    for output, queue in (
        ("JobsDeadLetterQueueUrl", "dead-jobs"),
        ("DropsQueueUrl", "drops"),
        ("DropsDeadLetterQueueUrl", "dead-drops"),
    ):
        world.stack.outputs[output] = boto3.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]

    def ask() -> tuple[dict[str, Any], str]:
        document = status(replace(world.stack, name=NAME), time.time())
        return document, "\n".join(lines(document))

    return ask


def series(label: str, **at: float) -> dict[str, Any]:
    """Values at so many minutes ago: `m5=2` is 2 five minutes ago."""
    times = [datetime.now(UTC) - timedelta(minutes=int(name[1:])) for name in at]
    return {"Label": label, "Timestamps": times, "Values": list(at.values())}


def test_a_new_deployment_has_nothing_to_report(found: Any) -> None:
    document, text = found()
    assert document["jobs"] == {
        "queued": 0,
        "running": 0,
        "unknown": 0,
        "oldest_queued_seconds": None,
        "incomplete": False,
    }
    assert document["keys_near_limit"] == []
    assert "no limit" in text
    assert "no job has ended" in text
    assert "no errors of jobs" in text
    assert "ALARMS    none" in text


def test_jobs_that_wait_and_those_in_doubt_are_counted(world: World, found: Any) -> None:
    waiting = world.api.accepted()
    world.jobs.set_numbers(waiting, created_ms=int(time.time() - 90) * 1000)
    doubtful = world.api.accepted(prompt="a harbor")
    world.simulator.plan("reset")
    world.jobs.deliver(doubtful)
    done = world.api.accepted(prompt="a kite")
    world.jobs.deliver(done)
    document, text = found()
    jobs = document["jobs"]
    assert (jobs["queued"], jobs["running"], jobs["unknown"]) == (1, 0, 1)
    assert 88 <= jobs["oldest_queued_seconds"] <= 100
    assert document["queues"]["jobs"]["waiting"] == 3
    assert "easel jobs list --status unknown" in text


def test_how_long_the_open_jobs_usually_take_is_said_by_model_and_quality(world: World, found: Any) -> None:
    week = int(time.time()) // (7 * 86400)
    for item_id in (f"durations#{week}#gpt-image-2.6-flare#low", f"durations#{week}#gpt-image-2#high"):
        aws.dynamodb().put_item(TableName="jobs", Item={"id": {"S": item_id}, "12": {"N": "5"}})
    world.api.accepted()
    document, text = found()
    assert document["usual_seconds"] == [{"model": "gpt-image-2.6-flare", "quality": "low", "p50": 9, "p90": 10}]
    assert "USUALLY   gpt-image-2.6-flare, quality low: 9 s, 9 of 10 within 10 s" in text


def test_spending_is_shown_against_the_budgets_that_apply(world: World, found: Any) -> None:
    world.stack.parameters["DailyBudgetUsd"] = "20"
    world.stack.ledger().set_budget("month", 300_000_000)
    world.jobs.deliver(world.api.accepted(quality="low", size="1024x1024"))
    document, text = found()
    day, month = document["budgets"]
    assert day["spent_micro_usd"] == month["spent_micro_usd"] > 0
    assert day["remaining_micro_usd"] == 20_000_000 - day["spent_micro_usd"]
    assert month["limit_micro_usd"] == 300_000_000
    assert "left of $20.00" in text
    assert "left of $300.00" in text


def test_a_key_near_any_of_its_limits_is_named(world: World, found: Any) -> None:
    _, caller = keys.create(world.stack, "shop", None, [], [])
    world.stack.callers().set_budget(caller.id, {"total": 0})
    document, text = found()
    assert [(each["key"], each["period"], each["used_percent"]) for each in document["keys_near_limit"]] == [
        (caller.id, "total", 100)
    ]
    assert f"{caller.id} (shop): 100 % of its total budget used, $0.00 left" in text
    world.stack.callers().revoke(caller.id, int(time.time()))
    assert found()[0]["keys_near_limit"] == [], "a revoked key spends nothing"


def test_a_stop_is_the_first_thing_that_is_said(world: World, found: Any) -> None:
    world.stack.ledger().stop("audit", int(time.time()))
    document, text = found()
    assert document["stopped"]["reason"] == "audit"
    assert text.splitlines()[2] == "BUYING    stopped (audit); to resume: easel resume"


def test_a_provider_that_is_down_is_said_to_be(world: World, found: Any) -> None:
    now = int(time.time())
    assert "openai: no outage" in found()[1]
    for count in range(THRESHOLD):
        world.stack.ledger().note_failure("openai", now, anew=not count, closed_until=now + 30)
    document, text = found()
    assert {"provider": "openai", "down": True, "tried_again_at": now + 30} in document["providers"]
    assert "openai: down" in text


def test_errors_ends_and_durations_come_from_the_metrics(found: Any, metrics: Metrics) -> None:
    metrics["errors"] = [series("rate_limit_exceeded", m5=2, m90=3), series("moderation_blocked", m10=4, m600=1)]
    metrics["jobsended"] = [series("succeeded", m1=120), series("failed", m1=3)]
    metrics["p50"], metrics["p90"] = [series("p50", m1=8.04)], [series("p90", m1=21.96)]
    document, text = found()
    assert document["errors"] == {
        "last_hour": {"moderation_blocked": 4, "rate_limit_exceeded": 2},
        "last_day": {"moderation_blocked": 5, "rate_limit_exceeded": 5},
    }
    assert document["ended_today"] == {"succeeded": 120, "failed": 3}
    assert document["seconds_today"] == {"p50": 8.0, "p90": 22.0}
    assert "120 succeeded, 3 failed; half took up to 8.0 s, nine of ten up to 22.0 s" in text


def test_alarms_are_called_as_in_the_runbook(world: World, found: Any) -> None:
    cloudwatch = boto3.client("cloudwatch")
    states: dict[str, StateValueType] = {"WorkerErrorsAlarm-1A2B": "ALARM", "SweepErrorsAlarm-3C4D": "OK"}
    for name, state in states.items():
        alarm = f"{NAME}-{name}"
        cloudwatch.put_metric_alarm(
            AlarmName=alarm,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="Errors",
            Namespace="AWS/Lambda",
            Period=300,
            Statistic="Sum",
            Threshold=0,
        )
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="test")
    document, text = found()
    assert document["alarms"] == ["WorkerErrorsAlarm"]
    assert "ALARMS    WorkerErrorsAlarm; see docs/runbook.md" in text


def test_it_is_printed_as_text_or_as_json(
    world: World, found: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = replace(world.stack, name=NAME)
    monkeypatch.setattr("cli.stack.Stack.find", lambda *_, **__: stack)
    assert main(["status"]) == 0
    assert capsys.readouterr().out.startswith(f"{NAME} in us-east-1, ")
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == found()[0].keys()


def test_watching_shows_it_again_until_it_is_interrupted(
    world: World, found: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = replace(world.stack, name=NAME)
    monkeypatch.setattr("cli.stack.Stack.find", lambda *_, **__: stack)
    pauses = iter([None, KeyboardInterrupt()])

    def pause(_: float) -> None:
        if (end := next(pauses)) is not None:
            raise end

    monkeypatch.setattr("cli.status.time.sleep", pause)
    assert main(["status", "--watch", "--json"]) == 130
    assert [json.loads(line)["stack"] for line in capsys.readouterr().out.splitlines()] == [NAME, NAME]


def test_without_access_to_metrics_the_rest_is_still_shown(world: World, found: Any) -> None:
    def refuse(**_: Any) -> Any:
        class Reply:
            status_code = 403

        return Reply(), {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}

    cloudwatch = world.stack.client("cloudwatch")
    metrics, alarms = (f"before-call.cloudwatch.{action}" for action in ("GetMetricData", "DescribeAlarms"))
    with aws.handled(cloudwatch, metrics, refuse), aws.handled(cloudwatch, alarms, refuse):
        document, text = found()
    assert document["errors"] is document["alarms"] is document["ended_today"] is None
    assert text.count("CloudWatch cannot be asked") == 4
    assert "0 queued" in text
