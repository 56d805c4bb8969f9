"""Jobs for Gemini and Bedrock through every entry point of a deployment that has them beside OpenAI."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from cli import drops
from core import aws
from local.simulator import Simulator
from tests.support.pictures import encoded, overlay, picture
from tests.support.world import EVERY_PROVIDER, World, deployed
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor

ASYNC = {"prefer": "respond-async"}


@pytest.fixture
def world(simulator: Simulator) -> Iterator[World]:
    """A world with every provider."""
    with deployed(simulator, EVERY_PROVIDER) as world:
        yield world


def files(*images: bytes, mask: bytes | None = None) -> list[tuple[str, Any]]:
    named = [("image[]", (f"{number}.png", data)) for number, data in enumerate(images)]
    return named + ([("mask", ("mask.png", mask))] if mask else [])


def done(world: World, answer: Answer) -> Any:
    """The job, after a worker has taken it; it cost what the provider charged, and no more than was quoted."""
    assert answer.status == 202, answer.text
    world.jobs.work()
    job = world.api.job(answer.json()["id"])
    cost, (call,) = job["easel"]["cost"], world.simulator.calls()
    if job["status"] == "succeeded":
        assert cost["actual_micro_usd"] == call["charged_micro_usd"] <= cost["upper_bound_micro_usd"]
    return job


def stored(job: Any) -> Image.Image:
    """The only picture of a job, as it is stored."""
    (image,) = job["result"]["data"]
    key = next(
        each["Key"]
        for each in aws.s3().list_objects_v2(Bucket="images", Prefix="images/")["Contents"]
        if image["id"] in each["Key"]
    )
    made = Image.open(io.BytesIO(aws.s3().get_object(Bucket="images", Key=key)["Body"].read()))
    assert made.size == (image["width"], image["height"])
    return made


@pytest.mark.parametrize(
    ("body", "size", "kind"),
    [
        ({"model": "gemini-nano-banana-2.1", "size": "1376x768"}, (1376, 768), "JPEG"),
        ({"model": "gemini/gemini-2.5-flash-image"}, (1024, 1024), "PNG"),
        ({"model": "stable-image-core", "size": "1344x768", "options": {"seed": 7}}, (1344, 768), "PNG"),
        ({"model": "bedrock/sd3-5-large", "output_format": "webp"}, (1024, 1024), "WEBP"),
    ],
)
def test_a_generation_goes_to_the_provider_of_its_model(
    world: World, body: dict[str, Any], size: tuple[int, int], kind: str
) -> None:
    sent = {"prompt": "an otter"} | body
    job = done(world, world.api.call("POST", "/images/generations", sent, headers=ASYNC))
    made = stored(job)
    assert (made.size, made.format) == (size, kind)
    assert job["easel"]["applied"]["model"] == body["model"].rpartition("/")[2]


def test_an_edit_of_gemini_has_its_inputs(world: World) -> None:
    fields = {"model": "gemini-3-pro-image", "prompt": "both at night"}
    done(world, world.api.form("/images/edits", fields, files(picture(), picture("red"))))
    assert world.simulator.calls()[0]["input_images"] == 2


def test_only_the_masked_part_is_edited(world: World) -> None:
    """The mask is transparent from (8, 8) to (24, 24); the provider wants it white there."""
    fields = {"model": "stable-inpaint", "prompt": "a hat"}
    made = stored(done(world, world.api.form("/images/edits", fields, files(picture("red"), mask=overlay())))).convert(
        "RGB"
    )
    red = (255, 0, 0)
    assert {made.getpixel((x, y)) for x, y in ((0, 0), (7, 7), (24, 24), (63, 63))} == {red}
    assert made.getpixel((16, 16)) != red


def test_a_background_is_removed_by_a_form_without_a_prompt(world: World) -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste((200, 0, 0), (16, 16, 48, 48))
    job = done(world, world.api.form("/images/edits", {"model": "stable-remove-background"}, files(encoded(image))))
    made = stored(job)
    assert made.mode == "RGBA"
    assert [made.getchannel("A").getpixel(place) for place in ((0, 0), (32, 32))] == [0, 255]


@pytest.mark.parametrize(
    "options",
    [
        {"options[left]": "100", "options[up]": "20"},
        {"options": '{"left": 100, "up": 20}'},
        {"options.left": "100.0", "options[up]": "20"},
    ],
)
def test_a_form_gives_options_in_any_way(world: World, options: dict[str, str]) -> None:
    job = done(world, world.api.form("/images/edits", {"model": "stable-outpaint"} | options, files(picture())))
    assert stored(job).size == (164, 84)
    assert job["easel"]["applied"]["options"] == {"left": 100, "up": 20}


@pytest.mark.parametrize("place", ["recipe.json", "metadata"])
def test_a_recipe_gives_options_and_needs_no_prompt_if_its_model_needs_none(world: World, place: str) -> None:
    drops.map_prefix(world.stack, "team", world.stack.callers().list_all()[0].id)
    recipe = {"model": "stable-outpaint", "options": {"left": 100}}
    if place == "metadata":
        metadata = {"model": "stable-outpaint", "options": json.dumps(recipe["options"])}
        dropped = world.inbox.put("team/photo.png", picture(), **metadata)
    else:
        world.inbox.put("team/recipe.json", json.dumps(recipe).encode())
        dropped = world.inbox.put("team/photo.png", picture())
    assert world.inbox.deliver(dropped) == []
    world.jobs.work()
    (call,) = world.simulator.calls()
    assert (call["accepted"], call["charged_micro_usd"]) == (True, 60_000)


def test_an_assistant_gives_options(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        told = door.call(
            "generate_image",
            model="stable-image-core",
            prompt="an otter",
            options={"seed": 7, "negative_prompt": "fog"},
        ).result
    assert not told.get("isError"), told
    assert told["structuredContent"]["cost"]["actual_micro_usd"] == 40_000


@pytest.mark.parametrize(
    ("body", "micro_usd"),
    [
        ({"model": "stable-remove-background"}, 70_000),
        ({"model": "stable-creative-upscale", "prompt": "sharper"}, 600_000),
        ({"model": "stable-outpaint", "options": {"left": "5"}}, 60_000),
    ],
)
def test_a_tool_is_quoted_at_its_price(world: World, body: dict[str, Any], micro_usd: int) -> None:
    image = {"image_url": "data:image/png;base64," + base64.b64encode(picture()).decode()}
    answer = world.api.call("POST", "/images/quote", body | {"images": [image]})
    assert answer.status == 200, answer.text
    assert answer.json()["upper_bound_micro_usd"] == micro_usd


SAME = [{"seed": 7}, {"seed": 7.0}, {"seed": "7"}]


def test_a_recipe_is_asked_for_a_prompt_by_a_model_that_needs_one(world: World) -> None:
    drops.map_prefix(world.stack, "team", world.stack.callers().list_all()[0].id)
    assert world.inbox.deliver(world.inbox.put("team/photo.png", picture(), model="gpt-image-2")) == []
    said = aws.s3().get_object(Bucket="images", Key="drops/team/photo/error.json")["Body"].read()
    assert json.loads(said)["error"]["param"] == "prompt"


def test_a_request_is_the_same_however_its_numbers_are_spelled(world: World) -> None:
    ids = set()
    for options in SAME:
        body = {"model": "stable-image-core", "prompt": "an otter", "options": options}
        answer = world.api.call("POST", "/images/generations", body, headers=ASYNC | {"idempotency-key": "one"})
        assert answer.status == 202, answer.text
        ids.add(answer.json()["id"])
    assert len(ids) == 1
    body |= {"options": {"seed": 8}}
    other = world.api.call("POST", "/images/generations", body, headers=ASYNC | {"idempotency-key": "one"})
    assert other.json()["error"]["code"] == "idempotency_key_reused"


FREE_REFUSALS = [
    ("gemini-nano-banana-2.1", "moderation_blocked", "moderation_blocked"),
    ("stable-image-core", "moderation_blocked", "moderation_blocked"),
    ("stable-image-core", "refused_image", "moderation_blocked"),
    ("stable-image-core", "no_image", "provider_result_empty"),
    ("gemini-nano-banana-2.1", "insufficient_quota", "insufficient_quota"),
    ("stable-image-core", "insufficient_quota", "insufficient_quota"),
    ("stable-image-core", "unauthorized", "provider_permission_denied"),
]


@pytest.mark.parametrize(("model", "fault", "code"), FREE_REFUSALS)
def test_a_refusal_that_is_free_says_so(world: World, model: str, fault: str, code: str) -> None:
    world.simulator.plan(fault)
    job = done(world, world.api.call("POST", "/images/generations", {"model": model, "prompt": "x"}, headers=ASYNC))
    assert (job["status"], job["error"]["code"], job["error"]["charged"]) == ("failed", code, False)
    assert not job["easel"]["cost"]["actual_micro_usd"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("refused_image", "moderation_blocked"),
        ("no_image", "provider_result_empty"),
        ("text_only", "provider_result_empty"),
    ],
)
def test_what_gemini_counts_is_booked_also_when_it_refuses(world: World, fault: str, code: str) -> None:
    world.simulator.plan(fault)
    body = {"model": "gemini-nano-banana-2.1", "prompt": "an otter " * 20}
    job = done(world, world.api.call("POST", "/images/generations", body, headers=ASYNC))
    assert (job["status"], job["error"]["code"], job["error"]["charged"]) == ("failed", code, True)
    charged = world.simulator.calls()[0]["charged_micro_usd"]
    assert job["easel"]["cost"]["actual_micro_usd"] == charged > 0


@pytest.mark.parametrize("fraction", [1e-200, 5e-324, 0.1 + 0.2, 1 / 3])
def test_any_fraction_within_the_limits_can_be_stored(world: World, fraction: float) -> None:
    options = json.dumps({"left": 8, "creativity": fraction})
    job = done(
        world, world.api.form("/images/edits", {"model": "stable-outpaint", "options": options}, files(picture()))
    )
    assert job["status"] == "succeeded"
    # DynamoDB holds no number nearer to 0 than 1e-130.
    assert job["easel"]["applied"]["options"]["creativity"] == round(fraction, 6)
