"""The functions' roles: what a function asks of AWS must be allowed to its role by the template.

moto lets everything pass. So each call is compared with the policies here, and what they do not allow fails the test.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from core import aws as clients
from core.catalog.operator import own_providers
from handlers import announcer, api, dead_letter, direct, drop, mcp, models_check, sweep, webhook, worker
from tests.support.permissions import accesses, allows, logical_name, role_of
from tests.support.template import TEMPLATE

_HANDLERS = (announcer, api, dead_letter, direct, drop, mcp, models_check, sweep, webhook, worker)
_role: ContextVar[str | None] = ContextVar("role", default=None)


@contextmanager
def enforced() -> Iterator[None]:
    """Inside the block, the functions have their roles; at its end, nothing may have been beyond them."""
    denied: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for module in _HANDLERS:
            patch.setattr(module, "handler", with_role(module.handler, role_of(f"{module.__name__}.handler")))
        check = _check(denied)
        for client in functions_clients():
            client.meta.events.register("provide-client-params", check)
        yield
    assert not denied, "these calls need a statement in template.yaml: " + "; ".join(sorted(set(denied)))


def functions_clients() -> list[Any]:
    """The clients that functions share."""
    makers = (
        clients.dynamodb,
        clients.sqs,
        clients.events,
        clients.s3,
        clients.s3_in_passing,
        clients.secretsmanager,
    )
    return [make() for make in makers]


def with_role(handler: Callable[..., Any], role: str) -> Callable[..., Any]:
    """A handler whose calls are compared with a role."""

    def invoke(event: Any, context: Any) -> Any:
        with _acting_as(role):
            answer = handler(event, context)
        if isinstance(answer, dict) and isinstance(answer.get("body"), Generator):
            answer["body"] = streamed(answer["body"])
        return answer

    def streamed(body: Generator[bytes]) -> Generator[bytes]:
        with closing(body):
            while True:
                with _acting_as(role):
                    piece = next(body, None)
                if piece is None:
                    return
                yield piece

    return invoke


@contextmanager
def _acting_as(role: str) -> Iterator[None]:
    before = _role.set(role)
    try:
        yield
    finally:
        _role.reset(before)


def _check(denied: list[str]) -> Callable[..., None]:
    names = _names()

    def check(params: dict[str, Any], model: Any, **_: Any) -> None:
        role = _role.get()
        # botocore finds a signed form's endpoint as if for a CreateBucket, which it does not send.
        if role is not None and model.name != "CreateBucket":
            service = model.service_model.service_name
            known = names | _own_secrets() if service == "secretsmanager" else names
            needed = accesses(service, model.name, params, known)
            denied.extend(f"{role}: {access}" for access in needed if not allows(role, access))

    return check


def _own_secrets() -> dict[str, str]:
    """The secrets that the file of the operator's own providers names, which a parameter lists for the template."""
    return {each.secret_arn: "OwnProviderSecretArns" for each in own_providers().values() if each.secret_arn}


def _names() -> dict[str, str]:
    """The template's name of each resource that an environment variable names."""
    functions = [
        each["Properties"] for each in TEMPLATE["Resources"].values() if "Handler" in each.get("Properties", {})
    ]
    variables: dict[str, Any] = {}
    for function in (TEMPLATE["Globals"]["Function"], *functions):
        variables |= function.get("Environment", {}).get("Variables", {})
    named = {
        name: value
        for name, value in variables.items()
        if isinstance(value, dict) and value.keys() & {"Ref", "Fn::GetAtt"}
    }
    return {os.environ[name]: logical_name(value) for name, value in named.items() if os.environ.get(name)}
