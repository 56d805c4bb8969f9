"""Orders for adapters, as the worker gives them, and what they come to."""

import base64
import io
from typing import Any, Literal

import pytest

from core import catalog
from core.providers import ImageProvider, InDoubt, InputFile, NotBought, Order, Refused
from core.requests import Request, Role
from tests.support.internet import CLOSED, REFUSED, Reply

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

Outcome = NotBought | Refused | InDoubt

# How a call can break, and what that means for the money, as `meaning` says it. test_http.py has all of them.
BROKEN_CONNECTIONS = [
    (REFUSED, NotBought, "provider_unreachable", False),
    (CLOSED, InDoubt, None, None),
    (Reply(200, [b"{"], ending="cut"), InDoubt, None, None),
    (Reply(500, [b"{"], ending="cut"), InDoubt, None, None),
]


def order_of(request: Request, *inputs: InputFile, timeout: float = 5) -> Order:
    """The order of a request, as the worker gives it."""
    model = catalog.load().find(request.model)
    assert model
    return Order(request, model, inputs, request_id="r-1", user="pseudonym", timeout=timeout)


def wish(model: str, prompt: str = "an otter", *inputs: InputFile, timeout: float = 5, **parameters: Any) -> Order:
    """The order of a generation, or of an edit if it has inputs."""
    operation: Literal["generation", "edit"] = "edit" if inputs else "generation"
    return order_of(Request(operation, prompt, model, parameters, {"model": model}), *inputs, timeout=timeout)


def given(data: bytes, role: Role = "image", content_type: str = "image/png") -> InputFile:
    """An input, which the provider's client reads from its start, wherever it stands."""
    file = io.BytesIO(data)
    file.seek(0, io.SEEK_END)
    return InputFile(role, f"{role}.png", content_type, file)


def outcome_of(provider: ImageProvider, order: Order) -> Outcome:
    """How a purchase ends that brings no image."""
    with pytest.raises((NotBought, Refused, InDoubt)) as raised:
        provider.buy(order)
    assert isinstance(raised.value, NotBought | Refused | InDoubt)
    return raised.value


def meaning(outcome: Outcome) -> tuple[type[Outcome], str | None, bool | str | None]:
    """Its kind, the code that callers read, and whether they paid."""
    if isinstance(outcome, InDoubt):
        return InDoubt, None, None
    return type(outcome), outcome.problem.code, outcome.problem.charged
