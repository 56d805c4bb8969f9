"""How Lambda invokes a function: its sample event and its context."""

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from local.processes import ROOT
from tests.support.permissions import role_of
from tests.support.world.roles import with_role

# Where the announcer's links start: no request tells it a host.
PUBLIC_URL = "https://easel.example/v1"


def sample_event(function: str) -> dict[str, Any]:
    """A fresh copy of the sample event of a function."""
    event: dict[str, Any] = json.loads(_text_of_sample(function))
    return event


@cache
def _text_of_sample(function: str) -> str:
    return (ROOT / "events" / f"{function}.json").read_text()


def message(function: str, body: str) -> dict[str, Any]:
    """The event that brings a function one message of its queue."""
    event = sample_event(function)
    event["Records"][0]["body"] = body
    return event


def fresh_handler(function: str) -> Any:
    """A function's handler as a process of its own has it: module-level state is not shared between invocations."""
    spec = importlib.util.find_spec(f"handlers.{function}")
    assert isinstance(spec, ModuleSpec)
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return with_role(module.handler, role_of(f"handlers.{function}.handler"))


@dataclass
class Context(LambdaContext):
    """What Lambda hands to a handler."""

    seconds: float = 60.0
    function_name: str = "easel"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:easel"
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # static in Powertools, not in Lambda
        return int(self.seconds * 1000)
