"""An edit's form means the same however a form library writes its lists, its nested fields and what was left out."""

from typing import Any

import pytest

from core.errors import InvalidRequest
from core.requests.bodies import ImageRequest, edit_of_form, edit_of_json
from tests.unit.images.pictures import picture

FIRST, SECOND = "img_" + "1" * 32, "img_" + "2" * 32
PNG = picture()


def sources(asked: ImageRequest) -> list[str | bytes | None]:
    return [image.reference or image.data for image in asked.images]


@pytest.mark.parametrize(
    "names",
    [
        ("image", "image"),  # curl, Go, OpenAI's older SDKs
        ("image[]", "image[]"),  # OpenAI's SDKs, PHP, Rails
        ("image[0]", "image[1]"),  # PHP's http_build_query and qs
        ("images", "images"),
        ("images[]", "images[]"),
        ("images[0]", "images[1]"),
        ("images.0", "images.1"),  # axios with dots
        ("images[][file_id]", "images[][file_id]"),  # Rails
        ("images[0][file_id]", "images[1][file_id]"),  # http_build_query, qs
        ("images[0].file_id", "images[1].file_id"),  # .NET and Spring
        ("images.0.file_id", "images.1.file_id"),
        ("images[0][image_url]", "images[1][image_url]"),
    ],
)
def test_a_list_of_images_is_read_in_every_notation(names: tuple[str, str]) -> None:
    texts = edit_of_form([("prompt", "a hat"), (names[0], FIRST), (names[1], SECOND)])
    assert sources(texts) == [FIRST, SECOND]
    files = edit_of_form([(names[0], PNG), (names[1], b"other"), ("prompt", "a hat")])
    assert sources(files) == [PNG, b"other"]


def test_positions_decide_where_a_language_sends_fields_in_any_order() -> None:
    assert sources(edit_of_form([("images[10]", PNG), ("images[2]", SECOND), ("images[0]", FIRST)])) == [
        FIRST,
        SECOND,
        PNG,
    ]


def test_files_and_references_keep_the_order_of_the_form() -> None:
    assert sources(edit_of_form([("image[]", FIRST), ("image[]", PNG), ("image[]", SECOND)])) == [FIRST, PNG, SECOND]


@pytest.mark.parametrize("name", ["mask", "mask[]", "mask[0]", "mask[file_id]", "mask.file_id"])
def test_a_single_image_is_read_in_every_notation(name: str) -> None:
    asked = edit_of_form([("image", PNG), (name, FIRST)])
    assert asked.mask is not None
    assert asked.mask.reference == FIRST


@pytest.mark.parametrize("name", ["svg[reasoning][effort]", "svg.reasoning.effort", "svg[reasoning].effort"])
def test_nested_fields_are_read_in_every_notation(name: str) -> None:
    asked = edit_of_form([("svg[model]", "gpt-5.6"), (name, "low")])
    assert asked.parameters["svg"] == {"model": "gpt-5.6", "reasoning": {"effort": "low"}}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("n", "2", 2),
        ("n[]", "2", 2),
        ("output_compression", "50", 50),
        ("stream", "false", False),
        ("stream", "False", False),  # Python
        ("stream", "0", False),  # PHP
        ("stream", "TRUE", True),
        ("stream", "1", True),
    ],
)
def test_numbers_and_booleans_are_read_as_languages_write_them(field: str, text: str, value: Any) -> None:
    asked = edit_of_form([("image", PNG), (field, text)])
    if field == "stream":
        assert (asked.stream, asked.parameters) == (value, {})
    else:
        assert asked.parameters == {field.removesuffix("[]"): value}


def test_empty_texts_are_absent() -> None:
    every = ["model", "n", "size", "quality", "background", "output_format", "output_compression", "moderation", "user"]
    every += ["input_fidelity", "stream", "partial_images", "response_format", "svg[model]", "svg[reasoning][effort]"]
    every += ["mask", "markup", "image", "image[]", "easel_deadline", "unheard_of"]
    asked = edit_of_form([("image", PNG), ("prompt", "a hat"), *((name, "") for name in every)])
    assert asked == edit_of_form([("image", PNG), ("prompt", "a hat")])


def test_a_text_may_come_as_a_file() -> None:
    """As Python's requests sends all that is given to it in `files`."""
    asked = edit_of_form([("image", PNG), ("prompt", "ein Hut für Ünal".encode()), ("n", b"2"), ("size", b"")])
    assert asked.parameters == {"prompt": "ein Hut für Ünal", "n": 2}


@pytest.mark.parametrize(
    ("part", "param", "code"),
    [
        (("photo", PNG), "photo", "unknown_parameter"),
        (("colour", "red"), "colour", "unknown_parameter"),
        (("image[front]", PNG), "image[front]", "unknown_parameter"),
        (("images[0][url][x]", FIRST), "images[0][url][x]", "unknown_parameter"),
        (("prompt", PNG), "prompt", "invalid_value"),
        (("mask[1]", FIRST), "mask[1]", "duplicate_parameter"),
        (("size[]", "1024x1024"), "size[]", "duplicate_parameter"),
        (("n[0]", "2"), "n", "invalid_type"),
        (("[]", "2"), None, "invalid_multipart"),
    ],
)
def test_what_no_library_means_is_refused_by_name(part: tuple[str, str | bytes], param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        edit_of_form([("image", PNG), ("mask", SECOND), ("size", "auto"), part])
    assert (refused.value.problem.param, refused.value.problem.code) == (param, code)


def test_errors_about_references_in_json_name_the_field() -> None:
    asked = edit_of_json(
        {"images": [{"file_id": FIRST}, {"image_url": "https://a.example/b.png"}], "mask": {"file_id": SECOND}}
    )
    assert [source.param for source in asked.sources] == ["images[0].file_id", "images[1].image_url", "mask.file_id"]
