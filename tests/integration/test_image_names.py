"""Whatever Easel calls an image names that image, wherever an input image is named, and nothing is downloaded."""

from collections.abc import Callable
from typing import Any

import pytest

from cli import keys
from tests.support.world import World, aws
from tests.support.world.http_api import HttpApi
from tests.support.world.mcp_server import McpDoor

EDIT = {"model": "gpt-image-2", "prompt": "in winter", "quality": "low"}

Names = Callable[[dict[str, Any]], list[str]]


@pytest.fixture
def image(world: World, door: McpDoor) -> dict[str, Any]:
    """An image that `door` and the API bought, as GET /images shows it."""
    job_id = world.api.accepted()
    world.jobs.work()
    shown: dict[str, Any] = world.api.job(job_id)["result"]["data"][0]
    return shown


def names_of(image: dict[str, Any]) -> list[str]:
    """Its names: the id, the links of every address of this deployment, the resource, a signed URL."""
    image_id = image["id"]
    return [
        image_id,
        f" {image_id}\n",
        f"{image_id}.png",
        f"easel://images/{image_id}",
        image["url"],
        image["link"],
        f"{image['link']}.png",
        f"{image['link']}?download=cat.png",
        f"https://abc.lambda-url.eu-central-1.on.aws/v1/i/{image_id}",
        f"http://127.0.0.1:4566/v1/i/{image_id}.webp",
        f"http://127.0.0.1:4566/images/images/{image_id}.png?X-Amz-Signature=0",
        f"https://bucket.s3.eu-central-1.amazonaws.com/images/{image_id}.png?X-Amz-Signature=0#top",
        f"https://images.example.com/v1/images/{image_id}",
    ]


def by_http(api: HttpApi, name: str) -> Any:
    field = "file_id" if name.startswith("img_") else "image_url"
    body = EDIT | {"images": [{field: name}]}
    return api.call("POST", "/images/edits", body, headers={"prefer": "respond-async"})


def test_every_name_of_an_image_is_that_image_over_http(world: World, image: dict[str, Any]) -> None:
    for name in names_of(image):
        answer = by_http(world.api, name)
        assert answer.status == 202, (name, answer.text)
        form = world.api.form("/images/edits", EDIT | {"image": name}, [])
        assert form.status == 202, (name, form.text)


def test_every_name_of_an_image_is_that_image_in_tools_and_is_the_same_wish(
    world: World, door: McpDoor, image: dict[str, Any]
) -> None:
    with world.jobs.working():
        jobs = {
            door.call("edit_image", **EDIT, **{argument: form}).result["structuredContent"]["job_id"]
            for name in names_of(image)
            for argument, form in (("images", [name]), ("image", name), ("image_data", name))
        }
    assert len(jobs) == 1, "one image is one wish, whatever it is called"
    assert world.simulator.calls()[-1]["input_images"] == 1


def test_a_mask_and_a_markup_are_named_in_the_same_ways(door: McpDoor, image: dict[str, Any]) -> None:
    for name in names_of(image):
        for argument in ("mask", "mask_data", "markup"):
            error = door.call("edit_image", **EDIT, images=[image["id"]], **{argument: name}).error
            assert error["code"] != "failed_to_download_image", name
            assert "https" not in error["message"]


def test_the_name_of_another_callers_image_is_not_found(world: World, door: McpDoor, image: dict[str, Any]) -> None:
    key = keys.create(world.stack, "stranger", None, [], [])[0]
    for name in names_of(image):
        refused = by_http(HttpApi(key), name)
        assert (refused.status, refused.json()["error"]["code"]) == (404, "not_found"), name
        error = McpDoor(key).call("edit_image", **EDIT, images=[name]).error
        assert (error["code"], error["param"]) == ("not_found", "images[0]"), name
    assert len(world.simulator.calls()) == 1


def test_a_deleted_image_is_not_found_by_any_name(world: World, door: McpDoor, image: dict[str, Any]) -> None:
    aws.s3().delete_object(Bucket="images", Key=f"images/{image['id']}.png")
    for name in names_of(image):
        assert by_http(world.api, name).json()["error"]["code"] == "not_found", name


def test_a_url_that_only_looks_like_ours_is_downloaded_like_any_other(door: McpDoor) -> None:
    """Another deployment's link: its id is not in our records. These hosts do not exist or may not be asked."""
    unknown = "img_" + "0" * 32
    for name in (f"https://easel.invalid/v1/i/{unknown}", f"https://easel.invalid/images/{unknown}.png"):
        error = door.call("edit_image", **EDIT, images=[name]).error
        assert error["code"] in ("failed_to_download_image", "invalid_image_url"), name


def test_a_resource_is_read_by_its_links_extension_and_id(door: McpDoor, image: dict[str, Any]) -> None:
    for uri in (f"easel://images/{image['id']}", f"easel://images/{image['id']}.png"):
        assert image["id"] in door.ask("resources/read", uri, uri=uri).text
