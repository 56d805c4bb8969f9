"""The operator's own providers: what their file can say, and each way in which it can be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.catalog import Catalog, operator
from core.catalog.operator import OperatorFileError, rows_of
from core.pricing import quote
from core.requests import Request
from local.before_deploy import check_own_providers

AZURE: dict[str, Any] = {
    "adapter": "openai",
    "base_url": "https://studio.openai.azure.com/openai/v1",
    "secret_arn": "arn:aws:secretsmanager:us-west-2:123456789012:secret:azure",
    "models": {"studio-2": {"like": "gpt-image-2", "sent_as": "my-deployment"}},
}
HOME: dict[str, Any] = {
    "adapter": "openai",
    "base_url": "http://127.0.0.1:8000/v1",
    "leave_out": ["moderation", "background"],
    "models": {
        "flux-1": {
            "sizes": ["512x512", "1024x1024"],
            "micro_usd_per_image": 0,
            "parameters": {"quality": {"values": ["low", "high"]}},
        }
    },
}


def known() -> Catalog:
    return catalog.load("openai gemini bedrock")


def written(folder: Path, document: Any) -> Path:
    path = folder / "providers.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def catalog_of(folder: Path, document: Any) -> Catalog:
    return Catalog.of({**known().providers, **rows_of(written(folder, document), known)})


def changed(provider: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A provider whose only model says these things, too."""
    ((name, model),) = provider["models"].items()
    return {"mine": provider | {"models": {name: model | changes}}}


def test_a_model_like_another_has_its_rules_its_price_and_a_name_of_its_own(tmp_path: Path) -> None:
    found = catalog_of(tmp_path, {"azure": AZURE})
    model = found.find("studio-2")
    assert model
    assert (model.provider, model.sent_as) == ("azure", "my-deployment")
    assert model.rules == found.models["gpt-image-2"].rules
    assert found.find("azure/studio-2") == model
    assert found.default_model == known().default_model


@pytest.mark.parametrize("unknown", ["stream", "partial_images"])
def test_a_server_that_cannot_stream_has_no_partial_images(tmp_path: Path, unknown: str) -> None:
    model = catalog_of(tmp_path, {"azure": AZURE | {"leave_out": [unknown]}}).find("studio-2")
    assert model
    assert "partial_images" not in model.rules.parameters
    assert "quality" in model.rules.parameters


def test_a_name_that_two_have_is_that_of_easels_own(tmp_path: Path) -> None:
    found = catalog_of(tmp_path, {"azure": AZURE | {"models": {"gpt-image-2": {"like": "gpt-image-2"}}}})
    theirs, first = found.find("azure/gpt-image-2"), found.find("gpt-image-2")
    assert theirs
    assert first
    assert (theirs.provider, theirs.sent_as, first.provider) == ("azure", "gpt-image-2", "openai")


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"n_max": 1}, "n_max", 1),
        ({"prompt_max": 100}, "prompt_max", 100),
        ({"parameters": {}}, "parameters", {}),
        ({"sizes": ["1024x1024"]}, "size.listed", ("1024x1024",)),
        ({"inputs": None}, "operations", ("generation",)),
    ],
)
def test_what_is_given_replaces_what_the_other_model_has(
    tmp_path: Path, changes: dict[str, Any], field: str, value: Any
) -> None:
    model = catalog_of(tmp_path, changed(AZURE, **changes)).find("studio-2")
    assert model
    found: Any = model.rules
    for name in field.split("."):
        found = getattr(found, name)
    assert found == value
    quote(Request("generation", "x", "studio-2", {"size": "1024x1024"}, {}), model.rules, 0)


@pytest.mark.parametrize("like", ["gpt-image-2", "dall-e-3"])
@pytest.mark.parametrize("price", [0, 40_000])
def test_a_price_per_image_replaces_any_other(tmp_path: Path, like: str, price: int) -> None:
    model = catalog_of(tmp_path, changed(AZURE, like=like, micro_usd_per_image=price)).find("studio-2")
    assert model
    quoted = quote(Request("generation", "x", "studio-2", {"n": 1}, {}), model.rules, 0)
    assert (quoted.expected, quoted.upper_bound) == (price, price)


