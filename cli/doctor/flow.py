"""Checks of what moves jobs: time limits that fit into each other, functions fed by their queues, and dead letters."""

import re
from collections.abc import Iterator

from cli.doctor.deployment import Deployment
from cli.doctor.findings import UNDO_DRIFT, Finding, broken, fine, warning
from core.jobs.worker import LEASE_MARGIN_SECONDS, STORING_RESERVE_SECONDS

# Each function with the queue that feeds it.
_FED = {
    "WorkerFunction": "JobsQueue",
    "DeadLetterFunction": "JobsDeadLetterQueue",
    "DropFunction": "DropsQueue",
    "WebhookFunction": "WebhooksQueue",
}
_STREAMED = "AnnouncerFunction"
_DOORS = ("ApiFunction", "DirectFunction", "McpFunction")
# The operator can close these doors.
_RESERVED_BY_PARAMETER = {"DirectFunction": "DirectConcurrency", "McpFunction": "McpConcurrency"}
_SCHEDULES = ("SweepFunctionEveryMinute", "ModelCheckFunctionEveryDay")
# Source: quotas of API Gateway, REST APIs.
_GATEWAY_SECONDS = 29
# Source: AWS Lambda, SQS event sources.
_VISIBILITY_FACTOR = 6


def time_limits(deployment: Deployment) -> Iterator[Finding]:
    """Whether limits fit into each other: provider < worker < lease < visibility, and waiting < answering."""
    faults = [*_visibility(deployment), *_waiting(deployment)]
    yield from faults
    if not faults:
        worker = deployment.function("WorkerFunction")["Timeout"]
        visible = deployment.queue("JobsQueue")["VisibilityTimeout"]
        yield fine(
            f"provider {worker - STORING_RESERVE_SECONDS} s < worker {worker} s < "
            f"lease {worker + LEASE_MARGIN_SECONDS} s < visibility {visible} s"
        )


def _visibility(deployment: Deployment) -> Iterator[Finding]:
    for function, queue in _FED.items():
        timeout = int(deployment.function(function)["Timeout"])
        visible = int(deployment.queue(queue)["VisibilityTimeout"])
        fix = (
            f"aws sqs set-queue-attributes --queue-url {deployment.physical(queue)} "
            f"--attributes VisibilityTimeout={_VISIBILITY_FACTOR * timeout}"
        )
        said = f"{queue} shows a message again after {visible} s, but {function} may work on it for {timeout} s"
        if visible < timeout + (LEASE_MARGIN_SECONDS if function == "WorkerFunction" else 0):
            yield broken(f"{said}: it is worked on twice", fix)
        elif visible < _VISIBILITY_FACTOR * timeout:
            yield warning(f"{said}: less than the {_VISIBILITY_FACTOR} times that AWS recommends", fix)


def _waiting(deployment: Deployment) -> Iterator[Finding]:
    for function in _DOORS:
        timeout = int(deployment.function(function)["Timeout"])
        waits = int(deployment.variables(function).get("EASEL_MAX_WAIT_SECONDS", "0"))
        physical = deployment.physical(function)
        if function == "ApiFunction" and timeout <= _GATEWAY_SECONDS:
            yield broken(
                f"ApiFunction dies after {timeout} s, before API Gateway gives up after {_GATEWAY_SECONDS} s: callers "
                "get the answer that nothing was bought, which can be wrong",
                f"aws lambda update-function-configuration --function-name {physical} --timeout {_GATEWAY_SECONDS + 1}",
            )
        limit = min(timeout, _GATEWAY_SECONDS) if function == "ApiFunction" else timeout
        if waits >= limit:
            yield broken(
                f"{function} waits for a job for up to {waits} s, but must answer within {limit} s",
                f"set EASEL_MAX_WAIT_SECONDS as in template.yaml, or {UNDO_DRIFT}",
            )


def connections(deployment: Deployment) -> Iterator[Finding]:
    """Whether functions are active, and fed by their queues, streams and schedules."""
    client = deployment.client("lambda")
    for function in (*_FED, _STREAMED):
        name = deployment.physical(function)
        mappings = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        if not mappings:
            yield broken(f"nothing feeds {function}: it has no event source", UNDO_DRIFT)
        for mapping in mappings:
            if mapping["State"] not in ("Enabled", "Enabling", "Updating", "Creating"):
                yield broken(
                    f"{function} is disconnected from its {'stream' if function == _STREAMED else 'queue'}: "
                    f"{mapping['State']}",
                    f"aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled",
                )
            elif (result := mapping.get("LastProcessingResult", "")).startswith("PROBLEM"):
                yield warning(f"{function}: {result}", "see its log, and docs/runbook.md")
    scheduler = deployment.client("scheduler")
    for logical_id in _SCHEDULES:
        schedule = scheduler.get_schedule(Name=deployment.physical(logical_id))
        if schedule["State"] != "ENABLED":
            function = re.sub(r"Every\w+$", "", logical_id)
            yield broken(
                f"{function} does not run: its schedule is {schedule['State']}",
                f"in the console: EventBridge, Schedules, {schedule['Name']}, Enable",
            )


def functions(deployment: Deployment) -> Iterator[Finding]:
    """Whether functions can run, and none is throttled to nothing."""
    client = deployment.client("lambda")
    for function in (*_DOORS, *_FED, _STREAMED, "SweepFunction", "ModelCheckFunction"):
        described = deployment.function(function)
        name = deployment.physical(function)
        if described.get("State", "Active") not in ("Active", "Pending", "Inactive"):
            yield broken(
                f"{function} is {described['State']}: {described.get('StateReason', '')}", f"fix that, or {UNDO_DRIFT}"
            )
        if described.get("LastUpdateStatus") == "Failed":
            yield broken(
                f"{function}: its last update failed: {described.get('LastUpdateStatusReason')}",
                "fix that, and make deploy",
            )
        reserved = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
        asked = deployment.parameter(_RESERVED_BY_PARAMETER.get(function, ""))
        if reserved == 0 and asked != "0":
            yield broken(
                f"{function} is closed: no call of it may run",
                f"aws lambda delete-function-concurrency --function-name {name}",
            )


def dead_letters(deployment: Deployment) -> Iterator[Finding]:
    """Whether messages failed for good."""
    if count := _waiting_in(deployment, "DropsDeadLetterQueue"):
        yield broken(f"{count} dropped images failed five times", "fix the cause (DropLogs), then: easel redrive")
    if count := _waiting_in(deployment, "JobsDeadLetterQueue"):
        yield broken(
            f"{count} messages of jobs failed five times, and the dead-letter function has not ended these jobs",
            "fix the cause (DeadLetterLogs); the messages are retried by themselves",
        )
    if count := _waiting_in(deployment, "WebhooksDeadLetterQueue"):
        url = deployment.physical("WebhooksDeadLetterQueue")
        yield warning(
            f"{count} messages of webhooks failed five times; the sweep has sent the webhooks again",
            f"fix the cause (WebhookLogs), then: aws sqs purge-queue --queue-url {url}",
        )


def _waiting_in(deployment: Deployment, queue: str) -> int:
    return int(deployment.queue(queue)["ApproximateNumberOfMessages"])
