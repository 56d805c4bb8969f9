"""The JSON that callers send: how it is read, a strict base for its models, and the error for what does not fit.

Pydantic's own words reach nobody: all that is refused by a model is put into ours here.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from core.errors import InvalidRequest

# What a value must be, by pydantic's name of a fault. These are all faults of our fields: a test draws wrong values.
_TYPES = {
    "string_type": "a string",
    "string_unicode": "a string in UTF-8",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "an array",
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
# The clause, and the item of the fault's context that holds the limit.
_LIMITS = {
    "literal_error": ("must be {}", "expected"),
    "enum": ("must be {}", "expected"),
    "greater_than": ("must be greater than {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be less than {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
    "multiple_of": ("must be a multiple of {}", "multiple_of"),
    "string_too_short": ("must have at least {} characters", "min_length"),
    "string_too_long": ("must have at most {} characters", "max_length"),
    "string_pattern_mismatch": ("must match the pattern {}", "pattern"),
    "too_short": ("must have at least {} entries", "min_length"),
    "too_long": ("must have at most {} entries", "max_length"),
    "value_error": ("{}", "error"),
    "one_of_types": ("must be {}", "types"),
}
# How pydantic marks, in the path of a fault, which of several types it tried. No field of ours has such a name.
_TRIED_TYPE = re.compile(r"(str|int|float|bool|constrained-str|(list|dict|tuple|function-[a-z]+|nullable)\[.*\])")


class Body(BaseModel):
    """Base of all bodies: unknown fields are refused, and no value is converted.

    null and "" count as left out: many clients send every field they know, whatever its name.
    """

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    example: ClassVar[str] = ""
    """A short valid body, which errors show."""
    kept_if_empty: ClassVar[frozenset[str]] = frozenset()
    """Fields whose empty text has an error of its own."""

    @model_validator(mode="before")
    @classmethod
    def _without_empties(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        return {
            name: value
            for name, value in document.items()
            if value is not None and (value != "" or name in cls.kept_if_empty)
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The body of a JSON document.

        Raises:
            InvalidRequest: a field is missing (code missing_required_parameter), unknown (unknown_parameter), of the
                wrong type (invalid_type) or outside its limits (invalid_value).
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise cls._refusal(first_fault(error)) from None

    @classmethod
    def _refusal(cls, fault: ErrorDetails) -> InvalidRequest:
        name = name_of(fault)
        match fault["type"]:
            case "extra_forbidden":
                code, message = "unknown_parameter", f"Unknown parameter: '{name}'."
                if len(fault["loc"]) == 1:
                    message += f" Known parameters are: {', '.join(sorted(cls.model_fields))}."
            case "missing":
                code, message = "missing_required_parameter", f"Missing required parameter: '{name}'."
            case kind if kind in _TYPES or kind == "one_of_types":
                code, message = "invalid_type", f"Invalid type for '{name}': it {requirement(fault)}."
            case _:
                code, message = "invalid_value", f"Invalid value for '{name}': it {requirement(fault)}."
        hint = f" Send an object such as {cls.example}." if cls.example else ""
        return InvalidRequest(message + hint, param=name, code=code)


# More than any document of ours needs. The longest prompt may have 32,000 commas, and all of them are counted.
MAX_VALUES = 40_000
# No number of ours is longer, and DynamoDB keeps 38 digits.
MAX_DIGITS = 38


class InvalidJson(ValueError):
    """A text that is not JSON, or is more than a parser should be given; the message completes "it ..."."""


def load_json(text: str | bytes) -> Any:
    """A JSON document whose strings can all be stored and sent on, and whose numbers are finite.

    Its values are counted before it is parsed: a document of 6 MB can hold millions, each of which takes a hundred
    bytes in memory, and a thousand if it is refused.

    Raises:
        InvalidJson: it is not JSON, or not in UTF-8, is nested too deeply, has too many values or digits, or contains
            lone surrogates ("\\ud800").
    """
    check_number_of_values(text)
    try:
        document = json.loads(text, parse_int=_whole_number, parse_constant=_constant)
        json.dumps(document, ensure_ascii=False).encode()
    except InvalidJson:
        raise
    except RecursionError:
        raise InvalidJson("is nested too deeply") from None
    except ValueError:
        raise InvalidJson("is not valid JSON in UTF-8") from None
    return document


def check_number_of_values(text: str | bytes) -> None:
    """Refuse a JSON text that may have more than about MAX_VALUES values, without parsing it.

    Raises:
        InvalidJson: it has too many. Commas and brackets in its strings count, too.
    """
    if isinstance(text, bytes):
        separators = text.count(b",") + text.count(b"[") + text.count(b"{")
    else:
        separators = text.count(",") + text.count("[") + text.count("{")
    if separators > MAX_VALUES:
        raise InvalidJson(f"has more than {MAX_VALUES} values")


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise InvalidJson(f"has a number of more than {MAX_DIGITS} digits")
    return int(digits)


def _constant(name: str) -> None:
    raise InvalidJson(f"has the value {name}, which is not JSON")


def first_fault(error: ValidationError) -> ErrorDetails:
    """The first fault that pydantic found. Its `msg` must not reach anybody: use `name_of` and `requirement`."""
    faults = error.errors(include_input=False, include_url=False)
    first = faults[0]
    place = next((index for index, part in enumerate(first["loc"]) if _TRIED_TYPE.fullmatch(str(part))), None)
    if place is None:
        return first
    # A value of one of several types. If it has one of them, what is wrong with it counts.
    tried = [fault for fault in faults if fault["loc"][:place] == first["loc"][:place]]
    for fault in tried:
        if fault["type"] not in _TYPES or len(fault["loc"]) > place + 1:
            return {**fault, "loc": (*fault["loc"][:place], *fault["loc"][place + 1 :])}
    types = " or ".join(dict.fromkeys(_TYPES[fault["type"]] for fault in tried))
    return {**first, "type": "one_of_types", "loc": first["loc"][:place], "ctx": {"types": types}}


def name_of(fault: ErrorDetails) -> str:
    """The field at fault, as `svg.reasoning.effort` or `images[0].file_id`."""
    # "[key]" is pydantic's mark that the key before it is at fault, not the value.
    parts = [part for part in fault["loc"] if part != "[key]"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return path.removeprefix(".")[:64]


def requirement(fault: ErrorDetails) -> str:
    """What the field at fault must be, as a clause that repeats nothing of what was sent: "must be an integer"."""
    kind = fault["type"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is unknown"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}"
    if kind in _LIMITS:
        clause, limit = _LIMITS[kind]
        return (
            clause.format(fault["ctx"][limit])
            .replace(" 1 characters", " 1 character")
            .replace(" 1 entries", " 1 entry")
        )
    return "does not have the right form"