def test_a_model_can_be_described(tmp_path: Path) -> None:
    model = catalog_of(tmp_path, {"home": HOME}).find("flux-1")
    assert model
    assert model.rules.operations == ("generation",)
    assert model.rules.size
    assert model.rules.size.listed == ("512x512", "1024x1024")
    assert quote(Request("generation", "x", "flux-1", {"n": 1}, {}), model.rules, 0).upper_bound == 0


def without(provider: dict[str, Any], name: str) -> dict[str, Any]:
    return {"mine": {key: value for key, value in provider.items() if key != name}}


WRONG = [
    ("{", "not JSON"),
    ("[]", "must be an object"),
    ({"Mine": AZURE}, "Mine"),
    ({"openai": AZURE}, "openai: this is the name of a provider that Easel knows"),
    ({"mine": AZURE | {"adapter": "fal"}}, "adapter: must be one of openai, gemini, bedrock"),
    ({"mine": AZURE | {"region": "x"}}, "mine.region: is unknown"),
    (without(AZURE, "adapter"), "mine.adapter: is missing"),
    (without(AZURE, "base_url"), "mine.base_url: is missing"),
    (without(AZURE, "models"), "mine.models: is missing"),
    ({"mine": AZURE | {"models": {}}}, "mine.models: must have at least 1 entry"),
    ({"mine": AZURE | {"models": {"Studio 2": {"like": "gpt-image-2"}}}}, "must match"),
    ({"mine": AZURE | {"default_model": "none"}}, "mine: .*no default model none"),
    (changed(AZURE, like="gpt-image-none"), "mine: models.studio-2: like: Easel knows no model 'gpt-image-none'"),
    (changed(AZURE, like="none"), "Easel knows no model 'none'"),
    (changed(AZURE, price=1), "studio-2.price: is unknown"),
    (changed(AZURE, micro_usd_per_image=-1), "must be at least 0"),
    (changed(AZURE, micro_usd_per_image=0.5), "micro_usd_per_image: must be an integer"),
    (changed(AZURE, sizes=["big"]), r"sizes\[0\]: must match"),
    (changed(AZURE, n_max=0), "n_max: must be at least 1"),
    (changed(AZURE, retired_on="soon"), "retired_on"),
    (changed(AZURE, like="dall-e-3", prices={"as_of": "2026-11-27", "source": "x"}), "tokens or by image"),
    (changed(AZURE, like="gemini-3-pro-image", sizes=["1024x1024"]), "sizes: those of 'gemini-3-pro-image'"),
    (changed(HOME, sizes=[]), "a model needs 'like', or 'sizes' and 'micro_usd_per_image'"),
    (changed(HOME, micro_usd_per_image=None), "a model needs 'like', or 'sizes' and 'micro_usd_per_image'"),
    ({"mine": HOME | {"adapter": "gemini"}}, "like: must be a model of gemini"),
    ({"mine": AZURE | {"adapter": "gemini"}}, "like: must be a model of gemini"),
]


@pytest.mark.parametrize(("document", "complaint"), WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, document: Any, complaint: str) -> None:
    with pytest.raises(OperatorFileError, match=complaint) as refusal:
        catalog_of(tmp_path, document)
    said = str(refusal.value)
    assert said.startswith("providers.json is not valid: ")
    assert "\n" not in said
    assert "secretsmanager" not in said


@pytest.mark.parametrize(
    ("provider", "complaint"),
    [
        (AZURE | {"base_url": "http://studio.openai.azure.com"}, "BASE_URL: .*https"),
        (AZURE | {"base_url": "studio.openai.azure.com"}, "BASE_URL: .*https"),
        (AZURE | {"adapter": "bedrock", "models": {"core": {"like": "stable-image-core"}}}, "REGION: is missing"),
        (
            AZURE | {"adapter": "gemini", "secret_arn": "", "models": {"g": {"like": "gemini-3-pro-image"}}},
            "SECRET_ARN",
        ),
    ],
)
def test_what_could_not_be_called_is_not_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: dict[str, Any], complaint: str
) -> None:
    monkeypatch.setattr(operator, "FILE", written(tmp_path, {"mine": provider}))
    catalog.load.cache_clear()
    try:
        with pytest.raises(OperatorFileError, match=f"providers.json is not valid: mine: .*{complaint}"):
            check_own_providers()
    finally:
        catalog.load.cache_clear()


def test_the_file_of_the_repository_is_valid() -> None:
    check_own_providers()
