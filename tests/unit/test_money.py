"""Quotes: the published prices, and bounds that hold."""

from typing import Any

import pytest

from core import catalog
from core.pricing import Usage, cost_of, grid_tokens, quote
from core.requests import Request


def request(model: str, prompt: str = "an otter", **parameters: Any) -> Request:
    return Request("generation", prompt, model, parameters, {"model": model, **parameters})


def rules(model: str) -> catalog.Family:
    found = catalog.load().find(model)
    assert found
    return found.rules


# Source: OpenAI's price pages for gpt-image-2 and gpt-image-2.5 as of 2026-11-22, output only.
@pytest.mark.parametrize(
    ("width", "height", "factor", "tokens"),
    [
        (1024, 1024, 16, 196),
        (1024, 1024, 48, 1756),
        (1024, 1024, 96, 7024),
        (1536, 1024, 16, 158),
        (1024, 1536, 96, 5488),
        (2048, 2048, 48, 3568),
        (2048, 1152, 64, 2511),
        (3840, 2160, 96, 13342),
    ],
)
def test_the_formula_gives_the_published_token_counts(width: int, height: int, factor: int, tokens: int) -> None:
    assert grid_tokens(width, height, factor) == tokens


@pytest.mark.parametrize(
    ("model", "parameters", "cents"),
    [
        ("gpt-image-2", {"quality": "high", "size": "1024x1024"}, 21),
        ("gpt-image-1", {"quality": "low", "size": "1024x1024"}, 1),
        ("dall-e-3", {"quality": "hd", "size": "1792x1024"}, 12),
        ("dall-e-2", {"size": "256x256", "n": 5}, 8),
    ],
)
def test_quotes_meet_the_published_prices(model: str, parameters: dict[str, Any], cents: int) -> None:
    assert round(quote(request(model, **parameters), rules(model), 0).expected / 10_000) == cents


@pytest.mark.parametrize("model", catalog.load().models)
def test_the_bound_is_never_below_the_expectation(model: str) -> None:
    family = rules(model)
    rated = family.parameters.get("quality")
    qualities = [None, *(rated.values if rated else ())]
    sizes = [
        None,
        *(family.size.listed if family.size else ()),
        *(("auto", "1024x1024", "3840x2160") if family.size and family.size.flexible else ()),
    ]
    for quality in qualities:
        for size in sizes:
            given = {name: value for name, value in (("quality", quality), ("size", size)) if value}
            quoted = quote(request(model, **given), family, input_images=2 if family.inputs else 0)
            assert 0 < quoted.expected <= quoted.upper_bound


def test_a_prompt_never_has_more_tokens_than_bytes() -> None:
    quoted = quote(request("gpt-image-2", "Ω" * 500), rules("gpt-image-2"), 0)
    assert quoted.upper_usage
    assert quoted.upper_usage.text_input_tokens == 1000 + 6


def test_costs_are_rounded_up_to_whole_micro_dollars() -> None:
    usage = Usage(input_tokens=1, output_tokens=0, text_input_tokens=0, image_input_tokens=1)
    assert cost_of(usage, rules("gpt-image-1-mini").prices) == 3
