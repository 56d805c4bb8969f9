"""Converts between dollars, as people write them, and the whole micro-dollars that Easel counts in."""

import re

_MILLION = 1_000_000
_DOLLARS = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?")


def micro_usd(text: str) -> int:
    """The exact micro-dollars of an amount of dollars such as 20, 0.05 or 1.234567.

    Raises:
        ValueError: the text is not such an amount.
    """
    found = _DOLLARS.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text[:32]}' is not a valid amount of dollars; write 20, 0.05 or 1.234567")
    return int(found[1]) * _MILLION + int((found[2] or "").ljust(6, "0"))


def usd(amount: int) -> str:
    """Micro-dollars as $0.05 or $1.234567, exactly."""
    dollars, rest = divmod(abs(amount), _MILLION)
    cents = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}${dollars}.{cents}"
