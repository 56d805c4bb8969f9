"""Arguments of tools as models and hosts really write them: what is certain is taken, what is not is refused."""

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import InvalidRequest
from interfaces.mcp_server.arguments import Arguments, CreateUpload, Edit, Generate, GetJob, ListImages, Quote
from interfaces.mcp_server.tools import TOOLS

IMAGE, OTHER, FILE, JOB = (
    f"{kind}_{digit * 32}" for kind, digit in (("img", "a"), ("img", "b"), ("file", "c"), ("job", "d"))
)
LINK = f"https://images.example.com/v1/i/{IMAGE}"


def taken(tool: type[Arguments], /, **arguments: Any) -> dict[str, Any]:
    """What a tool makes of the arguments, without the prompt and what it adds itself."""
    read = tool.read({"prompt": "a cat"} | arguments if "prompt" in tool.model_fields else arguments)
    return read.model_dump(exclude_unset=True, exclude={"prompt"})


EMPTY: tuple[Any, ...] = (None, "", "  ", [], {}, "null", "undefined", [""], [None])


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
def test_an_empty_optional_argument_is_absent_whatever_it_is_for(empty: Any) -> None:
    for tool in TOOLS.values():
        required = {name: "x" for name, field in tool.takes.model_fields.items() if field.is_required()}
        valid = required | {"job_id": JOB, "content_type": "image/png"}
        given = {name: valid[name] if name in required else empty for name in tool.takes.model_fields}
        assert tool.takes.read(given) == tool.takes.read({name: valid[name] for name in required}), tool.name
        assert tool.takes.read({name: valid[name] for name in required} | {"unknown": empty}), tool.name


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
def test_an_empty_required_argument_is_missing(empty: Any) -> None:
    for tool, given in ((Generate, {"prompt": empty}), (GetJob, {"job_id": empty})):
        with pytest.raises(ValidationError) as refused:
            tool.read(given)
        assert [fault["type"] for fault in refused.value.errors()] == ["missing"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"quality": "HIGH"}, {"quality": "high"}),
        ({"quality": " X-High "}, {"quality": "xhigh"}),
        ({"quality": ["low"]}, {"quality": "low"}),
        ({"output_format": "PNG"}, {"output_format": "png"}),
        ({"output_format": "jpg"}, {"output_format": "jpeg"}),
        ({"output_format": ".JPG"}, {"output_format": "jpeg"}),
        ({"output_format": "image/webp"}, {"output_format": "webp"}),
        ({"format": "webp"}, {"output_format": "webp"}),
        ({"outputFormat": "webp"}, {"output_format": "webp"}),
        ({"Output-Compression": "80"}, {"output_compression": 80}),
        ({"size": "1024 x 1024"}, {"size": "1024x1024"}),
        ({"size": "1024\u00d71536"}, {"size": "1024x1536"}),
        ({"size": "1024X1536"}, {"size": "1024x1536"}),
        ({"size": "1024*1536px"}, {"size": "1024x1536"}),
        ({"size": "1024 by 1536"}, {"size": "1024x1536"}),
        ({"size": {"width": 1024, "height": 1536}}, {"size": "1024x1536"}),
        ({"size": "AUTO"}, {"size": "auto"}),
        ({"n": "2"}, {"n": 2}),
        ({"n": 2.0}, {"n": 2}),
        ({"n": "2.0"}, {"n": 2}),
        ({"num_images": 2}, {"n": 2}),
        ({"numberOfImages": "2"}, {"n": 2}),
        ({"wait_seconds": "0"}, {"wait_seconds": 0}),
        ({"preview": "False"}, {"preview": False}),
        ({"preview": 0}, {"preview": False}),
        ({"preview": "yes"}, {"preview": True}),
        ({"request_id": 7}, {"request_id": "7"}),
        (
            {"svg": '{"model": "gpt-5", "reasoning": {"effort": "low"}}'},
            {"svg": {"model": "gpt-5", "reasoning": {"effort": "low"}}},
        ),
        ({"svg": {"model": "gpt-5", "reasoning": None}}, {"svg": {"model": "gpt-5"}}),
    ],
    ids=repr,
)
def test_a_setting_in_a_neighbouring_form_is_taken(given: dict[str, Any], meant: dict[str, Any]) -> None:
    assert taken(Generate, **given) == meant
    assert taken(Edit, **given) == meant


