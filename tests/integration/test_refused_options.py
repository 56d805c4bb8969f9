"""What the rules of models refuse at every entry point: clearly, with 400, before anything is bought or kept.

Nothing comes of any of it, so that one world serves all.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli import drops
from core import aws
from local.simulator import Simulator
from tests.support.pictures import picture
from tests.support.world import EVERY_PROVIDER, World, deployed
from tests.support.world.mcp_server import McpDoor

ASYNC = {"prefer": "respond-async"}


NO_NUMBERS: list[Any] = [True, None, "", "far", "1e2", [], [5], {}, {"a": 5}, 1.5, -1, 2001, 10**37, "9" * 400]
NO_FRACTIONS: list[Any] = [True, "", {}, -0.1, 1.1, 1e300]


@pytest.fixture(scope="module")
def refusing(simulator: Simulator) -> Iterator[World]:
    """A world with every provider, which sells nothing here."""
    with deployed(simulator, EVERY_PROVIDER) as world:
        drops.map_prefix(world.stack, "team", world.stack.callers().list_all()[0].id)
        yield world
        assert world.simulator.calls() == []


def generation(model: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/images/generations", {"model": model, "prompt": "x"} | more


def edit(model: str, images: int = 1, size: tuple[int, int] = (64, 64), **more: Any) -> tuple[str, dict[str, Any]]:
    url = "data:image/png;base64," + base64.b64encode(picture("red", size)).decode()
    return "/images/edits", {"model": model, "images": [{"image_url": url}] * images} | more


OUTPAINT = "stable-outpaint"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        *[(edit(OUTPAINT, options={"left": wrong}), "options.left") for wrong in NO_NUMBERS],
        *[(edit(OUTPAINT, options={"left": 1, "creativity": wrong}), "options.creativity") for wrong in NO_FRACTIONS],
        (edit(OUTPAINT, options={"left": 1, "negative_prompt": 7}), "options.negative_prompt"),
        (edit(OUTPAINT, options={"left": 1, "negative_prompt": " \u2060"}), "options.negative_prompt"),
        (edit(OUTPAINT, options={"sideways": 5}), "options.sideways"),
        (edit(OUTPAINT, options={"image": "x", "left": 5}), "options.image"),
        (edit(OUTPAINT, options={"\u0007" * 64: 5}), None),
        (edit(OUTPAINT, options={"": 5}), None),
        (edit(OUTPAINT, options={f"o{number}": 5 for number in range(17)}), "options"),
        (edit(OUTPAINT, options=[]), "options"),
        (edit(OUTPAINT, options="left"), "options"),
        (edit(OUTPAINT, options=7), "options"),
        (edit(OUTPAINT, options={"left": 0, "right": "0"}), "options"),
        (edit(OUTPAINT), "options"),
        (edit("stable-search-replace", prompt="x"), "options.search_prompt"),
        (edit("sd3-5-large", prompt="x"), "options.strength"),
        (generation("sd3-5-large", options={"strength": 0.5}), "options.strength"),
        (edit("stable-remove-background", options={"seed": 7}), "options"),
        (generation("gemini-nano-banana-2.1", options={"seed": 7}), "options"),
        (generation("gpt-image-2", options={"seed": 7}), "options"),
        (generation("gemini-nano-banana-2.1", n=2), "n"),
        (generation("gemini-nano-banana-2.1", size="1000x1000"), "size"),
        (generation("gemini-nano-banana-2.1", output_format="png"), "output_format"),
        (generation("stable-image-core", size="auto"), "size"),
        (generation("stable-outpaint"), "model"),
        (edit("stable-image-core", prompt="x"), "model"),
        (edit("stable-inpaint", prompt="x"), "mask"),
        (edit("stable-style-transfer"), "images"),
        (edit("stable-style-transfer", 3), "images"),
        (edit("gemini-nano-banana-2.1", 15, prompt="x"), "images"),
        (edit("stable-fast-upscale", size=(31, 64)), "images[0].image_url"),
        (edit("stable-fast-upscale", size=(1537, 64)), "images[0].image_url"),
        (edit("stable-creative-upscale", size=(1100, 1000), prompt="x"), "images[0].image_url"),
        (edit("stable-conservative-upscale", size=(64, 164), prompt="x"), "images[0].image_url"),
        (edit("stable-fast-upscale", output_format="png"), "output_format"),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_money(
    refusing: World, asked: tuple[str, dict[str, Any]], param: str | None
) -> None:
    path, body = asked
    answer = refusing.api.call("POST", path, body, headers=ASYNC)
    assert answer.status == 400, answer.text
    error = answer.json()["error"]
    assert error["charged"] is False
    assert len(error["message"]) < 1000
    assert param is None or error["param"] == param, error
    assert refusing.jobs.messages() == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000])
def test_numbers_that_are_none_are_refused(refusing: World, number: str) -> None:
    body = '{"model": "stable-image-core", "prompt": "x", "options": {"seed": THIS}}'.replace("THIS", number)
    answer = refusing.api.call("POST", "/images/generations", body, headers=ASYNC)
    assert answer.status == 400, answer.text
    assert refusing.jobs.messages() == []


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"options": "left"}, "options"),
        ({"options": "[1]"}, "options"),
        ({"options": "7"}, "options"),
        ({"options": "NaN"}, "options"),
        ({"options": '{"left": NaN}'}, "options"),
        ({"options[left]": "far"}, "options.left"),
        ({"options[left]": "9" * 400}, "options.left"),
        ({"options[left][x]": "5"}, "options.left"),
        ({"options": '{"left": 5}', "options[left]": "5"}, "options[left]"),
        ({"options[]": "5"}, None),
        ({"options[left]": "true"}, "options.left"),
    ],
)
def test_a_form_with_wrong_options_is_refused(refusing: World, options: dict[str, str], param: str | None) -> None:
    answer = refusing.api.form("/images/edits", {"model": OUTPAINT} | options, [("image", ("photo.png", picture()))])
    assert answer.status == 400, answer.text
    assert param is None or answer.json()["error"]["param"] == param, answer.text
    assert refusing.jobs.messages() == []


@pytest.mark.parametrize(
    "options", ["left", "[7]", "7", "NaN", {"seed": True}, {"seed": {}}, {"sideways": 1}, {"seed": 10**400}]
)
def test_an_assistant_with_wrong_options_is_told(refusing: World, options: Any) -> None:
    result = (
        McpDoor(refusing.api.key).call("generate_image", model="stable-image-core", prompt="x", options=options).result
    )
    assert result["isError"], result
    assert "options" in result["content"][0]["text"]
    assert refusing.jobs.messages() == []


@pytest.mark.parametrize("options", ["left", 7, {"left": True}, {"left": 2001}, {"sideways": 1}])
def test_a_recipe_with_wrong_options_is_refused(refusing: World, options: Any) -> None:
    refusing.inbox.put("team/recipe.json", json.dumps({"model": OUTPAINT, "options": options}).encode())
    assert refusing.inbox.deliver(refusing.inbox.put("team/photo.png", picture())) == []
    said = aws.s3().get_object(Bucket="images", Key="drops/team/photo/error.json")["Body"].read()
    assert "options" in json.loads(said)["error"]["param"]
    assert refusing.jobs.messages() == []
