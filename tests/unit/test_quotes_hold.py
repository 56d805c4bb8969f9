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
from local.simulator.bedrock.models import MODELS as BEDROCK
from local.simulator.catalog import VERSIONS
from local.simulator.gemini import billing as gemini
from local.simulator.gemini.rules import MODELS as GEMINI
from local.simulator.gemini.rules import Wish
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


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("model", catalog.load("openai").models.values(), ids=lambda model: model.name)
def test_partial_images_are_in_the_bound(model: catalog.Model, number: int) -> None:
    if "partial_images" in model.rules.parameters:
        for inputs in (INPUTS[0], INPUTS[1]):
            compare(model.name, "an otter", inputs, {"partial_images": number, "quality": "low", "size": "1024x1024"})


def test_auto_is_bound_by_the_dearest_size_there_is() -> None:
    family = catalog.load("openai").families["gpt-image-2.6"]
    bound = quote(Request("generation", "x", "gpt-image-2.6-flare", {"quality": "max"}, {}), family, 0).upper_bound
    for size in SIZES[1:]:
        each = Request("generation", "x", "gpt-image-2.6-flare", {"quality": "max", "size": size}, {})
        assert quote(each, family, 0).upper_bound <= bound


# The factor of a scale's name, as Google's documents have it.
FACTORS = {"1K": 1, "2K": 2, "4K": 4}


def compare_gemini(model: str, prompt: str, inputs: list[tuple[int, int]], size: tuple[int, int], scale: str) -> None:
    """A picture of a size that the request says, and one of the same size that the model has chosen."""
    found = catalog.load("gemini").find(model)
    assert found
    family = found.rules
    wish = Wish(model, prompt, tuple(picture(each) for each in inputs), size, scale)
    tokens = gemini.tokens_of(wish)
    drawn, body = tokens.charge(model), tokens.body()
    usage = Usage(
        body["promptTokenCount"],
        tokens.image_out + tokens.thoughts,
        tokens.text_in,
        tokens.image_in,
        text_output_tokens=body.get("thoughtsTokenCount", 0),
    )
    for parameters in ({"size": f"{size[0]}x{size[1]}"}, {"size": "auto"}, {}):
        request = Request("edit" if inputs else "generation", prompt, model, parameters, {})
        quoted = quote(request, family, len(inputs))
        assert drawn <= quoted.upper_bound, (model, parameters, inputs)
        assert quoted.expected <= quoted.upper_bound
        assert actual_cost(usage, request, family.prices) == drawn


@pytest.mark.parametrize("model", catalog.load("gemini").models)
def test_for_every_size_of_every_gemini_model(model: str) -> None:
    known = GEMINI[model]
    for scale, shape, inputs in product(known.scales or ("1K",), known.sizes.values(), [[], [(64, 64)], [(9, 9)] * 14]):
        size = (shape[0] * FACTORS[scale], shape[1] * FACTORS[scale])
        for prompt in PROMPTS:
            compare_gemini(model, prompt, inputs, size, scale)


@given(st.text(min_size=1, max_size=400), st.sampled_from(list(GEMINI)))
def test_for_any_prompt_of_gemini(prompt: str, model: str) -> None:
    compare_gemini(model, prompt, [], (1024, 1024), "1K")


def test_the_most_that_gemini_can_count_is_its_upper_bound() -> None:
    """Two drafts and 4,096 tokens of thought, and a prompt of which each byte is a token."""
    found = catalog.load("gemini").find("gemini-nano-banana-2.1")
    assert found
    quoted = quote(Request("generation", "x" * 100, found.name, {"size": "4096x4096"}, {}), found.rules, 0)
    most = gemini.Tokens(text_in=100, image_in=0, image_out=3 * 3780, thoughts=4096).charge(found.name)
    assert most <= quoted.upper_bound <= most + 10


@pytest.mark.parametrize("model", catalog.load("bedrock").models.values(), ids=lambda model: model.name)
def test_each_bedrock_model_has_one_price(model: catalog.Model) -> None:
    charged = BEDROCK[model.sent_as].micro_usd
    inputs = model.rules.inputs.max_count if model.rules.inputs else 0
    request = Request("edit" if inputs else "generation", "x", model.name, {}, {})
    quoted = quote(request, model.rules, inputs)
    assert (quoted.expected, quoted.upper_bound) == (charged, charged)
    assert actual_cost(None, request, model.rules.prices) == charged
