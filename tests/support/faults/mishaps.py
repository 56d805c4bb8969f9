"""The faults: what can happen to a request, in the words of whoever it is sent to."""

import contextlib
import json
from collections.abc import Callable
from http.client import RemoteDisconnected
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from urllib3.exceptions import ConnectTimeoutError as NotConnected

from tests.support.faults.cloud import Cloud, Died
from tests.support.faults.wire import CarryOut, Mishap, Moment, Planned, Process, Step

_URL = "https://aws.test"
# botocore's read time-out of most clients.
_READ_TIMEOUT_SECONDS = 5

_HTTP_STATUS = {"throttled": 400, "denied": 400, "broken": 500}
_CODES = {
    "dynamodb": {
        "throttled": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
        "denied": "com.amazon.coral.service#AccessDeniedException",
        "broken": "com.amazonaws.dynamodb.v20120810#InternalServerError",
    },
    "sqs": {
        "throttled": "com.amazonaws.sqs#RequestThrottled",
        "denied": "com.amazon.coral.service#AccessDeniedException",
        "broken": "com.amazon.coral.service#InternalFailure",
    },
    "events": {
        "throttled": "ThrottlingException",
        "denied": "AccessDeniedException",
        "broken": "InternalException",
    },
    "secretsmanager": {
        "throttled": "ThrottlingException",
        "denied": "AccessDeniedException",
        "broken": "InternalServiceError",
    },
    "s3": {"throttled": "SlowDown", "denied": "AccessDenied", "broken": "InternalError"},
}
_S3_STATUS = {"throttled": 503, "denied": 403, "broken": 500}


def crash(moment: Moment) -> Mishap:
    """The process dies before the request leaves, or after it was carried out and before its answer comes."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        if moment == "after":
            carry_out()
        cloud.wire.kill(process)

    return Mishap(f"crash {moment}", strike)


def out_of_time() -> Mishap:
    """Lambda ends the process at its time-out while it waits for the answer, which takes that long."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        carry_out()
        cloud.wire.let_pass(max(0.0, process.time_left()))
        cloud.wire.kill(process)

    return Mishap("time-out of the function", strike)


def refused(how: str, lasts: Any = "call") -> Mishap:
    """AWS answers an error: throttled, denied, broken."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        return _aws_error(step, how)

    return Mishap(_named(how, lasts), strike, lasts)


def unanswered(lasts: Any = "call") -> Mishap:
    """The request is lost on its way, and the client's time-out ends the waiting."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        cloud.wire.let_pass(_READ_TIMEOUT_SECONDS)
        raise ReadTimeoutError(endpoint_url=_URL)

    return Mishap(_named("no answer", lasts), strike, lasts)


def unreachable(lasts: Any = "call") -> Mishap:
    """No connection can be made."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        raise ConnectTimeoutError(endpoint_url=_URL)

    return Mishap(_named("unreachable", lasts), strike, lasts)


def lost_acknowledgement(lasts: Any = "once") -> Mishap:
    """The request is carried out and its answer is lost."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        carry_out()
        raise ConnectionClosedError(endpoint_url=_URL)

    return Mishap(_named("answer lost", lasts), strike, lasts)


def broken_after(lasts: Any = "once") -> Mishap:
    """The request is carried out and the answer is an error all the same."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        carry_out()
        return _aws_error(step, "broken")

    return Mishap(_named("done but HTTP 500", lasts), strike, lasts)


def conflict(lasts: Any = "call") -> Mishap:
    """DynamoDB lets another transaction have the item."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        if step.operation == "TransactWriteItems":
            reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
            error: dict[str, Any] = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"}
            text = "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]"
            return _json_error(400, error | {"message": text, "Message": text, "CancellationReasons": reasons})
        kind = "com.amazonaws.dynamodb.v20120810#TransactionConflictException"
        return _json_error(400, {"__type": kind, "message": "Transaction is ongoing for the item"})

    return Mishap(_named("transaction conflict", lasts), strike, lasts)


