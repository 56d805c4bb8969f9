"""The provider's error answers: one class, and a constructor for each kind of error."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

INVALID_REQUEST = "invalid_request_error"
USER_ERROR = "image_generation_user_error"


@dataclass
class ApiError(Exception):
    """An error answer: its HTTP status, the four keys of its body, and extra headers.

    `page` is the HTML of a gateway that answers in place of the provider.
    """

    status: int
    message: str
    type: str = INVALID_REQUEST
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    page: str | None = None

    def body(self) -> dict[str, Any]:
        """The JSON body; all four keys are always present."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


def invalid_api_key() -> ApiError:
    """401; the message does not repeat the key."""
    return ApiError(
        401,
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def missing_api_key() -> ApiError:
    """401 for a call without a key."""
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        code="invalid_api_key",
    )


def model_not_found(model: str, *, retired: bool = False) -> ApiError:
    """404 for an unknown or retired model."""
    reason = (
        "has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
        if retired
        else "does not exist or you do not have access to it."
    )
    return ApiError(404, f"The model `{model}` {reason}", param="model", code="model_not_found")


def missing(param: str) -> ApiError:
    """A required parameter is absent or null."""
    message = f"Missing required parameter: '{param}'."
    return ApiError(400, message, param=param, code="missing_required_parameter")


def unknown(param: str) -> ApiError:
    """A parameter that the model or the endpoint does not have."""
    return ApiError(400, f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def duplicate(param: str) -> ApiError:
    """A form field that was sent twice."""
    return ApiError(
        400,
        f"Duplicate parameter: '{param}'. You provided multiple values for this parameter, "
        "whereas only one is allowed. If you are trying to provide a list of values, use the "
        f"array syntax instead e.g. '{param}[]=<value>'.",
        param=param,
        code="duplicate_parameter",
    )


def wrong_type(param: str, expected: str, value: object) -> ApiError:
    """A value of the wrong JSON type."""
    return ApiError(
        400,
        f"Invalid type for '{param}': expected {_a(expected)}, but got {_a(_kind(value))} instead.",
        param=param,
        code="invalid_type",
    )


def out_of_range(param: str, value: int, low: int | None, high: int | None) -> ApiError | None:
    """The error for an integer outside low..high, or None if it is inside."""
    if low is not None and value < low:
        side, sign, bound, word = "below minimum", ">=", low, "below_min"
    elif high is not None and value > high:
        side, sign, bound, word = "above maximum", "<=", high, "above_max"
    else:
        return None
    return ApiError(
        400,
        f"Invalid '{param}': integer {side} value. Expected a value {sign} {bound}, but got {value} instead.",
        param=param,
        code=f"integer_{word}_value",
    )


def too_long(param: str, unit: str, limit: int, length: int) -> ApiError:
    """A string or an array that exceeds its maximum length."""
    return ApiError(
        400,
        f"Invalid '{param}': {unit} too long. Expected {_a(unit)} with maximum length {limit}, "
        f"but got {_a(unit)} with length {length} instead.",
        param=param,
        code=f"{unit}_above_max_length",
    )


def empty(param: str, unit: str) -> ApiError:
    """An empty string or array where at least one element is required."""
    return ApiError(
        400,
        f"Invalid '{param}': empty {unit}. Expected {_a(unit)} with minimum length 1, but got an empty {unit} instead.",
        param=param,
        code=f"empty_{unit}",
    )


def unsupported_value(param: str, value: str, allowed: Sequence[str]) -> ApiError:
    """A value that is not in the enumeration."""
    return ApiError(
        400,
        f"Invalid value: '{value[:100]}'. Supported values are: {_listed(allowed)}.",
        param=param,
        code="invalid_value",
    )


def refused(message: str, param: str | None, code: str | None = "invalid_value") -> ApiError:
    """A well-formed request that the model cannot serve."""
    return ApiError(400, message, type=USER_ERROR, param=param, code=code)


def conflict(message: str, param: str | None, code: str | None = "invalid_value") -> ApiError:
    """Parameters that cannot be combined."""
    return ApiError(400, message, param=param, code=code)


def _kind(value: object) -> str:
    names: list[tuple[type, str]] = [
        (bool, "boolean"),
        (int, "integer"),
        (float, "decimal number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
        (type(None), "null value"),
    ]
    return next((name for kind, name in names if isinstance(value, kind)), "file")


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _listed(values: Sequence[str]) -> str:
    quoted = [f"'{value}'" for value in values]
    if len(quoted) < 2:
        return "".join(quoted)
    glue = " and " if len(quoted) == 2 else ", and "
    return ", ".join(quoted[:-1]) + glue + quoted[-1]
