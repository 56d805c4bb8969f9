"""The end of a job, announced by the deployed stack."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire


@pytest.fixture(scope="module")
def rule_queue(stack: Stack) -> Iterator[str]:
    """A queue that an operator's own rule on the event bus fills."""
    sqs, events = stack.client("sqs"), stack.client("events")
    queue_url = sqs.create_queue(QueueName="ends-of-jobs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["easel"], "detail-type": ["Job Ended"]})
    events.put_rule(Name="ends", EventBusName=stack.event_bus, EventPattern=pattern)
    events.put_targets(Rule="ends", EventBusName=stack.event_bus, Targets=[{"Id": "queue", "Arn": arn}])
    yield queue_url
    events.remove_targets(Rule="ends", EventBusName=stack.event_bus, Ids=["queue"])
    events.delete_rule(Name="ends", EventBusName=stack.event_bus)
    sqs.delete_queue(QueueUrl=queue_url)


def event_of(stack: Stack, queue_url: str, job_id: str) -> Any:
    """The event of a job; those of other jobs are passed over."""
    sqs = stack.client("sqs")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for message in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            if event["detail"]["job_id"] == job_id:
                return event
    raise AssertionError(f"no event told of {job_id}")


def test_the_end_of_a_job_reaches_a_rule_on_the_event_bus(
    stack: Stack, key: Key, simulator: SimulatorControl, rule_queue: str
) -> None:
    answer = wire.post(
        f"{stack.api_url}/images/generations", json={"prompt": "an otter"}, headers=key.headers | {"Prefer": "wait=20"}
    ).json()
    event = event_of(stack, rule_queue, answer["easel"]["job_id"])
    assert (event["detail"]["status"], event["detail"]["caller_id"]) == ("succeeded", key.id)
    (image,) = event["detail"]["images"]
    assert image == {"id": answer["data"][0]["id"], "link": answer["data"][0]["link"]}
    assert wire.get(image["link"], follow_redirects=True).headers["content-type"] == "image/png"


def test_a_failure_reaches_it_too(stack: Stack, key: Key, simulator: SimulatorControl, rule_queue: str) -> None:
    simulator.plan("moderation_blocked")
    answer = wire.post(f"{stack.api_url}/images/generations", json={"prompt": "an otter"}, headers=key.headers).json()
    event = event_of(stack, rule_queue, answer["error"]["job_id"])
    assert (event["detail"]["status"], event["detail"]["error_code"]) == ("failed", "moderation_blocked")


def test_ends_are_measured_where_cloudwatch_reads_it(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    """In AWS, CloudWatch makes metrics of these lines; here it is enough that they are there as they must be."""
    url = f"{stack.api_url}/images/generations"
    wire.post(url, json={"prompt": "an otter"}, headers=key.headers | {"Prefer": "wait=20"})
    until = time.monotonic() + 30
    measured: set[str] = set()
    while not {"JobsEnded", "UpstreamSeconds"} <= measured and time.monotonic() < until:
        lines = [json.loads(line) for line in stack.logs() if line.startswith('{"_aws"')]
        assert all(line["Stack"] == stack.stack_name for line in lines)
        measured = {name for line in lines for name in line if name not in ("_aws", "Stack")}
        time.sleep(0.5)
    assert {"JobsEnded", "FailedPercent", "Images", "CostUsd", "UpstreamSeconds"} <= measured
