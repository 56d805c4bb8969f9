"""The catalog is data: a model is added without touching code."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from core import catalog
from core.catalog import Catalog, Model
from core.catalog.schema import ProviderRow
from core.errors import ModelNotFound
from core.pricing import quote
from core.requests import Request
from core.requests.bodies import generation_of_json
from core.requests.resolver import ModelPolicy, Resolver

TODAY = date(2026, 11, 22)
SQUARE = "1024x1024"


@pytest.fixture
def data() -> dict[str, Any]:
    return dict(json.loads((catalog.DATA / "openai.json").read_text()))


def resolver(data: dict[str, Any], retired: Any = "translate") -> Resolver:
    return Resolver(catalog_of(data), ModelPolicy("gpt-image-2", retired))


def catalog_of(data: dict[str, Any]) -> Catalog:
    return Catalog.of({"openai": ProviderRow.model_validate_json(json.dumps(data))})


def resolved(by: Resolver, document: dict[str, Any]) -> Request:
    return by.check("generation", generation_of_json(document), TODAY).request


def test_a_model_is_added_by_data_alone(data: dict[str, Any]) -> None:
    data["families"]["sketch"] = data["families"]["gpt-image-2"] | {"prompt_max": 10, "n_max": 2}
    data["models"]["sketch-1"] = {"family": "sketch", "released": "2026-11-21"}
    found = resolver(data)
    assert resolved(found, {"model": "sketch-1", "prompt": "an otter"}).model == "sketch-1"
    assert found.catalog.live_models(TODAY)[0] == "sketch-1"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda data: data["models"]["gpt-image-1"].update(family="none"), "no family"),
        (lambda data: data["models"]["gpt-image-1"]["successor"].update(model="none"), "no successor"),
        (lambda data: data["families"]["gpt-image-2"].update(colour="red"), "Extra inputs"),
        (lambda data: data["families"]["gpt-image-2"].pop("inputs"), "must have inputs"),
        (lambda data: data["families"]["gpt-image-2"].pop("output_tokens"), "by tokens or by image"),
    ],
)
def test_broken_data_is_refused(data: dict[str, Any], change: Any, complaint: str) -> None:
    change(data)
    with pytest.raises(ValidationError, match=complaint):
        catalog_of(data)


def test_a_model_retires_on_its_day_without_a_deployment() -> None:
    model = catalog.load().find("gpt-image-1.5")
    assert model
    assert model.lifecycle(date(2026, 11, 30)) == "retiring"
    assert model.lifecycle(date(2026, 12, 1)) == "retired"


@pytest.mark.parametrize(
    ("name", "successor"),
    [("gpt-image-1", "gpt-image-2.5-flare"), ("dall-e-2", "gpt-image-2"), ("dall-e-3", "gpt-image-2")],
)
def test_the_three_policies_for_retired_models(data: dict[str, Any], name: str, successor: str) -> None:
    wish = {"model": name, "prompt": "an otter"}
    translated = resolved(resolver(data, "translate"), wish)
    assert translated.model == successor
    assert [warning.code for warning in translated.warnings] == ["model_translated"]
    with pytest.raises(ModelNotFound, match=successor):
        resolved(resolver(data, "reject"), wish)
    assert resolved(resolver(data, "forward"), wish).model == name


def test_old_values_are_translated_and_said(data: dict[str, Any]) -> None:
    wish = {"model": "dall-e-3", "prompt": "an otter", "quality": "hd", "style": "vivid", "size": "1792x1024"}
    request = resolved(resolver(data), wish)
    assert request.applied() == {"model": "gpt-image-2", "quality": "high", "size": "1792x1024"}
    assert "'style' was dropped" in request.warnings[0].message
    assert "'quality' was changed from hd to high" in request.warnings[0].message


def test_a_retired_model_keeps_its_own_limits(data: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="1 to 1000"):
        resolved(resolver(data), {"model": "dall-e-2", "prompt": "x" * 1001})


ENDING = [model for model in catalog.load().models.values() if model.retired_on]
each_that_ends = pytest.mark.parametrize("model", ENDING, ids=lambda model: model.name)


@each_that_ends
def test_every_retired_model_has_a_living_successor(model: Model) -> None:
    assert model.successor
    assert catalog.load().models[model.successor.model].retired_on is None


@each_that_ends
def test_what_a_retired_model_accepted_is_translated_for_its_successor(model: Model) -> None:
    assert model.retired_on
    assert model.successor
    translator = Resolver(catalog.load(), ModelPolicy("gpt-image-2", "translate"))
    for wish in accepted_by(model):
        request = translator.check("generation", generation_of_json(wish), model.retired_on).request
        assert request.model == model.successor.model, wish
        assert "model_translated" in [warning.code for warning in request.warnings], wish


def accepted_by(model: Model) -> Iterator[dict[str, Any]]:
    """Requests of a model, with each value of each of its parameters at least once."""
    plain = {"model": model.name, "prompt": "an otter", "n": model.rules.n_max}
    size = model.rules.size
    for listed in (*(size.listed if size else ()), *(["auto"] if size and size.auto else [])):
        yield plain | {"size": listed}
    for name, parameter in model.rules.parameters.items():
        for value in parameter.values or (parameter.min, parameter.max):
            if "generation" in parameter.operations:
                yield plain | {name: value} | _companions(name)


def _companions(name: str) -> dict[str, Any]:
    if name == "output_compression":
        return {"output_format": "jpeg"}
    return {"n": 1} if name == "partial_images" else {}


def qualities(model: Model) -> tuple[str, ...]:
    return model.rules.parameters["quality"].values if "quality" in model.rules.parameters else ("auto",)


# dall-e's words for quality mean other images, which are not compared by price.
COMPARED = [
    (model, quality)
    for model in ENDING
    for quality in qualities(model)
    if model.successor and quality in qualities(catalog.load().models[model.successor.model])
]


@pytest.mark.parametrize(("model", "quality"), COMPARED, ids=[f"{model.name}-{quality}" for model, quality in COMPARED])
def test_a_successor_costs_no_more_if_the_provider_has_one_that_does_not(model: Model, quality: str) -> None:
    assert model.successor
    known = catalog.load().models
    living = [other for other in known.values() if other.provider == model.provider and other.retired_on is None]
    least = min(price(other, quality) for other in living if quality in qualities(other))
    assert price(known[model.successor.model], quality) <= max(price(model, quality), least)


def price(model: Model, quality: str) -> int:
    """The expected price of a square image, in micro-dollars."""
    return quote(
        Request("generation", "an otter", model.name, {"quality": quality, "size": SQUARE}), model.rules, 0
    ).expected
