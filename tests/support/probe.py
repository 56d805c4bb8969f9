"""A function that has the role of another one, and makes the calls it is asked for."""

import io
import json
import secrets
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.stack import Stack
from tests.support.powers import Attempt

_CODE = """
import boto3
from botocore import xform_name
from botocore.exceptions import ClientError


def outcome(service, operation, parameters):
    try:
        getattr(boto3.client(service), xform_name(operation))(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


def handler(event, _):
    return [outcome(*call) for call in event["calls"]]
"""
_RESOURCES = (
    "CallersTable",
    "LedgerTable",
    "JobsTable",
    "InboxBucket",
    "ImagesBucket",
    "JobsQueue",
    "WebhooksQueue",
    "DropsQueue",
    "EventBus",
    "TokenSecret",
)


@dataclass(frozen=True)
class Probe:
    """The function, once it is deployed; `names` gives what the stack calls the template's resources."""

    stack: Stack
    function: str
    names: dict[str, str]

    def tries(self, attempts: Sequence[Attempt]) -> list[str]:
        """What AWS answers to each call: an error's code, or `allowed`."""
        calls = [[each.service, each.operation, self._named(each.parameters)] for each in attempts]
        answer = self.stack.client("lambda").invoke(FunctionName=self.function, Payload=json.dumps({"calls": calls}))
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        codes: list[str] = json.loads(payload)
        return codes

    def _named(self, value: Any) -> Any:
        match value:
            case dict():
                return {self.names.get(key, key): self._named(each) for key, each in value.items()}
            case list():
                return [self._named(each) for each in value]
            case str():
                return self.names.get(value, value)
        return value


@contextmanager
def probing(stack: Stack, role: str) -> Iterator[Probe]:
    """Inside the block, there is a function with the role of that logical id."""
    client, name = stack.client("lambda"), f"probe-{secrets.token_hex(4)}"
    arn = stack.client("iam").get_role(RoleName=stack.physical_id(role))["Role"]["Arn"]
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="probe.handler",
        Role=arn,
        Code={"ZipFile": _archive()},
        Timeout=60,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    names = {resource: stack.physical_id(resource) for resource in _RESOURCES}
    try:
        yield Probe(stack, name, names | stack.parameters)
    finally:
        client.delete_function(FunctionName=name)


def _archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("probe.py", _CODE)
    return written.getvalue()
