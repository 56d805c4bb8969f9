"""Answers and charges, as the official client reads them."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from local.simulator import Simulator
from tests.contract.simulator.samples import picture


@pytest.fixture
def client(sim: Simulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{sim.url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def test_the_official_client_generates(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-2.6-flare", prompt="an otter", quality="high")
    assert (answer.size, answer.quality, answer.output_format, answer.background) == (
        "1024x1024",
        "high",
        "png",
        "opaque",
    )
    assert answer.data
    image = Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json or "")))
    assert image.size == (1024, 1024)
    assert answer.usage
    assert answer.usage.output_tokens == 1756
    assert answer.usage.output_tokens_details
    assert answer.usage.output_tokens_details.image_tokens == 1756
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_the_official_client_edits(sim: Simulator, client: openai.OpenAI) -> None:
    answer = client.images.edit(
        model="gpt-image-2", prompt="add a hat", image=[picture(), picture()], size="1024x1024", n=2
    )
    assert answer.usage
    assert answer.usage.input_tokens_details.image_tokens == 2 * 2 * 1024
    assert answer.data
    assert answer.data[0].b64_json != answer.data[1].b64_json
    assert sim.calls()[0]["n"] == 2


def test_the_official_client_streams(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="gpt-image-2", prompt="an otter", stream=True, partial_images=3, quality="low", size="1024x1024"
    )
    events: list[Any] = list(stream)
    kinds = [event.type for event in events]
    assert kinds == ["image_generation.partial_image"] * 3 + ["image_generation.completed"]
    assert [event.partial_image_index for event in events[:3]] == [0, 1, 2]
    assert len({event.b64_json for event in events}) == 4
    assert events[-1].usage.output_tokens == 196 + 3 * 100
    assert (events[-1].quality, events[-1].size) == ("low", "1024x1024")


def test_edits_stream_under_their_own_names(client: openai.OpenAI) -> None:
    events = list(client.images.edit(model="gpt-image-2", prompt="x", image=picture(), stream=True))
    assert [event.type for event in events] == ["image_edit.completed"]


def test_refusals_reach_the_official_client(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(model="gpt-image-2", prompt="an otter", response_format="url")
    assert (refusal.value.code, refusal.value.param) == ("unknown_parameter", "response_format")
    assert refusal.value.request_id
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="dall-e-3", prompt="an otter")


TOKENS = [
    ("gpt-image-1.5", "1024x1024", "low", 272),
    ("gpt-image-1.5", "1024x1536", "medium", 1584),
    ("gpt-image-1-mini", "1536x1024", "high", 6208),
    ("gpt-image-2", "1024x1024", "low", 196),
    ("gpt-image-2", "1024x1024", "medium", 1756),
    ("gpt-image-2", "1024x1024", "high", 7024),
    ("gpt-image-2", "1536x1024", "medium", 1372),
    ("gpt-image-2", "3840x2160", "high", 13342),
    ("gpt-image-2.5-flare", "1024x1024", "medium", 439),
    ("gpt-image-2.5-flare", "1024x1024", "xhigh", 3122),
    ("gpt-image-2.5-flare", "2048x1152", "max", 5650),
    ("gpt-image-2.6-flare", "1024x1024", "low", 686),
    ("gpt-image-2.6-flare", "1024x1024", "medium", 1536),
    ("gpt-image-2.6-flare", "1024x1024", "max", 7024),
]


@pytest.mark.parametrize(("model", "size", "quality", "tokens"), TOKENS)
def test_output_tokens(generate: Any, model: str, size: str, quality: str, tokens: int) -> None:
    usage = generate(model=model, size=size, quality=quality).json()["usage"]
    assert usage["output_tokens"] == tokens


# "an otter" counts 2 tokens, and 6 more.
CHARGES = [
    ({"model": "gpt-image-2", "quality": "high", "size": "1024x1024"}, 8 * 5 + 7024 * 30),
    ({"model": "gpt-image-2", "quality": "low", "size": "1024x1024", "n": 3}, 3 * (8 * 5 + 196 * 30)),
    ({"model": "gpt-image-1.5", "quality": "low", "size": "1024x1024"}, 8 * 5 + 272 * 32),
    ({"model": "gpt-image-1-mini", "quality": "low", "size": "1024x1024"}, 8 * 2 + 272 * 8),
]


@pytest.mark.parametrize(("settings", "charge"), CHARGES)
def test_charges_in_micro_dollars(sim: Simulator, generate: Any, settings: dict[str, Any], charge: int) -> None:
    generate(**settings)
    assert sim.calls()[0]["charged_micro_usd"] == charge


def test_older_families_count_inputs_in_tiles(edit: Any) -> None:
    square = [("image", picture((1024, 1024)))]
    low = edit(square, model="gpt-image-1.5").json()["usage"]["input_tokens_details"]
    high = edit(square, model="gpt-image-1.5", input_fidelity="high").json()["usage"]["input_tokens_details"]
    assert low["image_tokens"] == 65 + 129
    assert high["image_tokens"] == 65 + 129 + 4160


def test_an_input_never_counts_more_than_its_budget(edit: Any) -> None:
    wide = [("image", picture((3000, 2000)))]
    assert edit(wide).json()["usage"]["input_tokens_details"]["image_tokens"] == 1536


HISTORIC = [
    ({"model": "dall-e-2", "size": "256x256", "n": 2}, 32_000),
    ({"model": "dall-e-3", "quality": "hd", "size": "1792x1024"}, 120_000),
    ({"model": "dall-e-3"}, 40_000),
]


@pytest.mark.parametrize(("settings", "charge"), HISTORIC)
def test_historic_answers_are_urls_at_a_price_per_image(
    museum: Simulator, http: httpx.Client, settings: dict[str, Any], charge: int
) -> None:
    museum.reset()
    body = settings | {"prompt": "an otter"}
    answer = http.post(f"{museum.url}/v1/images/generations", json=body).json()
    assert set(answer) == {"created", "data"}
    width, height = settings.get("size", "1024x1024").split("x")
    for datum in answer["data"]:
        assert ("revised_prompt" in datum) == (settings["model"] == "dall-e-3")
        file = httpx.get(datum["url"], trust_env=False)
        assert Image.open(io.BytesIO(file.content)).size == (int(width), int(height))
    assert museum.calls()[0]["charged_micro_usd"] == charge


def test_historic_answers_can_be_inline(museum: Simulator, http: httpx.Client) -> None:
    body = {"model": "dall-e-2", "prompt": "an otter", "response_format": "b64_json", "size": "256x256"}
    datum = http.post(f"{museum.url}/v1/images/generations", json=body).json()["data"][0]
    assert set(datum) == {"b64_json"}


def test_the_answer_says_what_auto_became(generate: Any, edit: Any) -> None:
    assert generate(size="auto", quality="auto").json()["quality"] != "auto"
    assert generate(prompt="a tall portrait").json()["size"] == "1024x1536"
    assert generate(output_format="gif").json()["size"] == "960x960"
    assert edit([("image", picture((60, 30)))]).json()["size"] == "1536x1024"


def test_the_safety_identifier_comes_back(generate: Any) -> None:
    assert generate(safety_identifier="u-1").json()["safety_identifier"] == "u-1"
