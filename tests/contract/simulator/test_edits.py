"""Edits: the two kinds of body, the inputs, masks and markups."""

import base64
from typing import Any

import httpx
import pytest
from PIL import Image

from local.simulator import Simulator
from tests.contract.simulator.samples import picture

RED = (200, 30, 30, 255)
CLEAR = (0, 0, 0, 0)
IMAGE = ("image", picture())
MASK = ("mask", picture(color=CLEAR))
MARKUP = ("markup", picture(color=CLEAR))


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_one_file_and_a_list_of_files(sim: Simulator, edit: Any) -> None:
    assert edit([IMAGE]).status_code == 200
    assert edit([("image[]", picture(kind="JPEG")), ("image[]", picture(kind="WEBP"))]).status_code == 200
    assert [call["input_images"] for call in sim.calls()] == [1, 2]


def test_text_fields_become_typed(edit: Any) -> None:
    response = edit(n="2", output_format="jpeg", output_compression="50", stream="false", moderation="low")
    assert len(response.json()["data"]) == 2
    svg = {"output_format": "svg", "svg[model]": "gpt-5", "svg[reasoning][effort]": "low"}
    assert edit(**svg).json()["svg_usage"]["model"] == "gpt-5"


def test_mask_and_markup_are_taken(edit: Any) -> None:
    assert edit([IMAGE, MASK]).status_code == 200
    assert edit([IMAGE, MARKUP], model="gpt-image-2.5-flare").status_code == 200


REFUSED: list[tuple[list[tuple[str, bytes]], dict[str, str], str | None, str | None]] = [
    ([IMAGE], {"prompt": ""}, "prompt", "empty_string"),
    ([("image[]", picture())] * 17, {}, "image", "array_above_max_length"),
    ([IMAGE, IMAGE], {}, "image", "duplicate_parameter"),
    ([("images", picture())], {}, "images", "unknown_parameter"),
    ([("prompt", b"x"), IMAGE], {}, "prompt", "invalid_type"),
    ([("image", b"")], {}, "image", "empty_image_file"),
    ([("image", b"no picture at all")], {}, "image", "invalid_image_file"),
    ([("image", picture()[:60])], {}, "image", "invalid_image_file"),
    ([("image", picture(kind="GIF"))], {}, "image", "invalid_image_file"),
    ([IMAGE], {"n": "two"}, "n", "invalid_type"),
    ([IMAGE], {"stream": "yes"}, "stream", "invalid_type"),
    ([IMAGE], {"style": "vivid"}, "style", "unknown_parameter"),
    ([IMAGE], {"response_format": "url"}, "response_format", "unknown_parameter"),
    ([IMAGE, ("mask", picture((32, 64), color=CLEAR))], {}, "mask", "invalid_mask_image_format"),
    ([IMAGE, ("mask", picture())], {}, "mask", "invalid_mask_image_format"),
    ([IMAGE, ("mask", picture(kind="WEBP", color=CLEAR))], {}, "mask", "invalid_image_format"),
    ([IMAGE, ("mask", b"x" * (4 << 20))], {}, "mask", "image_file_too_large"),
    ([IMAGE, MASK], {"output_format": "gif"}, "mask", "invalid_value"),
    ([IMAGE, MASK, MARKUP], {}, "markup", "invalid_value"),
    ([IMAGE, MARKUP], {"model": "gpt-image-2"}, "markup", "invalid_value"),
    ([IMAGE, ("markup", picture(color=RED))], {}, "markup", "invalid_markup_image"),
    ([IMAGE, ("markup", picture((32, 32), color=CLEAR))], {}, "markup", "invalid_markup_image"),
]


@pytest.mark.parametrize(("files", "fields", "param", "code"), REFUSED, ids=range(len(REFUSED)))
def test_refused(
    edit: Any, files: list[tuple[str, bytes]], fields: dict[str, str], param: str | None, code: str | None
) -> None:
    response = edit(files, **fields)
    assert response.status_code == 400
    assert (response.json()["error"]["param"], response.json()["error"]["code"]) == (param, code)


def test_an_image_is_required(edit: Any) -> None:
    response = edit([MASK])
    assert response.json()["error"]["code"] == "missing_required_parameter"
    assert response.json()["error"]["param"] == "image"


FIDELITY = [
    ("gpt-image-1-mini", "low", None),
    ("gpt-image-1-mini", "high", "invalid_value"),
    ("gpt-image-1.5", "low", None),
    ("gpt-image-1.5", "high", None),
    ("chatgpt-image-latest", "high", None),
    ("gpt-image-2", "high", "invalid_input_fidelity_model"),
    ("gpt-image-2.5-flare", "low", "invalid_input_fidelity_model"),
    ("gpt-image-2.6-sunburst", "low", "invalid_input_fidelity_model"),
]


