"""The nightly comparison of the catalog with a public list of prices."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from core import catalog
from local.prices import Drift, drifts

TODAY = date(2026, 11, 27)
# Rows in the list's form, with the prices of the day.
ROWS: dict[str, dict[str, Any]] = {
    "gpt-image-1.5": {
        "input_cost_per_token": 5e-06,
        "input_cost_per_image_token": 8e-06,
        "output_cost_per_image_token": 3.2e-05,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-06,
        "cache_read_input_image_token_cost": 2e-06,
        "input_cost_per_token_batches": 2.5e-06,
        "input_cost_per_image_token_batches": 4e-06,
        "output_cost_per_image_token_batches": 1.6e-05,
        "output_cost_per_token_batches": 5e-06,
        "deprecation_date": "2026-12-01",
    },
    "gemini/gemini-nano-banana-2.1": {"input_cost_per_token": 1.5e-06, "output_cost_per_image": 0.0336},
    "us.stability.stable-fast-upscale-v1:0": {"output_cost_per_image": 0.03},
}
NAMES = ["gpt-image-1.5", "gemini-nano-banana-2.1", "stable-fast-upscale"]


def compared(rows: Mapping[str, Mapping[str, Any]], *names: str, today: date = TODAY) -> list[Drift]:
    known = catalog.load().models
    return drifts([known[name] for name in names or NAMES], rows, today)


def test_equal_lists_have_no_differences() -> None:
    assert compared(ROWS) == []


@pytest.mark.parametrize(
    ("key", "theirs", "field", "ours", "value"),
    [
        ("input_cost_per_token", 5.5e-06, "text_in", 5_000_000, 5_500_000),
        ("input_cost_per_image_token", 1e-05, "image_in", 8_000_000, 10_000_000),
        ("output_cost_per_image_token", 3e-05, "image_out", 32_000_000, 30_000_000),
        ("output_cost_per_token", 1.2e-05, "text_out", 10_000_000, 12_000_000),
        ("cache_read_input_token_cost", 1e-06, "cached.text_in", 1_250_000, 1_000_000),
        ("cache_read_input_image_token_cost", 1e-06, "cached.image_in", 2_000_000, 1_000_000),
        ("input_cost_per_token_batches", 1e-06, "batch.text_in", 2_500_000, 1_000_000),
        ("input_cost_per_image_token_batches", 1e-06, "batch.image_in", 4_000_000, 1_000_000),
        ("output_cost_per_image_token_batches", 1e-06, "batch.image_out", 16_000_000, 1_000_000),
        ("output_cost_per_token_batches", 1e-06, "batch.text_out", 5_000_000, 1_000_000),
        ("deprecation_date", "2026-12-15", "retired_on", date(2026, 12, 1), date(2026, 12, 15)),
    ],
)
def test_each_difference_is_named_with_both_values(key: str, theirs: Any, field: str, ours: Any, value: Any) -> None:
    changed = ROWS | {"gpt-image-1.5": ROWS["gpt-image-1.5"] | {key: theirs}}
    (drift,) = compared(changed)
    assert drift == Drift("gpt-image-1.5", field, ours, value)
    assert str(drift) == f"gpt-image-1.5: {field} is {ours} here, {value} there"


def test_a_price_per_image_is_compared() -> None:
    changed = ROWS | {"us.stability.stable-fast-upscale-v1:0": {"output_cost_per_image": 0.035}}
    assert compared(changed) == [Drift("stable-fast-upscale", "per_image", 30_000, 35_000)]


@pytest.mark.parametrize("key", ["cache_read_input_token_cost", "deprecation_date"])
def test_what_only_the_list_has_is_a_difference(key: str) -> None:
    name = "gemini-nano-banana-2.1"
    row = ROWS[f"gemini/{name}"] | {key: ROWS["gpt-image-1.5"][key]}
    (drift,) = compared({f"gemini/{name}": row}, name)
    assert drift.ours is None
    assert "is not given here" in str(drift)


def test_what_the_list_does_not_say_is_no_difference() -> None:
    assert compared({"gpt-image-1.5": {}}, "gpt-image-1.5") == []


def test_a_living_model_that_the_list_lacks_is_a_difference() -> None:
    (drift,) = compared({}, "stable-fast-upscale")
    assert "us.stability.stable-fast-upscale-v1:0 here, not given there" in str(drift)


def test_a_model_that_was_shut_down_may_be_gone_from_the_list() -> None:
    assert compared({}, "gpt-image-1.5", today=date(2026, 12, 1)) == []
    assert len(compared({}, "gpt-image-1.5", today=date(2026, 11, 30))) == 1
