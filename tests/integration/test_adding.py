"""The pages about adding a model and a provider, followed to the letter in a deployment."""

import base64
import copy
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import core.providers
from core import aws as clients
from core import catalog
from local.simulator import Simulator
from tests.integration.conftest import OwnProviders
from tests.support.internet import Internet, Reply
from tests.support.moved_time import Clock
from tests.support.pages import Fence, file_in
from tests.support.permissions import statements_of
from tests.support.pictures import picture
from tests.support.template import TEMPLATE, read
from tests.support.world import World, deployed

MODEL_PAGE, PROVIDER_PAGE = "adding-a-model.md", "adding-a-provider.md"
SECRET = "easel/atelier"  # Secrets Manager takes a name for an ARN.


@contextmanager
def with_data(tmp_path: Path, *added: Fence) -> Iterator[None]:
    """The catalog's data with files of a page merged into its files."""
    for path in catalog.DATA.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    for each in added:
        file = tmp_path / Path(each.file).name
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(merged(before, json.loads(each.text))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "DATA", tmp_path)
        forget()
        yield
    forget()


def forget() -> None:
    catalog.load.cache_clear()
    catalog._known.cache_clear()


def merged(base: Any, added: Any) -> Any:
    """A document with another one merged into it. A list gets what it does not have."""
    if isinstance(base, dict) and isinstance(added, dict):
        return base | {name: merged(base[name], each) if name in base else each for name, each in added.items()}
    if isinstance(base, list) and isinstance(added, list):
        result = list(base)
        for index, each in enumerate(added):
            if isinstance(each, dict) and "PolicyName" in each:
                at = next(at for at, policy in enumerate(base) if policy["PolicyName"] == each["PolicyName"])
                result[at] = merged(base[at], each)
            elif isinstance(each, list):
                result[index] = merged(base[index], each)
            elif each not in base:
                result.append(each)
        return result
    return added


def request(world: World, model: str, **body: Any) -> Any:
    return world.api.call("POST", "/images/quote", {"model": model, "prompt": "an otter"} | body).json()


def test_a_model_of_a_known_family_is_one_line(world: World, tmp_path: Path) -> None:
    with with_data(tmp_path, file_in(MODEL_PAGE, "A model with rules that Easel knows")):
        world.restart()
        assert world.api.call("GET", "/models").json()["data"][0]["id"] == "gpt-image-2.7-flare"
        like = request(world, "gpt-image-2.6-flare", size="1024x1024", quality="low")
        quoted = request(world, "gpt-image-2.7-flare", size="1024x1024", quality="low")
        assert quoted["upper_bound_micro_usd"] == like["upper_bound_micro_usd"]
        assert quoted["easel"]["warnings"] == []


def test_a_model_with_rules_of_its_own_is_a_family_and_a_line(world: World, tmp_path: Path) -> None:
    with with_data(tmp_path, file_in(MODEL_PAGE, "A model with rules of its own")):
        world.restart()
        quoted = request(world, "gpt-image-3", size="2048x2048", quality="high")
        assert quoted["quote_micro_usd"] == pytest.approx(4800 * 20, rel=0.01)
        refused = {"n": 5, "size": "1536x1024", "quality": "medium", "output_format": "gif", "style": "vivid"}
        for name, value in refused.items():
            assert request(world, "gpt-image-3", **{name: value})["error"]["param"] == name


def test_a_model_that_ends_is_translated_from_its_day_on(world: World, clock: Clock, tmp_path: Path) -> None:
    with with_data(tmp_path, file_in(MODEL_PAGE, "A model that ends")):
        world.restart()
        assert request(world, "gpt-image-2")["easel"]["warnings"][0]["code"] == "model_retiring"
        clock.forward((date(2027, 4, 22) - date.today()).days * 86_400)
        translated = request(world, "gpt-image-2")
        assert translated["model"] == "gpt-image-2.5-flare"
        assert translated["easel"]["warnings"][0]["code"] == "model_translated"


def test_a_model_without_a_new_version_is_the_operators_data(world: World, own_providers: OwnProviders) -> None:
    own_providers(**json.loads(file_in(MODEL_PAGE, "Without a new version of Easel").text))
    quoted = request(world, "gpt-image-4", size="2048x1024", quality="xhigh")
    assert (quoted["model"], quoted["upper_bound_micro_usd"]) == ("gpt-image-4", 60_000)


