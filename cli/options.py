"""Types of the command line's options. Each raises ArgumentTypeError with what is allowed."""

import re
from argparse import ArgumentTypeError
from datetime import date

from core.ledger.dollars import micro_usd

_DURATION = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}
_MAX_PER_MINUTE = 1_000_000


def duration(text: str) -> int:
    """Seconds of a duration such as 12h, 90d or 4w."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"'{text}' is not a valid duration; use 12h, 90d or 4w, for example")
    return int(found[1]) * _SECONDS[found[2]]


def day(text: str) -> date:
    """A day such as 2026-11-22."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not a valid date; use YYYY-MM-DD, such as 2026-11-22") from None


def dollars(text: str) -> int:
    """Micro-dollars of an amount in dollars."""
    try:
        return micro_usd(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def dollar_limit(text: str) -> int | None:
    """Micro-dollars of an amount in dollars, or None for `none`."""
    return None if text == "none" else dollars(text)


def rate_limit(text: str) -> int | None:
    """A number per minute, or None for `none`."""
    if text == "none":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_PER_MINUTE):
        raise ArgumentTypeError(f"'{text}' must be 1 to {_MAX_PER_MINUTE}, or `none` for no limit")
    return int(text)
