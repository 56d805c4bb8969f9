"""The types of the command line's options: what they accept, and what they say about the rest."""

from collections.abc import Callable
from datetime import date

import pytest
from typer import BadParameter

from cli import options
from cli.options import Limit


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43_200), ("90d", 7_776_000), ("4w", 2_419_200)])
def test_durations_are_hours_days_or_weeks(text: str, seconds: int) -> None:
    assert options.duration(text) == seconds


def test_a_limit_is_a_number_or_none() -> None:
    assert (options.rate_limit("10"), options.rate_limit("none")) == (Limit(10), Limit(None))
    assert (options.dollar_limit("0.50"), options.dollar_limit("none")) == (Limit(500_000), Limit(None))
    assert options.day("2026-11-22") == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("kind", "text", "allowed"),
    [
        (options.duration, "soon", "12h, 90d or 4w"),
        (options.duration, "0h", "12h, 90d or 4w"),
        (options.rate_limit, "0", "1 to 1000000, or `none`"),
        (options.rate_limit, "1000001", "1 to 1000000, or `none`"),
        (options.rate_limit, "²", "1 to 1000000, or `none`"),
        (options.dollar_limit, "lots", "1.234567"),
        (options.day, "today", "YYYY-MM-DD"),
    ],
)
def test_an_invalid_value_is_answered_with_what_is_allowed(
    kind: Callable[[str], object], text: str, allowed: str
) -> None:
    with pytest.raises(BadParameter) as refused:
        kind(text)
    assert text in str(refused.value)
    assert allowed in str(refused.value)