@pytest.mark.parametrize(
    "given",
    [
        {"images": [IMAGE, OTHER]},
        {"images": f'["{IMAGE}", "{OTHER}"]'},
        {"images": f"['{IMAGE}', '{OTHER}']"},
        {"images": f"{IMAGE}, {OTHER}"},
        {"images": f"{IMAGE} {OTHER}"},
        {"images": f"{IMAGE}\n{OTHER}\n"},
        {"image": [IMAGE, OTHER]},
        {"Images": [IMAGE, "", OTHER, None]},
        {"imageIds": [IMAGE, OTHER]},
        {"image_urls": [IMAGE, OTHER]},
        {"input_images": [IMAGE, OTHER]},
        {"reference_images": [IMAGE, OTHER]},
        {"images": [{"id": IMAGE, "url": LINK, "width": 1024}, {"id": OTHER}]},
        {"images": [{"file_id": IMAGE}, {"image_url": {"url": OTHER}}]},
        {"images": [{"type": "resource_link", "uri": IMAGE}, f'{{"id": "{OTHER}"}}']},
        {"image": "", "images": [IMAGE, OTHER]},
    ],
    ids=repr,
)
def test_images_are_named_in_any_usual_way(given: dict[str, Any]) -> None:
    assert taken(Edit, **given) == {"images": [IMAGE, OTHER]}
    assert taken(Quote, **given) == {"images": [IMAGE, OTHER]}


@pytest.mark.parametrize(
    "one",
    [
        IMAGE,
        FILE,
        LINK,
        f"{LINK}.png?a=1,2",
        f"easel://images/{IMAGE}",
        "data:image/png;base64,AAAA",
        "https://a.example/x,y.png",
    ],
)
def test_one_image_need_not_be_in_a_list_and_is_not_cut_at_its_commas(one: str) -> None:
    for form in (one, [one], f'["{one}"]', {"url": one}):
        assert taken(Edit, images=form) == {"images": [one]}
        assert taken(Edit, mask=form) == {"mask": one}


def test_image_data_is_taken_as_text_list_and_image_content() -> None:
    for form in ("AAAA", ["AAAA"], {"type": "image", "data": "AAAA", "mimeType": "image/png"}):
        assert taken(Edit, image_data=form) == {"image_data": ["AAAA"]}


def test_ids_are_taken_with_spaces_around_them_and_under_their_short_name() -> None:
    for given in (
        {"job_id": f" {JOB}\n"},
        {"jobId": JOB},
        {"id": JOB},
        {"job": JOB},
        {"job_id": {"job_id": JOB}},
        {"job_id": [JOB]},
    ):
        assert taken(GetJob, **given) == {"job_id": JOB}
    for name in (IMAGE, f"{IMAGE}.png", f"easel://images/{IMAGE}", LINK, f"{LINK}.webp"):
        assert taken(ListImages, after=name) == {"after": IMAGE}
    for media_type in ("image/png", "PNG", ".png", "Image/PNG"):
        assert taken(CreateUpload, content_type=media_type) == {"content_type": "image/png"}


@pytest.mark.parametrize("wrapper", ["arguments", "args", "kwargs", "input", "params"])
def test_arguments_are_taken_out_of_a_wrapper(wrapper: str) -> None:
    for wrapped in ({"prompt": "a cat", "n": 2}, '{"prompt": "a cat", "n": 2}'):
        assert Generate.read({wrapper: wrapped}) == Generate.read({"prompt": "a cat", "n": 2})


def test_a_quote_takes_what_the_purchase_takes() -> None:
    bought = {"size": "1024x1024", "request_id": "mine", "wait_seconds": 5, "preview": "no", "deadline_seconds": 60}
    assert taken(Quote, **bought) == {"size": "1024x1024"}


def test_what_a_host_adds_to_every_call_is_no_argument() -> None:
    added = {"toolCallId": "call_1", "sessionId": "1", "action": "sendMessage", "chatInput": "draw", "tool": "Easel"}
    assert taken(Generate, n=2, **added) == {"n": 2}


@pytest.mark.parametrize(
    "given",
    [
        {"n": True},
        {"n": 1.5},
        {"n": "two"},
        {"n": [1, 2]},
        {"quality": "best"},
        {"quality": 3},
        {"size": "large"},
        {"size": 1024},
        {"preview": "maybe"},
        {"svg": "gpt-5"},
        {"svg": '["gpt-5"]'},
        {"prompt": ["a cat", "a dog"]},
        {"background": "none"},
        {"compression": 10},
    ],
    ids=repr,
)
def test_what_could_mean_two_things_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Generate.read({"prompt": "a cat"} | given)


def test_an_argument_is_not_given_under_two_names() -> None:
    with pytest.raises(InvalidRequest, match="'images' is given twice"):
        Edit.read({"prompt": "a cat", "image": IMAGE, "images": [OTHER]})


def test_a_prompt_is_taken_as_it_is() -> None:
    for prompt in (" two  spaces, and a comma ", '{"id": "img_1", "url": "a cat"}', '["a cat"]', "HIGH"):
        assert Generate.read({"prompt": prompt}).prompt == prompt


@pytest.mark.parametrize("unit", ["a ", "img_ ", "'", ";", "\u00d7", "- ", " ", "px"])
def test_long_texts_cost_no_more_than_a_few_copies_of_them(unit: str) -> None:
    text = unit * (2_000_000 // len(unit))
    for name in (*Edit.model_fields, text):
        tracemalloc.start()
        with suppress(ValidationError, InvalidRequest):
            Edit.read({"prompt": "a cat", name: text})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 15_000_000, name[:30]