def meanwhile(name: str, act: Callable[[Cloud], None], moment: Moment) -> Mishap:
    """Something else happens before the request leaves, or before its answer comes."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        if moment == "after":
            answer = carry_out()
        with cloud.wire.outside():
            act(cloud)
        return answer if moment == "after" else carry_out()

    return Mishap(f"{name} {moment}", strike)


def transport(name: str, error: Exception, *, carried_out: bool = False, unsent: bool = False) -> Mishap:
    """The connection to the provider cannot be made, or breaks before or after the provider took the request."""

    def strike(cloud: Cloud, process: Process, step: Step, carry_out: CarryOut) -> Any:
        if carried_out:
            answer = carry_out()
            (answer.raw if isinstance(answer, AWSResponse) else answer).close()
        raise error

    return Mishap(name, strike, unsent=unsent)


PROVIDER_TRANSPORT = [
    transport("connection refused", ConnectionRefusedError("refused"), unsent=True),
    transport("connect time-out", NotConnected("slow"), unsent=True),
    transport("request cut off", BrokenPipeError("broken pipe")),
    transport("write time-out", TimeoutError("slow")),
    transport("read time-out, not bought", TimeoutError("slow")),
    transport("read time-out, bought", TimeoutError("slow"), carried_out=True),
    transport("connection reset, bought", ConnectionResetError("reset"), carried_out=True),
    transport("closed without an answer, bought", RemoteDisconnected("closed"), carried_out=True),
]


# What others do in the middle of a step.


def cancel(cloud: Cloud) -> None:
    """The caller cancels."""
    for job in cloud.jobs():
        cloud.call("POST", f"/jobs/{job.id}/cancel")


def deliver_again(cloud: Cloud) -> None:
    """The queue delivers the same message to a second worker, as it may at any time."""
    for job in cloud.jobs():
        _attempt(cloud.work, job.id)


def lease_runs_out(cloud: Cloud) -> None:
    """The process hangs for so long that its lease runs out, and the sweep decides."""
    cloud.wire.let_pass(cloud.worker_seconds + 60)
    cloud.sweep()


def lease_runs_out_and_another_works(cloud: Cloud) -> None:
    """As before, and another worker takes the job at once."""
    lease_runs_out(cloud)
    cloud.deliver()


def hour_passes(cloud: Cloud) -> None:
    """The process hangs for longer than the job may wait."""
    for _ in range(2):
        cloud.wire.let_pass(2000)
        cloud.sweep()
    cloud.deliver()


def dead_letter(cloud: Cloud) -> None:
    """The message turns out to be a dead letter while the process hangs."""
    cloud.wire.let_pass(cloud.worker_seconds + 60)
    for job in cloud.jobs():
        _attempt(cloud.fail_undeliverable, job.id)


def early_dead_letter(cloud: Cloud) -> None:
    """The dead letter comes while the worker is alive."""
    for job in cloud.jobs():
        _attempt(cloud.fail_undeliverable, job.id)


def early_sweep(cloud: Cloud) -> None:
    """The sweep looks in between."""
    cloud.sweep()


# No worker outlives its lease by its design; what it would still store then goes with its job.
MEANWHILE_IT_LIVES = [
    ("cancel", cancel),
    ("second delivery", deliver_again),
    ("lease runs out", lease_runs_out),
    ("dead letter", dead_letter),
    ("early dead letter", early_dead_letter),
    ("sweep", early_sweep),
]
MEANWHILE = [
    *MEANWHILE_IT_LIVES,
    ("lease runs out, another works", lease_runs_out_and_another_works),
    ("an hour passes", hour_passes),
]


def at(function: str, number: int, mishap: Mishap) -> Planned:
    """A mishap at a function's `number`-th request."""
    return Planned(function, number, mishap)


def _attempt(act: Callable[[str], None], job_id: str) -> None:
    with contextlib.suppress(Died):
        act(job_id)


def _named(how: str, lasts: Any) -> str:
    return {"once": f"{how} once", "call": how}.get(lasts) or f"{how} for {lasts // 60} min"


def _aws_error(step: Step, how: str) -> Any:
    code = _CODES[step.service][how]
    if step.service == "s3":
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{how}</Message></Error>'
        head = step.operation.startswith("HEAD")
        return _S3_STATUS[how], {"Content-Type": "application/xml"}, b"" if head else body.encode()
    return _json_error(_HTTP_STATUS[how], {"__type": code, "message": how})


def _json_error(status: int, error: dict[str, Any]) -> Any:
    return status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(error).encode()
