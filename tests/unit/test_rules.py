"""Every rule of the catalog: what the table allows passes, and each single violation is refused for its own reason."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import catalog
from core.catalog import Model
from core.errors import InvalidRequest
from core.requests import Request
from core.requests.bodies import generation_of_json
from core.requests.resolver import ModelPolicy, Resolver

TODAY = date(2026, 11, 22)
CATALOG = catalog.load("openai")
MODELS = [model for name in CATALOG.models if (model := CATALOG.find(name))]
RESOLVER = Resolver(CATALOG, ModelPolicy("gpt-image-2.6-flare", "forward"))


def resolved(document: dict[str, Any]) -> Request:
    return RESOLVER.check("generation", generation_of_json(document), TODAY).request


def resolve(model: Model, **given: Any) -> Any:
    return resolved({"model": model.name, "prompt": "an otter"} | given)


def companions(name: str, value: object) -> dict[str, Any]:
    """What has to stand beside a value for it to make sense."""
    if name == "output_compression":
        return {"output_format": "webp"}
    if name in ("frame_count", "frame_duration_ms"):
        return {"output_format": "gif"}
    if (name, value) == ("output_format", "svg"):
        return {"svg": {"model": "gpt-5.6"}}
    return {"output_format": "svg"} if name == "svg" else {}


def cases(*, right: bool) -> list[Any]:
    """One value of one parameter of one model: at the edge of what it takes, or right beyond it."""
    found = []
    for model in MODELS:
        for name, rule in model.rules.parameters.items():
            if "generation" not in rule.operations:
                continue
            if rule.values:
                values: list[Any] = list(rule.values) if right else ["other", " "]
            elif rule.svg:
                values = [{"model": "gpt-5.6"}] if right else [{"model": "gpt-5.6", "reasoning": {"effort": "much"}}]
            else:
                assert rule.min is not None
                assert rule.max is not None
                values = [rule.min, rule.max] if right else [rule.min - 1, rule.max + 1]
            found += [pytest.param(model, name, value, id=f"{model.name}-{name}-{value}") for value in values]
    return found


@pytest.mark.parametrize(("model", "name", "value"), cases(right=True))
def test_every_value_of_the_table_passes(model: Model, name: str, value: Any) -> None:
    request = resolve(model, **{name: value} | companions(name, value))
    assert request.parameters.get(name, 0) == value  # No partial images are left out.


@pytest.mark.parametrize(("model", "name", "value"), cases(right=False))
def test_a_value_beyond_the_table_is_refused_by_name(model: Model, name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        resolve(model, **companions(name, value) | {name: value})
    assert (refusal.value.problem.param or "").split(".")[0] == name
    assert model.name in refusal.value.problem.message or name == "svg"


BLANK = [
    " ",
    " \n\t ",
    "\u00a0",
    "\u2003\u3000",
    "\u200b",
    "\ufeff",
    "\u200d\ufe0f",
    "\u3164",
    "\u2800",
    "\0",
    "\u0301",
]


@pytest.mark.parametrize("prompt", BLANK)
def test_a_prompt_without_anything_visible_is_refused(prompt: str) -> None:
    for model in (MODELS[0], MODELS[-1]):
        with pytest.raises(InvalidRequest) as refusal:
            resolve(model, prompt=prompt)
        assert (refusal.value.problem.param, refusal.value.problem.code) == ("prompt", "invalid_value")
        assert "blank" in refusal.value.problem.message


@pytest.mark.parametrize("prompt", ["x", "\u200bx ", "🦦", "é", "龍", "?", "\U0001fae9", "ᚠ", "\ue000"])
def test_a_prompt_with_one_visible_character_is_a_prompt(prompt: str) -> None:
    assert resolve(MODELS[0], prompt=prompt).prompt == prompt


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_limits_of_prompt_and_number(model: Model) -> None:
    rules = model.rules
    resolve(model, prompt="x" * rules.prompt_max, n=rules.n_max)
    for wrong in ({"prompt": "x" * (rules.prompt_max + 1)}, {"n": rules.n_max + 1}, {"n": 0}, {"prompt": ""}):
        with pytest.raises(InvalidRequest) as refusal:
            resolve(model, **wrong)
        assert refusal.value.problem.param in wrong


@given(width=st.integers(0, 4200), height=st.integers(0, 4200), model=st.sampled_from(MODELS))
def test_a_size_passes_when_and_only_when_it_keeps_the_rule(width: int, height: int, model: Model) -> None:
    size, rule = f"{width}x{height}", model.rules.size
    assert rule
    if rule.flexible:
        bounds = rule.flexible
        allowed = (
            width % 16 == height % 16 == 0
            and 0 < max(width, height) <= 3840
            and max(width, height) <= 3 * min(width, height)
            and bounds.min_pixels <= width * height <= bounds.max_pixels
        )
    else:
        allowed = size in rule.fixed
    if allowed:
        resolve(model, size=size)
    else:
        with pytest.raises(InvalidRequest, match="size"):
            resolve(model, size=size)


@pytest.mark.parametrize(
    ("model", "given", "param"),
    [
        ("gpt-image-2", {"background": "transparent", "output_format": "jpeg"}, "background"),
        ("gpt-image-2.6-flare", {"background": "transparent", "output_format": "gif"}, "background"),
        ("gpt-image-2", {"output_compression": 50}, "output_compression"),
        ("gpt-image-2.6-flare", {"output_compression": 50, "output_format": "gif"}, "output_compression"),
        ("gpt-image-2", {"partial_images": 1, "n": 2}, "n"),
        ("gpt-image-2.6-flare", {"partial_images": 1, "output_format": "gif"}, "partial_images"),
        ("gpt-image-2.6-flare", {"partial_images": 1, "output_format": "svg", "svg": {"model": "x"}}, "partial_images"),
        ("dall-e-3", {"partial_images": 4}, "partial_images"),
        ("dall-e-2", {"partial_images": 1, "n": 2}, "n"),
        ("gpt-image-2.6-flare", {"output_format": "svg", "svg": {"model": "gpt-5.6"}, "n": 2}, "n"),
        ("gpt-image-2.6-flare", {"output_format": "svg"}, "svg.model"),
        ("gpt-image-2.6-flare", {"svg": {"model": "gpt-5.6"}}, "svg"),
        ("gpt-image-2.6-flare", {"frame_count": 4}, "frame_count"),
        ("gpt-image-2.6-flare", {"output_format": "gif", "size": "1024x1024"}, "size"),
        ("gpt-image-2.6-flare", {"output_format": "gif", "size": "960x960", "frame_count": 10}, "size"),
        ("gpt-image-2.5-flare", {"complexity": "low"}, "complexity"),
        ("gpt-image-2", {"quality": "xhigh"}, "quality"),
        ("gpt-image-2", {"style": "vivid"}, "style"),
        ("dall-e-3", {"n": 2}, "n"),
        ("dall-e-3", {"size": "auto"}, "size"),
        ("dall-e-2", {"background": "auto"}, "background"),
        ("gpt-image-2", {"user": "x" * 513}, "user"),
    ],
)
def test_combinations_that_cannot_be_bought(model: str, given: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        resolved({"model": model, "prompt": "an otter"} | given)
    assert refusal.value.problem.param == param


@pytest.mark.parametrize("model", ["gpt-image-2", "dall-e-3"])
def test_no_partial_images_are_as_if_none_had_been_mentioned(model: str) -> None:
    silent, none = (resolved({"model": model, "prompt": "an otter", **more}) for more in ({}, {"partial_images": 0}))
    assert silent == none


def test_a_model_without_partial_images_runs_without_them_and_says_so() -> None:
    wish = {"model": "dall-e-3", "prompt": "an otter", "partial_images": 2}
    request = resolved(wish)
    assert "partial_images" not in request.parameters
    assert [(warning.code, warning.param) for warning in request.warnings] == [("no_previews", "partial_images")]


def test_the_successor_of_a_model_without_partial_images_sends_them() -> None:
    resolver = Resolver(catalog.load(), ModelPolicy("gpt-image-2", "translate"))
    wish = {"model": "dall-e-3", "prompt": "an otter", "partial_images": 2}
    request = resolver.check("generation", generation_of_json(wish), date(2026, 11, 22)).request
    assert (request.model, request.partial_images) == ("gpt-image-2", 2)


def test_an_animation_within_its_budget_passes() -> None:
    for size, frames in (("960x960", 9), ("816x816", 12), ("720x720", 16)):
        wish = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "output_format": "gif"}
        resolved(wish | {"size": size, "frame_count": frames})
