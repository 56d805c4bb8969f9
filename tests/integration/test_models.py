"""The catalog as callers read it."""

from datetime import UTC, date, datetime
from typing import Any

import openai.types
import pytest

from cli import keys
from core import catalog
from core.responses.models import model_list, model_named
from tests.integration.conftest import OwnProviders
from tests.support.world import World
from tests.support.world.mcp_server import McpDoor

AZURE = "https://example.openai.azure.com/openai/v1"
BEFORE, AFTER = date(2026, 11, 22), date(2026, 12, 2)


def listed(today: date) -> dict[str, Any]:
    return {model["id"]: model for model in model_list(catalog.load("openai"), today)["data"]}


@pytest.mark.parametrize("door", ["api", "direct"])
def test_every_model_is_listed_newest_first_in_openais_shape(world: World, door: str) -> None:
    answer = world.api.call("GET", "/models", door=door)
    assert answer.status == 200
    models = answer.json()["data"]
    assert {model["id"] for model in models} == set(catalog.load("openai").models)
    created = [model["created"] for model in models]
    assert created == sorted(created, reverse=True)
    for model in models:
        openai.types.Model.model_validate(model)
        assert model["owned_by"] == "openai"


def test_a_model_shows_its_capabilities_and_prices(world: World) -> None:
    model = world.api.call("GET", "/models/gpt-image-2.6-flare").json()
    assert datetime.fromtimestamp(model["created"], UTC).date() == date(2026, 11, 4)
    able = model["capabilities"]
    assert (able["operations"], able["prompt_max"], able["n_max"]) == (["generation", "edit"], 32_000, 10)
    assert (able["size"]["auto"], able["size"]["flexible"]["max_edge"]) == (True, 3840)
    assert "xhigh" in able["parameters"]["quality"]["values"]
    assert (able["parameters"]["output_compression"]["min"], able["parameters"]["output_compression"]["max"]) == (
        0,
        100,
    )
    assert (able["inputs"]["max_count"], able["inputs"]["mask"]) == (16, True)
    assert model["prices"]["micro_usd_per_million_tokens"]["image_output"] == 30_000_000
    assert model["lifecycle"] == {"state": "live", "retired_on": None, "days_left": None, "successor": None}


def test_a_model_that_was_sold_by_the_image_says_so(world: World) -> None:
    model = world.api.call("GET", "/models/dall-e-3").json()
    assert model["prices"]["micro_usd_per_million_tokens"] is None
    assert model["prices"]["micro_usd_per_image"]["hd"]["1024x1024"] == 80_000
    assert model["capabilities"]["inputs"] is None
    assert model["capabilities"]["size"]["fixed"] == ["1024x1024", "1792x1024", "1024x1792"]


def test_a_model_counts_its_days_and_stays_listed_when_they_are_over() -> None:
    assert listed(BEFORE)["gpt-image-1.5"]["lifecycle"] == {
        "state": "retiring",
        "retired_on": "2026-12-01",
        "days_left": 9,
        "successor": "gpt-image-2.5-flare",
    }
    over = listed(AFTER)["gpt-image-1.5"]["lifecycle"]
    assert (over["state"], over["days_left"], over["successor"]) == ("retired", 0, "gpt-image-2.5-flare")


def test_a_value_the_provider_may_refuse_is_marked() -> None:
    background = model_named("gpt-image-2", catalog.load("openai"), BEFORE)["capabilities"]["parameters"]["background"]
    assert (background["values"], background["preview"]) == (["auto", "opaque", "transparent"], ["transparent"])


@pytest.mark.parametrize("door", ["api", "direct"])
@pytest.mark.parametrize(
    "path", ["azure/gpt-image-2", "azure%2Fgpt-image-2", "azure%2fgpt-image-2", "azure/gpt-image-2/"]
)
def test_a_name_with_its_provider_is_read_with_or_without_an_encoded_slash(
    world: World, own_providers: OwnProviders, door: str, path: str
) -> None:
    own_providers(azure={"adapter": "openai", "base_url": AZURE, "models": {"gpt-image-2": {"like": "gpt-image-2"}}})
    answer = world.api.call("GET", f"/models/{path}", door=door)
    assert answer.status == 200, answer.text
    assert (answer.json()["id"], answer.json()["owned_by"]) == ("azure/gpt-image-2", "azure")
    assert openai.types.Model.model_validate(answer.json())


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("openai/gpt-image-2", "gpt-image-2"),
        ("azure/gpt-image-2", "azure/gpt-image-2"),
        ("azure/draft", "draft"),
        ("draft", "draft"),
    ],
)
def test_a_model_is_found_by_its_name_alone_or_after_its_providers(
    world: World, door: McpDoor, own_providers: OwnProviders, asked: str, shown: str
) -> None:
    models = {"gpt-image-2": {"like": "gpt-image-2"}, "draft": {"like": "gpt-image-2"}}
    own_providers(azure={"adapter": "openai", "base_url": AZURE, "models": models})
    assert world.api.call("GET", f"/models/{asked}").json()["id"] == shown
    listed = door.call("list_available_models", model=asked).result["structuredContent"]["models"]
    assert [model["name"] for model in listed] == [shown]
    everything = {model["id"] for model in world.api.call("GET", "/models").json()["data"]}
    assert {"gpt-image-2", "azure/gpt-image-2", "draft"} <= everything


@pytest.mark.parametrize(
    "name",
    ["azure/gpt-image-2", "openai/none", "azure%252Fgpt-image-2", "midjourney", "gpt-image-99", "x" * 500],
)
def test_an_unknown_model_is_404_and_names_those_that_exist(world: World, name: str) -> None:
    answer = world.api.call("GET", f"/models/{name}")
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (404, "model_not_found")
    assert "gpt-image-2.6-flare" in error["message"]


def test_models_need_a_key(world: World) -> None:
    for path in ("/models", "/models/gpt-image-2"):
        answer = world.api.call("GET", path, headers={"authorization": ""})
        assert (answer.status, answer.json()["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize(
    ("allowed", "asked", "status"),
    [
        ("gpt-image-1", "gpt-image-1", 403),
        ("gpt-image-2.6-flare", "gpt-image-1", 403),
        ("gpt-image-2.5-flare", "gpt-image-1", 202),
        ("gpt-image-2", "gpt-image-1", 403),
        ("gpt-image-2.6-flare", "gpt-image-2.6-flare", 202),
        ("gpt-image-2", "gpt-image-2.6-flare", 403),
    ],
)
def test_the_model_that_runs_decides_what_a_key_may_buy(world: World, allowed: str, asked: str, status: int) -> None:
    key, _ = keys.create(world.stack, "narrow", None, [allowed], [])
    body = {"model": asked, "prompt": "an otter"}
    answer = world.api.call("POST", "/images/generations", body, key=key, headers={"prefer": "respond-async"})
    assert answer.status == status
    if status == 403:
        assert answer.json()["error"]["code"] == "model_not_allowed"
        assert ("in place of" in answer.json()["error"]["message"]) == (asked == "gpt-image-1")
