"""Which objects of the inbox belong together, and where results go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drops.naming import (
    image_names,
    is_hidden,
    is_unfinished,
    recipes_above,
    resolve,
    result_folders,
    sidecars_of,
    stem_of,
)

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=1024).filter(lambda key: len(key.encode()) <= 1024)


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("team/photo.png", "team/photo"),
        ("photo.v2.jpeg", "photo.v2"),
        ("team.d/photo", "team.d/photo"),
        ("team/.png", "team/.png"),
        ("Dr. Smith at work", "Dr. Smith at work"),
    ],
)
def test_the_extension_is_what_one_takes_for_it(key: str, stem: str) -> None:
    assert stem_of(key) == stem


@pytest.mark.parametrize(
    "key",
    [
        "photo.png",
        "a.party.png",
        "template.png",
        "temp/photo.png",
        "part.png",
        "photo.part1.png",
        "tmp",
        "download.png",
        "my.download/photo.png",
        "lock.jpg",
        "photo~1.png",
        "a/./photo.png",
        "a/../photo.png",
        "a/..",
        "a//photo.png",
        "no-extension",
        "#1.png",
        "xmp",
    ],
)
def test_a_name_that_only_looks_unfinished_or_hidden_is_a_drop(key: str) -> None:
    assert not is_unfinished(key)
    assert not is_hidden(key)


def test_sidecars_stand_beside_their_image() -> None:
    assert sidecars_of("team/photo.png") == ["team/photo.png.json", "team/photo.json"]
    assert sidecars_of("team/photo") == ["team/photo.json"]


def test_recipes_are_looked_for_from_the_folder_up_to_the_root() -> None:
    assert list(recipes_above("a/b/c.png")) == ["a/b/recipe.json", "a/recipe.json", "recipe.json"]
    assert list(recipes_above("c.png")) == ["recipe.json"]


def test_a_key_in_a_recipe_starts_at_the_root_or_at_its_folder() -> None:
    assert resolve("masks/m.png", "a/recipe.json") == "masks/m.png"
    assert resolve("./m.png", "a/recipe.json") == "a/m.png"
    assert resolve("./m.png", "recipe.json") == "m.png"


def test_results_are_called_as_their_drop() -> None:
    assert result_folders("team/photo.png")[:2] == ["drops/team/photo/", "drops/team/photo.png/"]
    assert image_names("team/photo.png", ["webp"]) == ["photo.webp"]
    assert image_names("team/photo.png", ["png", "png"]) == ["photo-1.png", "photo-2.png"]


@given(KEYS)
def test_whatever_the_key_results_have_a_place_under_drops(key: str) -> None:
    for folder in result_folders(key):
        (name,) = image_names(key, ["webp"])
        assert folder.startswith("drops/")
        assert len(f"{folder}{name}".encode()) <= 1024


@given(KEYS, KEYS)
def test_two_keys_always_have_a_folder_that_the_other_does_not_use_last(first: str, second: str) -> None:
    if first != second:
        assert result_folders(first)[-1] != result_folders(second)[-1]
