"""Every kind of provider in one deployment, by every entry point: the right picture, at the price that it charges."""

import io
import secrets
from typing import Any

import httpx
import pytest
from mcp import Client
from PIL import Image, ImageChops

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import dropping, wire
from tests.support.assistant import use
from tests.support.pictures import encoded

# A model of each provider, and where the provider is called for a new image.
MODELS: dict[str, tuple[dict[str, str], str]] = {
    "openai": ({"model": "gpt-image-2", "quality": "low"}, "/v1/images/generations"),
    "gemini": ({"model": "gemini-nano-banana-2.1"}, "/v1beta/models/gemini-nano-banana-2.1:generateContent"),
    "bedrock": ({"model": "stable-image-core"}, "/model/stability.stable-image-core-v1:1/invoke"),
    "azure": ({"model": "azure/gpt-image-2", "quality": "low"}, "/openai/v1/images/generations"),
    "self-hosted": ({"model": "small-diffusion", "size": "512x512"}, "/self-hosted/v1/images/generations"),
}
SIZE = (256, 256)
MASKED = (64, 64, 128, 192)


def wish(provider: str) -> dict[str, str]:
    """A prompt of its own, since the simulated Gemini thinks longer about some than about others."""
    return MODELS[provider][0] | {"prompt": f"an otter {secrets.token_hex(4)}"}


def picture() -> bytes:
    """A red square on teal."""
    image = Image.new("RGB", SIZE, "teal")
    image.paste("red", (96, 96, 160, 160))
    return encoded(image)


def mask() -> bytes:
    """Transparent where the picture is to be edited, as in OpenAI's API."""
    image = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), MASKED)
    return encoded(image)


def opened(url: str) -> Image.Image:
    image = Image.open(io.BytesIO(wire.get(url, follow_redirects=True).raise_for_status().content))
    image.load()
    return image


def charges(simulator: SimulatorControl) -> list[int]:
    """What the provider counted for each call, in micro-dollars."""
    return [call["charged_micro_usd"] for call in simulator.calls()]


def cost_of(easel: Any) -> int:
    return int(easel["cost"]["actual_micro_usd"])


def spent(stack: Stack, key: Key) -> int:
    return int(wire.get(f"{stack.api_url}/usage", headers=key.headers).json()["spent_micro_usd"])


def edited(stack: Stack, key: Key, simulator: SimulatorControl, model: str, **files: bytes) -> Image.Image:
    """The picture that an edit makes, once its cost is what the provider charged."""
    answer: httpx.Response = wire.post(
        f"{stack.direct_url}/images/edits",
        headers=key.headers,
        data={"model": model, "prompt": "a golden crown"},
        files={name: (f"{name}.png", data, "image/png") for name, data in files.items()},
    )
    assert answer.status_code == 200, answer.text
    assert charges(simulator) == [cost_of(answer.json()["easel"])]
    return opened(answer.json()["data"][0]["url"])


@pytest.mark.parametrize("door", ["api_url", "direct_url"])
def test_every_provider_sells_by_http_at_the_price_that_it_charges(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, door: str
) -> None:
    key = make_key()
    for provider, (_, path) in MODELS.items():
        url, body = f"{getattr(stack, door)}/images/generations", wish(provider)
        answer = wire.post(url, json=body, headers=key.headers)
        assert answer.status_code == 200, answer.text
        call = simulator.calls()[-1]
        assert (call["path"], call["charged_micro_usd"]) == (path, cost_of(answer.json()["easel"]))
        (image,) = answer.json()["data"]
        assert opened(image["url"]).size == (image["width"], image["height"])
    assert len(charges(simulator)) == len(MODELS)
    assert spent(stack, key) == sum(charges(simulator))


def test_every_provider_sells_to_an_assistant_at_the_price_that_it_charges(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    async def steps(client: Client) -> list[Any]:
        made = []
        for provider in MODELS:
            told = (await client.call_tool("generate_image", wish(provider))).structured_content or {}
            while told.get("status") in ("queued", "running"):
                asked = await client.call_tool("get_image_job", {"job_id": told["job_id"]})
                told = asked.structured_content or {}
            made.append(told)
        return made

    key = make_key()
    made = use(stack.mcp_url, key.key, steps)
    assert [told["status"] for told in made] == ["succeeded"] * len(MODELS)
    assert [cost_of(told) for told in made] == charges(simulator)
    assert [call["path"] for call in simulator.calls()] == [path for _, path in MODELS.values()]
    assert spent(stack, key) == sum(charges(simulator))


def test_every_provider_that_edits_sells_to_a_drop_whose_recipe_names_its_model(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    key, folder = make_key(), f"providers-{secrets.token_hex(4)}"
    dropping.own(stack, folder, key.id)
    models = ["gpt-image-2", "gemini-nano-banana-2.1", "stable-remove-background", "azure/gpt-image-2"]
    for number, model in enumerate(models):
        quality = {"quality": "low"} if "gpt" in model else {}
        dropping.drop(stack, f"{folder}/{number}.png", picture(), prompt="an otter", model=model, **quality)
    results = [dropping.manifest(stack, f"{folder}/{number}") for number in range(len(models))]
    assert [result["object"] for result in results] == ["drop.result"] * len(models), results
    assert [result["easel"]["applied"]["model"] for result in results] == models
    assert sorted(cost_of(result["easel"]) for result in results) == sorted(charges(simulator))
    assert spent(stack, key) == sum(charges(simulator))


def test_gemini_edits_an_image(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    edited(stack, key, simulator, "gemini-nano-banana-2.1", image=picture())
    assert [call["input_images"] for call in simulator.calls()] == [1]


def test_bedrock_removes_the_background_and_keeps_what_stands_before_it(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    image = edited(stack, key, simulator, "stable-remove-background", image=picture()).convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index] # four channels
    assert image.getpixel((128, 128)) == (255, 0, 0, 255)


def test_bedrock_edits_where_the_mask_is_transparent_and_nowhere_else(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    image = edited(stack, key, simulator, "stable-inpaint", image=picture(), mask=mask()).convert("RGB")
    changed = ImageChops.difference(image, Image.open(io.BytesIO(picture())))
    assert changed.getbbox() == MASKED


def test_the_list_of_models_says_whose_each_is(stack: Stack, key: Key) -> None:
    listed = wire.get(f"{stack.api_url}/models", headers=key.headers).json()["data"]
    owners = {model["id"]: model["owned_by"] for model in listed}
    assert set(owners.values()) == set(MODELS)
    assert {provider: owners[body["model"]] for provider, (body, _) in MODELS.items()} == {
        name: name for name in MODELS
    }


@pytest.mark.parametrize("door", ["api_url", "direct_url"])
def test_a_model_is_found_by_a_name_that_begins_with_its_providers(stack: Stack, key: Key, door: str) -> None:
    for name in ("azure/gpt-image-2", "gemini/gemini-3-pro-image"):
        answer = wire.get(f"{getattr(stack, door)}/models/{name.replace('/', '%2F')}", headers=key.headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["owned_by"] == name.partition("/")[0]
