"""The catalog is data: a model is added without touching code."""

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from core import catalog
from core.catalog import Catalog
from core.catalog.schema import ProviderRow
from core.errors import ModelNotFound
from core.requests import Request
from core.requests.bodies import generation_of_json
from core.requests.resolver import ModelPolicy, Resolver

TODAY = date(2026, 11, 22)


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


@pytest.mark.parametrize("name", ["gpt-image-1", "dall-e-2", "dall-e-3"])
def test_the_three_policies_for_retired_models(data: dict[str, Any], name: str) -> None:
    wish = {"model": name, "prompt": "an otter"}
    translated = resolved(resolver(data, "translate"), wish)
    assert translated.model == "gpt-image-2"
    assert [warning.code for warning in translated.warnings] == ["model_translated"]
    with pytest.raises(ModelNotFound, match="gpt-image-2"):
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


def test_every_retired_model_has_a_living_successor() -> None:
    known = catalog.load()
    for row in known.models.values():
        if row.retired_on:
            assert row.successor
            assert known.models[row.successor.model].retired_on is None
