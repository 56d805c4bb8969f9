"""Bedrock's tools, of which some need no prompt, through the doors: a form, a recipe, an assistant."""

import base64
import json
from typing import Any

import pytest

from cli import drops
from tests.support.pages import Fence, files
from tests.support.pictures import picture
from tests.support.world import World, aws
from tests.support.world.mcp_server import McpDoor


@pytest.fixture
def tools(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployment that has Bedrock's tools, too, with an owner of what is dropped under team/."""
    monkeypatch.setenv("EASEL_PROVIDERS", "openai bedrock")
    world.restart()
    drops.map_prefix(world.stack, "team", world.caller_id)
    return world


@pytest.mark.parametrize(
    ("fields", "applied"),
    [
        ({"model": "stable-remove-background"}, {}),
        ({"model": "stable-outpaint", "options": '{"left": 400}', "prompt": "a beach"}, {"options": {"left": 400}}),
        ({"model": "stable-outpaint", "options[left]": "400", "prompt": "a beach"}, {"options": {"left": 400}}),
    ],
)
def test_a_form_uses_a_tool(tools: World, fields: dict[str, str], applied: dict[str, Any]) -> None:
    answer = tools.api.form("/images/edits", fields, [("image", ("mug.png", picture(size=(64, 64))))])
    assert answer.status == 202, answer.text
    assert answer.json()["easel"]["applied"] == {"model": fields["model"], **applied}
    assert answer.json()["easel"]["warnings"] == []


def test_an_assistant_finds_the_tools(door: McpDoor) -> None:
    (edit,) = (tool for tool in door.ask("tools/list").result["tools"] if tool["name"] == "edit_image")
    for words in ("remove the background", "erase", "replace", "recolor", "extend", "upscale", "list_available_models"):
        assert words in edit["description"]


def test_an_assistant_uses_a_tool_and_learns_that_its_prompt_was_not_used(tools: World, door: McpDoor) -> None:
    listed = door.call("list_available_models", model="stable-outpaint").result["structuredContent"]["models"]
    assert "left" in listed[0]["options"]
    mug = base64.b64encode(picture(size=(64, 64))).decode()
    wish = {"prompt": "remove the background", "model": "stable-remove-background", "image_data": [mug]}
    told = door.call("edit_image", **wish, wait_seconds=0).result["structuredContent"]
    assert told["status"] == "queued"
    assert any("works without a prompt" in warning for warning in told["warnings"])


@pytest.mark.parametrize("printed", files("s3-drop.md"), ids=lambda fence: fence.file)
def test_a_printed_recipe_uses_a_tool(tools: World, printed: Fence) -> None:
    tools.inbox.put(printed.file, printed.text.encode())
    folder = printed.file.removesuffix("recipe.json")
    tools.inbox.deliver(tools.inbox.put(f"{folder}mug.png", picture(size=(64, 64))))
    (job,) = tools.api.call("GET", "/jobs").json()["data"]
    recipe = json.loads(printed.text)
    assert job["model"] == recipe["model"]
    assert job["easel"]["applied"].get("options") == recipe.get("options")


def test_metadata_alone_can_name_a_tool_that_needs_no_prompt(tools: World) -> None:
    tools.inbox.deliver(tools.inbox.put("team/mug.png", picture(size=(64, 64)), model="stable-remove-background"))
    (job,) = tools.api.call("GET", "/jobs").json()["data"]
    assert (job["model"], job["easel"]["warnings"]) == ("stable-remove-background", [])


def test_options_in_metadata_are_json(tools: World) -> None:
    options = {"options": '{"up": 200}'}
    tools.inbox.deliver(tools.inbox.put("team/mug.png", picture(size=(64, 64)), model="stable-outpaint", **options))
    (job,) = tools.api.call("GET", "/jobs").json()["data"]
    assert job["easel"]["applied"]["options"] == {"up": 200}


@pytest.mark.parametrize("model", ["gpt-image-2", "stable-outpaint", "stable-search-replace"])
def test_a_recipe_that_lacks_what_its_model_needs_says_what(tools: World, model: str) -> None:
    tools.inbox.put("team/recipe.json", json.dumps({"model": model}).encode())
    tools.inbox.deliver(tools.inbox.put("team/mug.png", picture(size=(64, 64))))
    written = aws.s3().get_object(Bucket="images", Key="drops/team/mug/error.json")["Body"].read()
    error = json.loads(written)["error"]
    assert error["code"] == "missing_required_parameter"
    assert error["param"] in ("prompt", "options")
