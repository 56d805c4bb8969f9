"""Checks of what notifies the operator: whether alarms exist and reach someone, and which are going off."""

from collections.abc import Iterator
from typing import Any

from cli.doctor.deployment import Deployment
from cli.doctor.findings import UNDO_DRIFT, Finding, broken, fine, warning

_PER_CALL = 100


def alarms(deployment: Deployment) -> Iterator[Finding]:
    """Whether every alarm of the stack exists, is switched on, reports to the topic, and is quiet."""
    named = {name: logical for logical, name in deployment.resources.items() if logical.endswith("Alarm")}
    topic = deployment.physical("AlarmTopic")
    runbook = deployment.parameter("RunbookUrl") or "docs/runbook.md"
    client = deployment.client("cloudwatch")
    names = sorted(named)
    found: dict[str, Any] = {}
    for start in range(0, len(names), _PER_CALL):
        answer = client.describe_alarms(AlarmNames=names[start : start + _PER_CALL], MaxRecords=_PER_CALL)
        found |= {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]}
    for name, logical_id in sorted(named.items(), key=lambda pair: pair[1]):
        alarm = found.get(name)
        if alarm is None:
            yield broken(
                f"{logical_id} was deleted",
                "remove it from template.yaml, deploy, put it back, and deploy again: CloudFormation makes it anew",
            )
            continue
        if not alarm.get("ActionsEnabled", True):
            yield broken(f"{logical_id} is switched off", f"aws cloudwatch enable-alarm-actions --alarm-names {name}")
        if topic not in alarm.get("AlarmActions", []):
            yield broken(f"{logical_id} notifies no one: AlarmTopic is not among its actions", UNDO_DRIFT)
        if alarm["StateValue"] == "ALARM":
            yield warning(f"{logical_id} is in ALARM", f"{runbook}#{logical_id.lower()}")


def subscriber(deployment: Deployment) -> Iterator[Finding]:
    """Whether somebody gets the alarms."""
    topic = deployment.physical("AlarmTopic")
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions = [each for page in pages for each in page["Subscriptions"]]
    confirmed = [each for each in subscriptions if each["SubscriptionArn"].startswith("arn:")]
    if confirmed:
        yield fine(f"{len(confirmed)} confirmed")
    elif subscriptions:
        yield broken(
            "no one receives alarms: the subscription is not confirmed",
            "open the mail from AWS Notifications to that address, and follow its link; if it is older than two days, "
            f"subscribe again: aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint ADDRESS",
        )
    else:
        yield warning(
            "no one receives alarms: their topic has no subscriber",
            "deploy with AlarmEmail=ADDRESS, or: "
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint ADDRESS",
        )
