"""Faults on demand: the kinds, and the queue of planned faults."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from local.simulator.errors import USER_ERROR, ApiError

# When a fault happens: instead of validating the request, or after it was accepted and charged; of some, only in a
# stream. To decline is to say with HTTP 200 that there is no image, as only some APIs do.
Phase = Literal["refuse", "deliver", "stream", "decline"]


@dataclass(frozen=True)
class Kind:
    """A kind of fault. One that refuses answers with `status` and the four keys of an error."""

    phase: Phase
    status: int = 200
    type: str = ""
    code: str | None = None
    message: str = ""
    page: str | None = None
    seconds: float = 0.0
    retry_after: float | None = None


_BAD_GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n"
    "</body>\r\n</html>\r\n"
)

KINDS: dict[str, Kind] = {
    "rate_limit": Kind(
        "refuse",
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached on images per min (IPM): Limit 5, Used 5, Requested 1. Please try again in {retry_after}s.",
        retry_after=1,
    ),
    "slow_down": Kind(
        "refuse",
        429,
        "rate_limit_error",
        "slow_down",
        "Your request rate is rising too fast. Please slow down and try again.",
        retry_after=1,
    ),
    "insufficient_quota": Kind(
        "refuse",
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "billing_hard_limit": Kind(
        "refuse",
        400,
        "invalid_request_error",
        "billing_hard_limit_reached",
        "Billing hard limit has been reached",
    ),
    "moderation_blocked": Kind(
        "refuse",
        400,
        USER_ERROR,
        "moderation_blocked",
        "Your request was rejected by the safety system. If you believe this is an error, "
        "contact us at help.openai.com and include the request ID. safety_violations=[violence].",
    ),
    "unauthorized": Kind(
        "refuse",
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    "unverified": Kind(
        "refuse",
        403,
        "invalid_request_error",
        None,
        "Your organization must be verified to use the model `{model}`. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify "
        "Organization. If you just verified, it can take up to 15 minutes for access to propagate.",
    ),
    "server_error": Kind(
        "refuse",
        500,
        "server_error",
        "server_error",
        "The server had an error while processing your request. Sorry about that!",
    ),
    "overloaded": Kind(
        "refuse",
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later.",
    ),
    "bad_gateway": Kind("refuse", 502, page=_BAD_GATEWAY_PAGE),
    "gateway_timeout": Kind("refuse", 504, "server_error", None, "The upstream did not answer in time."),
    # The provider's safety system refuses the finished image, or the model sends none, or a text in its place.
    "refused_image": Kind("decline"),
    "no_image": Kind("decline"),
    "text_only": Kind("decline"),
    "slow": Kind("deliver", seconds=5),
    "late": Kind("deliver", seconds=600),
    "reset": Kind("deliver"),
    "cut_body": Kind("deliver"),
    "cut_image": Kind("deliver"),
    "garbage_json": Kind("deliver"),
    "wrong_bytes": Kind("deliver"),
    "bad_base64": Kind("deliver"),
    "empty_data": Kind("deliver"),
    "no_usage": Kind("deliver"),
    # The connection breaks, the stream ends without the image, or an error is reported in it.
    "stream_cut": Kind("stream"),
    "stream_ended": Kind("stream"),
    "stream_error": Kind(
        "stream",
        500,
        "server_error",
        "server_error",
        "The server had an error while processing your request. Sorry about that!",
    ),
    "stream_blocked": Kind(
        "stream",
        400,
        USER_ERROR,
        "moderation_blocked",
        "Your request was rejected by the safety system. safety_violations=[violence].",
    ),
    "server_error_charged": Kind(
        "deliver",
        500,
        "server_error",
        "server_error",
        "The server had an error while processing your request. Sorry about that!",
    ),
}

# Of an answer in one piece; the connection closes early.
CUTS = ("cut_body", "cut_image")


@dataclass(frozen=True)
class Fault:
    """A planned fault, for one call. Times are in seconds; `after` so many events or images an answer is spoiled."""

    kind: str
    seconds: float
    retry_after: float | None
    after: int = 0

    @property
    def phase(self) -> Phase:
        """When it happens."""
        return KINDS[self.kind].phase

    def error(self, model: str | None) -> ApiError:
        """The error answer, for kinds that have one."""
        kind = KINDS[self.kind]
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["retry-after"] = str(math.ceil(self.retry_after))
            headers["retry-after-ms"] = str(round(self.retry_after * 1000))
        message = kind.message.format(model=model, retry_after=self.retry_after)
        return ApiError(kind.status, message, kind.type, None, kind.code, headers, kind.page)

    def body(self) -> dict[str, Any]:
        """The fault as the control plane returns it."""
        return {"kind": self.kind, "seconds": self.seconds, "retry_after": self.retry_after, "after": self.after}


class InvalidPlan(ValueError):
    """An invalid plan; the message says what is allowed."""


class FaultPlan:
    """Planned faults, first in, first out."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()

    def add(self, plan: Any) -> None:
        """Queue `{"faults": [{"kind", "count", "seconds", "retry_after", "after"}]}`; raises InvalidPlan."""
        if not isinstance(plan, dict) or not isinstance(plan.get("faults"), list):
            raise InvalidPlan('Expected {"faults": [{"kind": ..., "count": 1}]}.')
        planned = [fault for item in plan["faults"] for fault in _planned(item)]
        self._queue.extend(planned)

    def take(self) -> Fault | None:
        """Remove and return the next fault, or None."""
        return self._queue.popleft() if self._queue else None

    def clear(self) -> None:
        """Forget all planned faults."""
        self._queue.clear()

    def body(self) -> dict[str, list[dict[str, Any]]]:
        """The faults that are still planned."""
        return {"faults": [fault.body() for fault in self._queue]}


def _planned(item: Any) -> list[Fault]:
    if not isinstance(item, dict):
        raise InvalidPlan("Each fault must be an object with a 'kind'.")
    for key in item:
        if key not in ("kind", "count", "seconds", "retry_after", "after"):
            raise InvalidPlan(f"Unknown key '{key}'. Allowed keys: kind, count, seconds, retry_after, after.")
    kind = item.get("kind")
    if kind not in KINDS:
        raise InvalidPlan(f"Unknown fault kind '{kind}'. Allowed kinds: {', '.join(KINDS)}.")
    count = item.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 10_000:
        raise InvalidPlan("'count' must be an integer from 1 to 10000.")
    seconds = _number(item, "seconds", KINDS[kind].seconds)
    retry_after = _number(item, "retry_after", KINDS[kind].retry_after)
    after = item.get("after", 0)
    if after not in range(4):
        raise InvalidPlan("'after' must be a number of events or images from 0 to 3.")
    return [Fault(kind, seconds or 0.0, retry_after, int(after))] * count


def _number(item: dict[str, Any], key: str, default: float | None) -> float | None:
    value = item.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        raise InvalidPlan(f"'{key}' must be a number of seconds from 0 to 86400.")
    return value
