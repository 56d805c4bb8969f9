"""No purchase costs more than its quote's upper bound, and what is settled is what was charged.

The other side is the simulator's billing, which is written apart from Easel's, from the provider's documents.
"""

from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core import catalog
from core.pricing import Usage, actual_cost, quote
from core.requests import Request
from local.simulator import billing
from local.simulator.catalog import VERSIONS
from local.simulator.order import Order

PROMPTS = [
    "an otter",
    "x",
    "a wide panorama of Ωμέγα, 水獺 and 🦦🦦\n" * 20,
    "antidisestablishmentarianism " * 60,
    "a.b,c;" * 99,
]
SIZES = [
    "640x1024",
    "1024x1024",
    "1536x1024",
    "1024x1536",
    "2048x2048",
    "2048x1152",
    "3840x2160",
    "2160x3840",
    "2880x2880",
]
INPUTS = [
    [],
    [(64, 64)],
    [(1024, 1024), (3000, 1000)],
    [(2560, 1440), (1, 4096), (4096, 1), (512, 513)] * 4,
]


@cache
def picture(size: tuple[int, int]) -> Image.Image:
    return Image.new("1", size)


def sizes_of(family: catalog.Family) -> list[str | None]:
    assert family.size
    auto = ["auto"] if family.size.auto else []
    return [None, *auto, *(family.size.listed or SIZES)]


def fits(family: catalog.Family, inputs: list[tuple[int, int]]) -> bool:
    if not inputs:
        return "generation" in family.operations
    return family.inputs is not None and len(inputs) <= family.inputs.max_count


def compare(model: str, prompt: str, inputs: list[tuple[int, int]], parameters: dict[str, Any]) -> None:
    found = catalog.load("openai").find(model)
    assert found
    family = found.rules
    operation: Any = "edit" if inputs else "generation"
    request = Request(operation, prompt, model, parameters, {"model": model, **parameters})
    quoted = quote(request, family, len(inputs))
    pictures = tuple(picture(size) for size in inputs)
    order = Order(
        "edits" if inputs else "generations", model, VERSIONS[model][1], prompt, **parameters, inputs=pictures
    )
    charged = billing.charge_of(order)
    assert charged <= quoted.upper_bound, (model, parameters, inputs)
    if family.output_tokens:
        body = billing.usage_of(order).body()
        details = body["input_tokens_details"]
        usage = Usage(body["input_tokens"], body["output_tokens"], details["text_tokens"], details["image_tokens"])
        assert actual_cost(usage, request, family.prices) == charged
    else:
        assert actual_cost(None, request, family.prices) == charged == quoted.upper_bound


@pytest.mark.parametrize("model", catalog.load("openai").models)
def test_for_every_model_size_quality_number_and_input(model: str) -> None:
    found = catalog.load("openai").find(model)
    assert found
    family = found.rules
    qualities: list[str | None] = [None, *family.parameters["quality"].values]
    fidelities = [None, *(family.parameters["input_fidelity"].values if "input_fidelity" in family.parameters else ())]
    numbers = [n for n in (1, 3, 10) if n <= family.n_max]
    compared = 0
    for size, quality, n, inputs in product(sizes_of(family), qualities, numbers, INPUTS):
        if not fits(family, inputs):
            continue
        for prompt, fidelity in product(PROMPTS if n == 1 else PROMPTS[:1], fidelities if inputs else [None]):
            given_ = {"size": size, "quality": quality, "n": n, "input_fidelity": fidelity}
            compare(model, prompt[: family.prompt_max], inputs, {k: v for k, v in given_.items() if v is not None})
            compared += 1
    assert compared >= 9


@given(st.text(min_size=1, max_size=400), st.integers(40, 240), st.integers(40, 240), st.sampled_from(["low", "max"]))
def test_for_any_prompt_and_any_size(prompt: str, width: int, height: int, quality: str) -> None:
    rule = catalog.load("openai").families["gpt-image-2.6"].size
    assert rule
    flexible = rule.flexible
    assert flexible
    width, height = width * 16, height * 16
    allowed = flexible.min_pixels <= width * height <= flexible.max_pixels
    if allowed and max(width, height) <= flexible.max_ratio * min(width, height):
        compare("gpt-image-2.6-flare", prompt, [], {"size": f"{width}x{height}", "quality": quality})


def test_auto_is_bound_by_the_dearest_size_there_is() -> None:
    family = catalog.load("openai").families["gpt-image-2.6"]
    bound = quote(Request("generation", "x", "gpt-image-2.6-flare", {"quality": "max"}, {}), family, 0).upper_bound
    for size in SIZES[1:]:
        each = Request("generation", "x", "gpt-image-2.6-flare", {"quality": "max", "size": size}, {})
        assert quote(each, family, 0).upper_bound <= bound
