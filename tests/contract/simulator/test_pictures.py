"""The images: size, format, transparency and frames, and that they depend on prompt and input."""

import base64
import io
import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops

from local.simulator import Simulator
from tests.contract.simulator.samples import picture

Pictures = Callable[..., list[bytes]]


@pytest.fixture(scope="module", params=[False, True], ids=["drawn", "plain"])
def studio(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with Simulator(plain=request.param, today=date(2026, 11, 22)) as simulator:
        yield simulator


@pytest.fixture
def generate_pictures(studio: Simulator, http: httpx.Client) -> Pictures:
    def call(**changes: Any) -> list[bytes]:
        body = {"model": "gpt-image-2.6-flare", "prompt": "an otter at sea"} | changes
        content, kind = json.dumps(body), {"content-type": "application/json"}
        return decoded(http.post(f"{studio.url}/v1/images/generations", content=content, headers=kind))

    return call


@pytest.fixture
def edit_picture(studio: Simulator, http: httpx.Client) -> Callable[..., Image.Image]:
    def call(files: list[tuple[str, bytes]], **changes: str) -> Image.Image:
        form = {"model": "gpt-image-2.6-flare", "prompt": "a boat", "size": "1024x1024"} | changes
        return opened(decoded(http.post(f"{studio.url}/v1/images/edits", data=form, files=files))[0])

    return call


def decoded(response: httpx.Response) -> list[bytes]:
    assert response.status_code == 200, response.text
    return [base64.b64decode(datum["b64_json"]) for datum in response.json()["data"]]


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    """The colour of a pixel, a number for each of the image's channels."""
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024", "1024x1536", "3840x2160", "768x2304"])
def test_size_is_exact(generate_pictures: Pictures, size: str) -> None:
    image = opened(generate_pictures(size=size)[0])
    assert f"{image.width}x{image.height}" == size
    assert image.format == "PNG"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_format_is_as_asked(generate_pictures: Pictures, kind: str) -> None:
    assert opened(generate_pictures(output_format=kind)[0]).format == kind.upper()


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_compression_makes_smaller_files(generate_pictures: Pictures, kind: str) -> None:
    small = generate_pictures(output_format=kind, output_compression=10)[0]
    large = generate_pictures(output_format=kind, output_compression=95)[0]
    assert len(small) < len(large)


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_transparent_means_alpha(generate_pictures: Pictures, kind: str) -> None:
    image = opened(generate_pictures(background="transparent", output_format=kind)[0])
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 255)
    assert pixel(image, 1, 1)[3] == 0


def test_gif_is_animated(generate_pictures: Pictures) -> None:
    image = opened(generate_pictures(output_format="gif", frame_count=5, frame_duration_ms=123)[0])
    assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("GIF", (960, 960), 5)
    assert image.info["duration"] == 120


def test_svg_is_text(generate_pictures: Pictures) -> None:
    svg = {"output_format": "svg", "svg": {"model": "gpt-5"}, "prompt": "<cats> & dogs"}
    root = ET.fromstring(generate_pictures(**svg)[0])
    text = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert (root.get("width"), root.get("height")) == ("1024", "1024")
    assert "<cats> & dogs" in text
    assert "simulated" in text


def test_prompts_and_images_of_one_call_differ(generate_pictures: Pictures) -> None:
    pictures = [*generate_pictures(n=3), *generate_pictures(prompt="a city at night")]
    assert len(set(pictures)) == 4


@pytest.mark.parametrize("prompt", ["\ud800 \x00 \U0001f9a6", "日本語" * 500, "x" * 32_000, " "])
def test_any_prompt_can_be_drawn(generate_pictures: Pictures, prompt: str) -> None:
    assert opened(generate_pictures(prompt=prompt)[0]).size == (1024, 1024)


def test_an_edit_derives_from_its_input(edit_picture: Callable[..., Image.Image]) -> None:
    red = edit_picture([("image", picture(color=(220, 20, 20)))]).convert("RGB")
    blue = edit_picture([("image", picture(color=(20, 20, 220)))]).convert("RGB")
    r, _, b = pixel(red, 200, 60)
    assert r > b
    r, _, b = pixel(blue, 200, 60)
    assert b > r


def test_several_inputs_form_a_collage(edit_picture: Callable[..., Image.Image]) -> None:
    files = [("image[]", picture(color=(220, 20, 20))), ("image[]", picture(color=(20, 20, 220)))]
    image = edit_picture(files).convert("RGB")
    left, right = pixel(image, 100, 60), pixel(image, 924, 60)
    assert left[0] > left[2]
    assert right[2] > right[0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
def test_inputs_of_any_mode_can_be_edited(edit_picture: Callable[..., Image.Image], mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (80, 60)).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    assert edit_picture([("image", buffer.getvalue())]).size == (1024, 1024)


def test_a_mask_confines_the_change(http: httpx.Client) -> None:
    mask = Image.new("RGBA", (512, 512), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (256, 0, 512, 512))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    source = picture((512, 512), color=(90, 90, 90))
    form = {"model": "gpt-image-2", "prompt": "an otter at sea", "size": "1024x1024"}
    files = [("image", source), ("mask", buffer.getvalue())]
    with Simulator(today=date(2026, 11, 22)) as simulator:
        image = opened(decoded(http.post(f"{simulator.url}/v1/images/edits", data=form, files=files))[0])
    change = ImageChops.difference(image.convert("RGB"), Image.new("RGB", image.size, (90, 90, 90)))
    assert change.crop((0, 0, 500, 800)).getbbox() is None
    assert change.crop((524, 0, 1024, 800)).getbbox() == (0, 0, 500, 800)


def test_pictures_are_drawn_quickly(studio: Simulator, generate_pictures: Pictures) -> None:
    generate_pictures()
    started = time.monotonic()
    generate_pictures()
    assert time.monotonic() - started < 2
