"""Types of the command line's options. Each raises BadParameter with what is allowed.

Options that can be set back to nothing with `none` are read as a Choice or a Limit: an option that is not given is
None instead.
"""

import re
from dataclasses import dataclass
from datetime import date

from typer import BadParameter

from core import catalog
from core.callers.origins import NOT_AN_ORIGIN, is_web_origin
from core.ledger.dollars import micro_usd

_DURATION = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}
_MAX_PER_MINUTE = 1_000_000
_MAX_NAME = 100
_SIZE = re.compile(r"auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")


@dataclass(frozen=True)
class Limit:
    """An amount in micro-dollars, or a number; None for no limit."""

    value: int | None


@dataclass(frozen=True)
class Choice:
    """A text; None for none."""

    value: str | None


def duration(text: str) -> int:
    """Seconds of a duration such as 12h, 90d or 4w."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadParameter(f"'{text}' is not a valid duration; use 12h, 90d or 4w, for example")
    return int(found[1]) * _SECONDS[found[2]]


def day(text: str) -> date:
    """A day such as 2026-11-22."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameter(f"'{text}' is not a valid date; use YYYY-MM-DD, such as 2026-11-22") from None


def dollars(text: str) -> int:
    """Micro-dollars of an amount in dollars."""
    try:
        return micro_usd(text)
    except ValueError as error:
        raise BadParameter(str(error)) from None


def dollar_limit(text: str) -> Limit:
    """An amount in dollars, or `none`."""
    return Limit(None if text == "none" else dollars(text))


def rate_limit(text: str) -> Limit:
    """A number per minute, or `none`."""
    if text == "none":
        return Limit(None)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_PER_MINUTE):
        raise BadParameter(f"'{text}' must be 1 to {_MAX_PER_MINUTE}, or `none` for no limit")
    return Limit(int(text))


def key_name(text: str) -> str:
    """What a key is called in tables, logs and errors."""
    if not text.strip() or len(text) > _MAX_NAME:
        raise BadParameter(f"the name must have 1 to {_MAX_NAME} characters, and not only spaces")
    return text


def model_name(text: str) -> str:
    """A model of the catalog, or one that may be newer than it."""
    if catalog.load().find(text) is None:
        raise BadParameter(f"unknown model '{text}'; use one of {', '.join(catalog.load().models)}")
    return text


def duration_or_none(text: str) -> Limit:
    """Seconds of a duration, or `none`."""
    return Limit(None if text == "none" else duration(text))


def web_origin_or_none(text: str) -> Choice:
    """An origin as browsers send it, or `none`."""
    return Choice(None if text == "none" else web_origin(text))


def model_or_none(text: str) -> Choice:
    """A model of the catalog, or `none`."""
    return Choice(None if text == "none" else model_name(text))


def web_origin(text: str) -> str:
    """An origin as browsers send it."""
    if not is_web_origin(text):
        raise BadParameter(f"'{text}' {NOT_AN_ORIGIN}")
    return text


def default_quality(text: str) -> Choice:
    """A quality that some model has, or `none`."""
    families = catalog.load().families.values()
    known = dict.fromkeys(
        value for each in families if (rule := each.parameters.get("quality")) for value in rule.values
    )
    if text != "none" and text not in known:
        raise BadParameter(f"'{text}' is not a quality; use {', '.join(known)}, or `none` for no default")
    return Choice(None if text == "none" else text)


def default_size(text: str) -> Choice:
    """A size in pixels, or `none`."""
    if text != "none" and not _SIZE.fullmatch(text):
        raise BadParameter(f"'{text}' is not a size; use WIDTHxHEIGHT such as 1024x1024, or `none` for no default")
    return Choice(None if text == "none" else text)
