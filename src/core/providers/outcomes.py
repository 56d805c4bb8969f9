"""The outcomes that providers have in common, as callers see them, and how their answers are read with care."""

import math
import re

from core.errors import Hint, Moderation, Problem
from core.providers import NotBought, Refused

UNREACHABLE_RETRY_SECONDS = 5.0
OVERLOADED_RETRY_SECONDS = 10.0
_SECRET_LIKE = re.compile(r"\b(?:(?:sk|ek|org|Bearer)[-_ ]|AIza|AQ\.)[A-Za-z0-9*_-]{6,}")


def said(message: object) -> str:
    """A provider's message as callers may read it: one line, not long, and without anything that looks like a key."""
    return _SECRET_LIKE.sub("[hidden]", " ".join(str(message or "").split()))[:300]


def problem(status: int, code: str, message: str, *, type: str = "server_error", retryable: bool = False) -> Problem:
    """An error of the provider, as callers see it."""
    return Problem(status, type, code, message, retryable=retryable)


def out_of_quota() -> Refused:
    """The provider's account is out of money or has hit a limit that waiting does not lift."""
    message = (
        "The provider account is out of credit or has hit its limit; the operator has to raise it. Nothing was bought."
    )
    return Refused(problem(429, "insufficient_quota", message, type="insufficient_quota"), elsewhere=True)


def unreachable() -> NotBought:
    """No connection could be made."""
    gone = problem(503, "provider_unreachable", "The provider could not be reached.", retryable=True)
    return NotBought(gone, retry_after=UNREACHABLE_RETRY_SECONDS)


def rejected(status: int, reason: object, *, type: str | None = None, code: str | None = None) -> Problem:
    """The provider refused the request, and says why."""
    why = said(reason)
    message = f"The provider refused the request: {why}" if why else "The provider refused the request."
    return Problem(status, type or "invalid_request_error", code or "provider_rejected", message)


def permission_denied() -> Refused:
    """The provider's account may not use the model."""
    message = "The provider does not allow this deployment to use the model."
    denied = problem(403, "provider_permission_denied", message, type="invalid_request_error")
    return Refused(denied, elsewhere=True)


def no_such_model(message: str) -> Refused:
    """The provider does not have the model, or no longer."""
    return Refused(problem(404, "model_not_found", message, type="invalid_request_error"), elsewhere=True)


def rate_limited(retry_after: float | None) -> NotBought:
    """The provider takes no more requests for now."""
    message = "The provider is limiting requests, and the job's deadline leaves no time to wait."
    limited = problem(429, "rate_limit_exceeded", message, type="rate_limit_error", retryable=True)
    return NotBought(limited, retry_after=_usable(retry_after))


def overloaded(retry_after: float | None) -> NotBought:
    """The provider has no capacity for now."""
    full = problem(503, "provider_overloaded", "The provider is overloaded.", retryable=True)
    return NotBought(full, retry_after=_usable(retry_after) or OVERLOADED_RETRY_SECONDS)


def _usable(seconds: float | None) -> float | None:
    """Seconds to wait, if a provider has said any that can be waited."""
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None


def moderated(stage: str, categories: tuple[str, ...], *, charged: bool) -> Problem:
    """The provider's safety system refused the prompt, an input or the image that was made."""
    return Problem(
        400,
        "image_generation_user_error",
        "moderation_blocked",
        "The provider's safety system refused the request. Change the prompt or the images.",
        moderation=Moderation(stage, categories),
        charged=charged,
    )


def no_image(charged: bool) -> Problem:
    """The provider answered, but sent no image."""
    paid = "The provider charged but sent no image." if charged else "The provider sent no image. Nothing was bought."
    return Problem(
        502,
        "server_error",
        "provider_result_empty",
        paid,
        hint=Hint.BUY_AGAIN if charged else None,
        charged=charged,
    )


def text(value: object) -> str | None:
    """A field of a provider's answer that should be a text."""
    return value if isinstance(value, str) else None


def whole(value: object) -> int | None:
    """A field of a provider's answer that should be a whole number, 0 or more."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
