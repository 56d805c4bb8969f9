"""Gemini's rules that no request of Easel's ever meets; the others are compared in tests/support/agreement.py."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.simulator import Simulator
from tests.support.pictures import picture

MODEL = "gemini-nano-banana-2.1"
KEY = {"x-goog-api-key": "AIza-simulated"}


@pytest.fixture(scope="module")
def gemini() -> Iterator[httpx.Client]:
    with Simulator(plain=True) as simulator, httpx.Client(base_url=f"{simulator.url}/v1beta", timeout=60) as client:
        yield client


def asked(client: httpx.Client, *parts: Any, **body: Any) -> httpx.Response:
    document = {"contents": [{"parts": list(parts)}], **body}
    return client.post(f"/models/{MODEL}:generateContent", json=document, headers=KEY)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize(("inline", "mime_type"), [("inlineData", "mimeType"), ("inline_data", "mime_type")])
def test_names_and_base64_are_taken_in_both_spellings(
    gemini: httpx.Client, encode: Any, inline: str, mime_type: str
) -> None:
    """As protobuf reads JSON: Google's own SDK mixes them."""
    part = {inline: {mime_type: "image/png", "data": encode(picture()).decode()}}
    answer = asked(gemini, part, {"text": "x"}, generation_config={"image_config": {"aspect_ratio": "1:1"}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["usageMetadata"]["promptTokensDetails"][-1] == {"modality": "IMAGE", "tokenCount": 1120}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"tools": [{"google_search": {}}]}, "tools"),
        ({"generationConfig": {"candidateCount": 2}}, "Multiple candidates"),
        ({"generationConfig": {"responseMimeType": "image/png"}}, "response_mime_type"),
        ({"generationConfig": {"responseModalities": ["TEXT"]}}, "modalities"),
        ({"generationConfig": {"imageConfig": {"imageSize": "512"}}}, "512"),
        ({"generationConfig": {"imageConfig": {"imageSize": "2k"}}}, "2k"),
        ({"generationConfig": {"imageConfig": {"outputMimeType": "image/png"}}}, "outputMimeType"),
    ],
)
def test_what_the_api_does_not_take_is_refused(gemini: httpx.Client, body: dict[str, Any], says: str) -> None:
    answer = asked(gemini, {"text": "x"}, **body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert says in answer.json()["error"]["message"]


def test_a_key_in_the_address_is_refused_since_addresses_are_logged(gemini: httpx.Client) -> None:
    answer = gemini.post(f"/models/{MODEL}:generateContent?key=AIza-simulated", json={})
    assert answer.status_code == 400
