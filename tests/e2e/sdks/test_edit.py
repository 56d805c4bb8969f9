"""images.edit by each official client: every way to hand over a file, and images that Easel has already."""

from typing import Any

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.support import wire

from .conftest import PYTHONS, Client, File, GivenAs, Pictures, downloaded

WISH: dict[str, Any] = {
    "model": "gpt-image-2.6-flare",
    "prompt": "Create a lovely gift basket with these items",
    "quality": "low",
    "size": "1024x1024",
}


def assert_edited(response: Any, simulator: SimulatorControl, images: int = 1) -> None:
    """One purchase, with that many input images, whose result can be downloaded."""
    (image,) = response["data"]
    assert downloaded(image).size == (1024, 1024)
    (call,) = simulator.calls()
    assert (call["path"], call["accepted"], call["input_images"]) == ("/v1/images/edits", True, images)


@pytest.mark.parametrize("given_as", ["open", "named", "bytes"])
def test_a_file_is_edited_however_it_is_given(
    client: Client, pictures: Pictures, simulator: SimulatorControl, given_as: GivenAs
) -> None:
    response = client.edit(**WISH, image=File(pictures.body_lotion, given_as))
    assert_edited(response, simulator)
    assert response["usage"]["image_tokens"] > 0


def test_a_file_is_edited_behind_api_gateway(
    client: Client, stack: Stack, pictures: Pictures, simulator: SimulatorControl
) -> None:
    gateway = client.with_options(base_url=stack.api_url)
    assert_edited(gateway.edit(**WISH, image=File(pictures.body_lotion)), simulator)


def test_several_files_are_edited_into_one(client: Client, pictures: Pictures, simulator: SimulatorControl) -> None:
    images = [File(pictures.body_lotion), File(pictures.bath_bomb, "bytes")]
    assert_edited(client.edit(**WISH, image=images), simulator, images=2)


def test_a_mask_tells_where_to_edit(client: Client, pictures: Pictures, simulator: SimulatorControl) -> None:
    response = client.edit(**WISH, image=File(pictures.body_lotion), mask=File(pictures.mask))
    assert_edited(response, simulator)


def test_numbers_of_a_form_are_numbers(client: Client, pictures: Pictures, simulator: SimulatorControl) -> None:
    response = client.edit(**WISH, image=File(pictures.body_lotion), n=2, output_format="jpeg", output_compression=80)
    assert [downloaded(image).format for image in response["data"]] == ["JPEG", "JPEG"]
    assert [call["n"] for call in simulator.calls()] == [2]


def test_an_earlier_image_is_edited_by_its_id(client: Client, simulator: SimulatorControl) -> None:
    (image,) = client.generate(**WISH)["data"]
    simulator.reset()
    response = client.post("/images/edits", WISH | {"images": [{"file_id": image["id"]}]})
    assert_edited(response, simulator)


def test_an_upload_is_edited_by_its_id(client: Client, pictures: Pictures, simulator: SimulatorControl) -> None:
    upload = client.post("/uploads", {"content_type": "image/png"})
    with pictures.body_lotion.open("rb") as file:
        wire.post(upload["url"], data=upload["fields"], files={"file": file}).raise_for_status()
    response = client.post("/images/edits", WISH | {"images": [{"file_id": upload["id"]}]})
    assert_edited(response, simulator)


@pytest.mark.parametrize("client", PYTHONS, indirect=True)
def test_the_asynchronous_client_edits(client: Client, pictures: Pictures, simulator: SimulatorControl) -> None:
    assert_edited(client.edit("async", **WISH, image=File(pictures.body_lotion)), simulator)