@pytest.mark.parametrize(("model", "fidelity", "code"), FIDELITY)
def test_input_fidelity(edit: Any, model: str, fidelity: str, code: str | None) -> None:
    response = edit(model=model, input_fidelity=fidelity)
    assert response.status_code == (400 if code else 200)
    if code:
        assert response.json()["error"]["code"] == code


def test_markup_is_measured_against_the_upright_image(edit: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = picture((64, 32), "JPEG", exif=exif)
    assert edit([("image", lying), ("markup", picture((32, 64), color=CLEAR))]).status_code == 200
    assert edit([("image", lying), ("markup", picture((64, 32), color=CLEAR))]).status_code == 400


def json_edit(sim: Simulator, http: httpx.Client, **changes: Any) -> httpx.Response:
    body = {"model": "gpt-image-2", "prompt": "an otter"} | changes
    return http.post(f"{sim.url}/v1/images/edits", json=body)


def test_json_edits_take_data_urls_and_urls(sim: Simulator, museum: Simulator, http: httpx.Client) -> None:
    old = {"model": "dall-e-2", "prompt": "a boat", "size": "256x256"}
    url = http.post(f"{museum.url}/v1/images/generations", json=old).json()["data"][0]["url"]
    images = [{"image_url": data_url(picture()), "file_id": None}, {"image_url": url}]
    response = json_edit(sim, http, images=images, mask={"image_url": data_url(MASK[1])}, n=None)
    assert response.status_code == 200, response.text
    assert sim.calls()[0]["input_images"] == 2


JSON_REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "images", "missing_required_parameter"),
    ({"images": None}, "images", "missing_required_parameter"),
    ({"images": []}, "images", "empty_array"),
    ({"images": "x"}, "images", "invalid_type"),
    ({"images": ["x"]}, "images[0]", "invalid_type"),
    ({"images": [{}]}, "images[0]", "invalid_value"),
    ({"images": [{"image_url": "x", "file_id": "y"}]}, "images[0]", "invalid_value"),
    ({"images": [{"url": "x"}]}, "images[0].url", "unknown_parameter"),
    ({"images": [{"image_url": 5}]}, "images[0].image_url", "invalid_type"),
    ({"images": [{"image_url": "ftp://x"}]}, "images[0]", "invalid_image_url"),
    ({"images": [{"image_url": "data:image/png;base64,??"}]}, "images[0]", "invalid_base64_image"),
    ({"images": [{"image_url": "http://127.0.0.1:9/x.png"}]}, "images[0]", "failed_to_download_image"),
    ({"images": [{"file_id": "file-1"}]}, "images[0]", "image_file_not_found"),
    ({"images": [{"image_url": data_url(picture())}] * 17}, "images", "array_above_max_length"),
    ({"image": data_url(picture())}, "image", "unknown_parameter"),
]


@pytest.mark.parametrize(("changes", "param", "code"), JSON_REFUSED, ids=range(len(JSON_REFUSED)))
def test_json_refused(sim: Simulator, http: httpx.Client, changes: dict[str, Any], param: str, code: str) -> None:
    response = json_edit(sim, http, **changes)
    assert response.status_code == 400
    assert (response.json()["error"]["param"], response.json()["error"]["code"]) == (param, code)
    assert sim.calls()[0]["model"] == "gpt-image-2"


DALLE = [
    ("dall-e-2", [("image", picture())], None),
    ("dall-e-2", [("image", picture()), MASK], None),
    ("dall-e-2", [("image", picture((64, 32)))], "image"),
    ("dall-e-2", [("image", picture(kind="JPEG"))], "image"),
    ("dall-e-2", [("image[]", picture()), ("image[]", picture())], "image"),
    ("dall-e-3", [("image", picture())], "model"),
]


@pytest.mark.parametrize(("model", "files", "param"), DALLE, ids=range(len(DALLE)))
def test_historic_edits(
    museum: Simulator, http: httpx.Client, model: str, files: list[tuple[str, bytes]], param: str | None
) -> None:
    form = {"model": model, "prompt": "an otter", "size": "256x256"}
    response = http.post(f"{museum.url}/v1/images/edits", data=form, files=files)
    assert response.status_code == (400 if param else 200), response.text
    if param:
        assert response.json()["error"]["param"] == param


def test_variations_are_retired(sim: Simulator, http: httpx.Client) -> None:
    form, files = {"model": "dall-e-2"}, [("image", picture())]
    response = http.post(f"{sim.url}/v1/images/variations", data=form, files=files)
    assert response.status_code == 400
    assert "/v1/images/edits" in response.json()["error"]["message"]
    assert [(call["path"], call["accepted"], call["status"]) for call in sim.calls()] == [
        ("/v1/images/variations", False, 400)
    ]
