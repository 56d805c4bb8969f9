"""Easel's rules and the simulator's, written apart from the same reference, agree on requests drawn at random.

Each night they are thousands. What Easel lets through, the provider must take as it is sent; what Easel refuses, the
provider must refuse as well. A disagreement is a fault of one of them, and costs a caller either money or a picture.
"""

import io
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from PIL import Image

from core import catalog
from core.errors import EaselError
from core.requests.bodies import edit_of_form, generation_of_json
from core.requests.resolver import ModelPolicy, Resolver
from local.simulator import Simulator

TODAY = date(2026, 11, 22)
GENERATIONS = [300, pytest.param(2_000, marks=pytest.mark.nightly)]
EDITS = [60, pytest.param(400, marks=pytest.mark.nightly)]
MODELS = list(catalog.load("openai").models)

# For each parameter what may be right for some model, and what is right for none.
VALUES: dict[str, list[Any]] = {
    "n": [1, 1, 2, 0, 11, -1, "2", 1.5],
    "size": [
        *("auto", "1024x1024", "1536x1024", "1024x1536", "256x256", "512x512", "1792x1024", "1024x1792"),
        *("816x816", "960x960", "976x976", "720x720", "1280x720", "2048x512", "1616x528", "3840x1280"),
        *("800x816", "640x1024", "1000x1000", "3856x1024", "16x16", "1024", "0x0", "1024X1024", "01024x1024", ""),
    ],
    "quality": ["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd", "best", ""],
    "background": ["auto", "opaque", "transparent", "white"],
    "output_format": ["png", "jpeg", "webp", "gif", "svg", "bmp", "PNG"],
    "output_compression": [0, 50, 100, 101, -1, "50"],
    "moderation": ["auto", "low", "none"],
    "complexity": ["low", "medium", "high", "max"],
    "frame_count": [2, 3, 10, 16, 1, 17],
    "frame_duration_ms": [10, 200, 655350, 0, 655351],
    "svg": [
        {"model": "gpt-5.6"},
        {"model": "gpt-5.6", "reasoning": {"effort": "low"}},
        {"model": "gpt-5.6", "reasoning": {"effort": "minimal"}},
        {"model": "gpt-5", "reasoning": {"effort": "minimal"}},
        {"model": "gpt-5.6", "reasoning": {"effort": "heavy"}},
        {"reasoning": {"effort": "low"}},
        {"model": "gpt-5.6", "colour": "red"},
        {},
        "gpt-5.6",
    ],
    "style": ["vivid", "natural", "noisy"],
    "input_fidelity": ["high", "low", "auto"],
    "partial_images": [0, 1, 3, 4, -1, "2", 1.5],
    "user": ["u-1", 7],
    "safety_identifier": ["u-1"],
    "colour": ["red"],
}
PROMPTS = ["an otter", "x" * 1000, "x" * 1001, "x" * 4000, "x" * 4001, "x" * 32000, "x" * 32001, "", None, 7]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        Simulator(plain=True, today=TODAY, serve_retired=True) as simulator,
        httpx.Client(
            base_url=f"{simulator.url}/v1", headers={"Authorization": "Bearer sk-simulated"}, timeout=60
        ) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    return Resolver(catalog.load("openai"), ModelPolicy("gpt-image-2.6-flare", "forward"))


def parameters(chance: random.Random, *, operation: str) -> dict[str, Any]:
    """A wish that is mostly right and often wrong in one way."""
    wish: dict[str, Any] = {"model": chance.choice(MODELS)}
    wish["prompt"] = "an otter" if chance.random() < 0.85 else chance.choice(PROMPTS)
    rules = catalog.load("openai").find(wish["model"])
    assert rules
    fitting = ["n", "size", *rules.rules.parameters]
    for name in chance.sample(fitting, k=min(len(fitting), chance.randint(0, 4))):
        known = rules.rules.parameters.get(name)
        wish[name] = chance.choice(list(known.values) if known and known.values else VALUES[name])
    if chance.random() < 0.4:
        name = chance.choice(list(VALUES))
        wish[name] = chance.choice(VALUES[name])
    if chance.random() < 0.1:
        wish[chance.choice(list(VALUES))] = None
    if wish.get("output_format") == "svg" and chance.random() < 0.7:
        wish["svg"] = chance.choice(VALUES["svg"][:4])
    return wish


