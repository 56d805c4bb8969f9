"""The morning after a shutdown: what applications still ask for is made by the successors, and costs what they cost."""

from datetime import UTC, date, datetime

import pytest

from cli import keys
from core import catalog
from tests.support.moved_time import Clock
from tests.support.world import World

DAY = date(2026, 12, 1)
OPENAI = catalog.load("openai")
RETIRED = [name for name, model in OPENAI.models.items() if model.retired_on and model.retired_on <= DAY]


@pytest.fixture(autouse=True)
def day(clock: Clock) -> None:
    clock.stop_at(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp())


def test_these_names_are_retired_on_that_day() -> None:
    assert set(RETIRED) == {
        "gpt-image-1",
        "gpt-image-1-mini",
        "gpt-image-1.5",
        "gpt-image-1.5-2025-12-16",
        "chatgpt-image-latest",
        "dall-e-3",
        "dall-e-2",
    }


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_name_is_bought_from_its_successor(world: World, name: str) -> None:
    model = OPENAI.models[name]
    successor = model.successor
    assert successor
    job_id = world.api.accepted(model=name, size="1024x1024", quality=model.rules.parameters["quality"].values[-1])
    world.jobs.work()
    job = world.api.job(job_id)
    (call,) = world.simulator.calls()
    assert (job["status"], call["model"]) == ("succeeded", successor.model)
    assert job["easel"]["requested"]["model"] == name
    assert job["easel"]["applied"]["model"] == successor.model
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["model_translated"]
    assert job["easel"]["cost"]["actual_micro_usd"] == call["charged_micro_usd"]


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_name_is_quoted_as_its_successor(world: World, name: str) -> None:
    successor = OPENAI.models[name].successor
    assert successor
    body = {"prompt": "an otter", "size": "1024x1024"}
    quoted = world.api.call("POST", "/images/quote", body | {"model": name}).json()
    assert quoted["model"] == successor.model
    if not successor.defaults:
        same = world.api.call("POST", "/images/quote", body | {"model": successor.model}).json()
        assert quoted["upper_bound_micro_usd"] == same["upper_bound_micro_usd"]


@pytest.mark.parametrize("name", ["gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest"])
def test_a_key_for_a_retired_name_alone_says_what_to_allow_instead(world: World, name: str) -> None:
    successor = OPENAI.models[name].successor
    assert successor
    key, _ = keys.create(world.stack, "old", None, [name], [])
    answer = world.api.call("POST", "/images/generations", {"model": name, "prompt": "an otter"}, key=key)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (403, "model_not_allowed")
    assert successor.model in error["message"]