@pytest.fixture
def with_atelier(simulator: Simulator, tmp_path: Path) -> Iterator[World]:
    """A deployment into which the page was followed: its data, its module, and what it adds to the template."""
    data, module, settings = (file_in(PROVIDER_PAGE, name) for name in ("The data", "The adapter", "The settings"))
    modules = tmp_path / "providers"
    modules.mkdir()
    (modules / Path(module.file).name).write_text(module.text)
    template = merged(copy.deepcopy(TEMPLATE), read(settings.text))
    with with_data(tmp_path, data), pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.providers, "__path__", [*core.providers.__path__, str(modules)])
        for name, each in template.items():
            patch.setitem(TEMPLATE, name, each)
        statements_of.cache_clear()
        variables = variables_of(template, {"AtelierSecretArn": SECRET})
        for name, value in variables.items():
            patch.setenv(name, value)
        with deployed(simulator) as world:
            patch.setenv("EASEL_PROVIDERS", variables["EASEL_PROVIDERS"])
            clients.secretsmanager().create_secret(Name=SECRET, SecretString="at-key")
            world.restart()
            yield world
    statements_of.cache_clear()
    sys.modules.pop("core.providers.atelier", None)


def variables_of(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """The variables that CloudFormation would set for these parameters and the conditions that they fulfil."""
    names = template["Globals"]["Function"]["Environment"]["Variables"]["EASEL_PROVIDERS"]["Fn::Join"][1]
    met = {name for name, rule in template["Conditions"].items() if any(each in str(rule) for each in parameters)}
    found = {"EASEL_PROVIDERS": " ".join(each["Fn::If"][1] for each in names if each["Fn::If"][0] in met)}
    variables = template["Resources"]["WorkerFunction"]["Properties"]["Environment"]["Variables"]
    return found | {
        name: parameters[value["Ref"]] for name, value in variables.items() if value.get("Ref") in parameters
    }


ATELIER = "https://api.atelier.example/v1/pictures"
WISH = {"prompt": "an otter", "size": "1216x832", "options": {"seed": 7}}


def test_a_provider_is_one_module_its_data_and_its_settings(with_atelier: World, internet: Internet) -> None:
    world = with_atelier
    (listed,) = world.api.call("GET", "/models").json()["data"]
    assert (listed["id"], listed["owned_by"]) == ("atelier-one", "atelier")
    sold = base64.b64encode(picture(size=(1024, 1024))).decode()
    internet.post(ATELIER, Reply.of(json={"picture": sold}))
    answer = world.api.call("POST", "/images/generations", WISH, headers={"prefer": "respond-async"})
    world.jobs.work()
    job = world.api.job(answer.json()["id"])
    assert job["status"] == "succeeded", job
    assert job["easel"]["cost"]["actual_micro_usd"] == 20_000
    assert job["easel"]["applied"] == {"model": "atelier-one", "size": "1216x832", "options": {"seed": 7}}
    (image,) = job["result"]["data"]
    assert (image["width"], image["content_type"]) == (1024, "image/png")
    assert internet.last.headers["Authorization"] == "Bearer at-key"
    assert internet.last.json() == {"model": "one-2026-11", "text": "an otter", "seed": 7, "ratio": "3:2"}


@pytest.mark.parametrize("wish", [{"n": 2}, {"size": "1024x768"}, {"quality": "low"}, {"options": {"steps": 3}}])
def test_what_the_data_does_not_have_is_refused_before_it_costs(with_atelier: World, wish: dict[str, Any]) -> None:
    answer = with_atelier.api.call("POST", "/images/generations", WISH | wish)
    assert (answer.status, answer.json()["error"]["charged"]) == (400, False)


@pytest.mark.parametrize(
    ("status", "ends", "code"),
    [
        (400, "failed", "provider_rejected"),
        (401, "failed", "provider_authentication_failed"),
        (404, "failed", "model_not_found"),
        (429, "queued", None),
        (503, "queued", None),
        (500, "unknown", "outcome_unknown"),
    ],
)
def test_its_errors_mean_what_the_page_says(
    with_atelier: World, internet: Internet, status: int, ends: str, code: str | None
) -> None:
    world = with_atelier
    internet.post(ATELIER, Reply.of(status, json={"reason": "no"}))
    answer = world.api.call("POST", "/images/generations", WISH, headers={"prefer": "respond-async"})
    world.jobs.work()
    job = world.api.job(answer.json()["id"])
    assert (job["status"], (job.get("error") or {}).get("code")) == (ends, code)