def streamed_form(fields: dict[str, str]) -> dict[str, str]:
    """What a form needs besides, for the same reason."""
    return {"stream": "true"} if fields.get("partial_images", "0") != "0" else {}


def streamed(wish: dict[str, Any]) -> dict[str, Any]:
    """What is sent to the provider: partial images come only in a stream."""
    return wish | ({"stream": True} if wish.get("partial_images") else {})


@pytest.mark.parametrize("drawn", GENERATIONS)
def test_generations_agree(client: httpx.Client, resolver: Resolver, drawn: int) -> None:
    chance = random.Random(20261122)
    outcomes: Counter[str] = Counter()
    disagreements = []
    for _ in range(drawn):
        wish = parameters(chance, operation="generation")
        try:
            request = resolver.check("generation", generation_of_json(wish), TODAY).request
        except EaselError as refusal:
            answer = client.post("/images/generations", json=streamed(wish))
            said = refusal.problem.message
            agreed = answer.status_code in (400, 404)
            outcomes["refused"] += 1
        else:
            sent = streamed({"model": request.model, "prompt": request.prompt, **request.parameters})
            answer = client.post("/images/generations", json=sent)
            said = "accepted"
            agreed = answer.status_code == 200
            outcomes["accepted"] += 1
        if not agreed:
            disagreements.append((wish, said, answer.status_code, answer.text[:200]))
    assert not disagreements, f"{len(disagreements)} disagreements, the first: {disagreements[:3]}"
    assert min(outcomes.values()) > drawn // 4, outcomes


@pytest.mark.parametrize("drawn", EDITS)
def test_edits_agree(client: httpx.Client, resolver: Resolver, drawn: int) -> None:
    chance = random.Random(20261123)
    outcomes: Counter[str] = Counter()
    disagreements = []
    picture = io.BytesIO()
    Image.new("RGBA", (256, 256), (200, 80, 40, 120)).save(picture, "PNG")
    for _ in range(drawn):
        wish = {
            name: value
            for name, value in parameters(chance, operation="edit").items()
            if value is not None and not isinstance(value, dict)
        }
        fields = {name: str(value) for name, value in wish.items()}
        images = chance.choice([1, 1, 1, 1, 2, 16, 17, 0])
        files = [("image[]", (f"{index}.png", picture.getvalue(), "image/png")) for index in range(images)]
        overlay = chance.choice([None, None, None, "mask", "markup"])
        if overlay:
            files.append((overlay, (f"{overlay}.png", picture.getvalue(), "image/png")))
        try:
            asked = edit_of_form([*fields.items(), *((name, file[1]) for name, file in files)])
            request = resolver.check("edit", asked, TODAY).request
        except EaselError as refusal:
            # An empty form is still a form.
            asked_for = fields | streamed_form(fields)
            answer = client.post("/images/edits", data=asked_for, files=files or [("", ("", b""))])
            said = refusal.problem.message
            agreed = answer.status_code in (400, 404)
            outcomes["refused"] += 1
        else:
            sent = {"model": request.model, "prompt": request.prompt, **request.parameters}
            texts = {name: str(value) for name, value in sent.items()}
            answer = client.post("/images/edits", data=texts | streamed_form(texts), files=files)
            said = "accepted"
            agreed = answer.status_code == 200
            outcomes["accepted"] += 1
        if not agreed:
            disagreements.append((wish, images, overlay, said, answer.status_code, answer.text[:200]))
    assert not disagreements, f"{len(disagreements)} disagreements, the first: {disagreements[:3]}"
    assert min(outcomes.values()) > drawn // 8, outcomes
