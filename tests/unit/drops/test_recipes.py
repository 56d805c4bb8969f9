"""Recipes: what metadata and JSON files may say, and that the published schema says the same."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core.drops.recipes import METADATA, Recipe, of_json, of_metadata
from core.errors import InvalidRequest
from openapi.recipes import recipe_schema

SCHEMA = Draft202012Validator(recipe_schema())
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(prompt=TEXT, keys=st.lists(TEXT, min_size=1, max_size=3), n=st.integers(1, 10))
def test_percent_encoded_metadata_says_the_same_as_json(prompt: str, keys: list[str], n: int) -> None:
    document = {"prompt": prompt, "references": keys, "n": n, "svg": {"model": prompt}}
    metadata = {
        "prompt": quote(prompt),
        "References": ",".join(quote(key, safe="") for key in keys),
        "n": str(n),
        "svg": quote(json.dumps({"model": prompt})),
        "mtime": "1795348800",
    }
    assert of_metadata(metadata) == of_json(json.dumps(document).encode(), "recipe.json")


def test_text_that_s3_hands_back_by_rfc_2047_is_read() -> None:
    recipe = of_metadata({"prompt": "=?UTF-8?Q?gr=C3=BCn?="})
    assert recipe is not None
    assert recipe.prompt == "grün"


@pytest.mark.parametrize("text", ["100% wool", "a + b", "=?half", "50 %", "=?no-charset?Q?x?="])
def test_text_that_only_looks_encoded_stays_as_it_is(text: str) -> None:
    recipe = of_metadata({"prompt": text})
    assert recipe is not None
    assert recipe.prompt == text


def test_metadata_of_others_is_no_recipe() -> None:
    assert of_metadata({"mtime": "1", "mode": "33188", "s3cmd-attrs": "uid:0"}) is None


@given(st.dictionaries(st.text(), st.text()))
def test_no_metadata_breaks_the_reader(metadata: dict[str, str]) -> None:
    try:
        of_metadata(metadata)
    except InvalidRequest as error:
        assert error.problem.code == "invalid_recipe"


@given(st.binary())
def test_no_file_breaks_the_reader(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        of_json(data, "recipe.json")


GOOD: list[dict[str, Any]] = [
    {"prompt": "x"},
    {"prompt": "x", "mask": None},
    {"prompt": "x", "n": 2, "references": ["a.png"], "svg": {"model": "m", "reasoning": {"effort": "low"}}},
    {"material": True},
    {"$schema": "https://example.com/recipe.schema.json", "prompt": "x", "wait_for_sidecar": 900},
]
BAD: list[dict[str, Any]] = [
    {},
    {"prompt": ""},
    {"prompt": "x", "n": "2"},
    {"prompt": "x", "promt": "y"},
    {"prompt": "x", "references": "a.png"},
    {"prompt": "x", "wait_for_sidecar": 901},
    {"prompt": "x", "svg": {"modell": "m"}},
    {"prompt": "x", "stream": True},
    {"material": False},
]


@pytest.mark.parametrize("document", GOOD, ids=json.dumps)
def test_reader_and_schema_take_the_same(document: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(document)
    assert isinstance(of_json(json.dumps(document).encode(), METADATA), Recipe)


@pytest.mark.parametrize("document", BAD, ids=json.dumps)
def test_reader_and_schema_refuse_the_same(document: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(document)
    with pytest.raises(InvalidRequest) as refused:
        of_json(json.dumps(document).encode(), "team/recipe.json")
    assert "team/recipe.json" in str(refused.value)
