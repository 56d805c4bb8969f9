"""What each model takes and refuses on /v1/images/generations."""

from typing import Any

import httpx
import pytest

from local.simulator import Simulator

GPT_LIVE = [
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-1.5-2025-12-16",
    "chatgpt-image-latest",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
]
# One name of each family stands for its rules.
GPT = ["gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-flare"]
FIXED = GPT[:2]
FLEXIBLE = GPT[2:]
NO_TOP_QUALITY = GPT[:3]
TOP_QUALITY = GPT[3:]
NO_GIF = GPT[:4]

REQUEST = "invalid_request_error"
USER = "image_generation_user_error"
JPEG, WEBP = {"output_format": "jpeg"}, {"output_format": "webp"}
SVG = {"output_format": "svg", "svg": {"model": "gpt-5"}}


@pytest.mark.parametrize("model", GPT_LIVE)
@pytest.mark.parametrize("quality", ["high", None])
def test_every_gpt_model_takes_the_basic_qualities(generate: Any, model: str, quality: str) -> None:
    assert generate(model=model, quality=quality).status_code == 200


@pytest.mark.parametrize("model", GPT)
@pytest.mark.parametrize(
    "settings",
    [
        {"size": "1024x1024"},
        {"size": "1536x1024", "output_format": "webp", "output_compression": 0},
        {"size": "1024x1536", "output_format": "jpeg", "output_compression": 100},
        {"size": "auto", "background": "transparent", "output_format": "webp"},
        {"background": "transparent", "moderation": "low", "user": "u", "safety_identifier": "s"},
        {"output_compression": 100, "partial_images": 0, "stream": False, "n": 2},
        {"response_format": None, "style": None, "svg": None, "n": None, "size": None},
    ],
    ids=str,
)
def test_every_gpt_model_takes(generate: Any, model: str, settings: dict[str, Any]) -> None:
    assert generate(model=model, **settings).status_code == 200


ACCEPTED: list[tuple[list[str], dict[str, Any]]] = [
    (TOP_QUALITY, {"quality": "xhigh"}),
    (TOP_QUALITY, {"quality": "max"}),
    (FLEXIBLE, {"size": "1024x640"}),
    (FLEXIBLE, {"size": "3840x2160"}),
    (FLEXIBLE, {"size": "1536x512"}),
    (["gpt-image-2.6-flare"], {"complexity": "low"}),
    (["gpt-image-2.6-flare"], {"output_format": "gif", "frame_count": 2, "size": "960x960"}),
    (["gpt-image-2.6-flare"], {"output_format": "gif", "frame_count": 12, "size": "816x816"}),
    (["gpt-image-2.6-flare"], {"output_format": "gif", "frame_count": 16, "size": "720x720"}),
    (["gpt-image-2.6-flare"], {"output_format": "gif", "frame_duration_ms": 655350, "n": 2}),
    (["gpt-image-2.6-flare"], SVG),
    (["gpt-image-2.6-flare"], SVG | {"svg": {"model": "gpt-5", "reasoning": {"effort": "minimal"}}}),
    (["gpt-image-2.6-flare"], {"prompt": "x" * 32_000}),
]


@pytest.mark.parametrize(
    ("model", "settings"),
    [(model, settings) for models, settings in ACCEPTED for model in models],
    ids=lambda value: str(value)[:60],
)
def test_accepted(generate: Any, model: str, settings: dict[str, Any]) -> None:
    response = generate(model=model, **settings)
    assert response.status_code == 200, response.text


# models, settings, type, code, param, part of the message
REFUSED: list[tuple[list[str], dict[str, Any], str, str | None, str | None, str]] = [
    (GPT, {"response_format": "url"}, REQUEST, "unknown_parameter", "response_format", "Unknown parameter: 'resp"),
    (GPT, {"style": "vivid"}, REQUEST, "unknown_parameter", "style", "Unknown parameter: 'style'."),
    (GPT, {"seed": 1}, REQUEST, "unknown_parameter", "seed", "Unknown parameter: 'seed'."),
    (GPT, {"input_fidelity": "low"}, REQUEST, "unknown_parameter", "input_fidelity", "Unknown"),
    (GPT, {"mask": {}}, REQUEST, "unknown_parameter", "mask", "Unknown"),
    (GPT, {"prompt": None}, REQUEST, "missing_required_parameter", "prompt", "Missing required"),
    (GPT, {"prompt": ""}, REQUEST, "empty_string", "prompt", "empty string"),
    (GPT, {"prompt": "x" * 32_001}, REQUEST, "string_above_max_length", "prompt", "32000"),
    (GPT, {"prompt": 5}, REQUEST, "invalid_type", "prompt", "expected a string, but got an integer"),
    (GPT, {"n": 0}, REQUEST, "integer_below_min_value", "n", ">= 1, but got 0"),
    (GPT, {"n": 11}, REQUEST, "integer_above_max_value", "n", "<= 10, but got 11"),
    (GPT, {"n": "2"}, REQUEST, "invalid_type", "n", "expected an integer, but got a string"),
    (GPT, {"n": True}, REQUEST, "invalid_type", "n", "a boolean"),
    (GPT, {"n": 1.5}, REQUEST, "invalid_type", "n", "a decimal number"),
    (GPT, {"quality": "hd"}, REQUEST, "invalid_value", "quality", "Supported values are: 'low'"),
    (GPT, {"quality": "standard"}, REQUEST, "invalid_value", "quality", "Invalid value: 'standard'."),
    (NO_TOP_QUALITY, {"quality": "xhigh"}, USER, "invalid_value", "quality", "does not support quality 'xhigh'"),
    (NO_TOP_QUALITY, {"quality": "max"}, USER, "invalid_value", "quality", "does not support quality 'max'"),
    (FIXED, {"size": "1792x1024"}, REQUEST, "invalid_value", "size", "'1536x1024', and 'auto'"),
    (FIXED, {"size": "2048x2048"}, REQUEST, "invalid_value", "size", "Supported values"),
    (FLEXIBLE, {"size": "1792x936"}, USER, "invalid_value", "size", "Width and height must both be"),
    (FLEXIBLE, {"size": "3856x1536"}, USER, "invalid_value", "size", "3840"),
    (FLEXIBLE, {"size": "2048x640"}, USER, "invalid_value", "size", "3:1"),
    (FLEXIBLE, {"size": "512x512"}, USER, "invalid_value", "size", "655360"),
    (FLEXIBLE, {"size": "3840x2176"}, USER, "invalid_value", "size", "8294400"),
    (FLEXIBLE, {"size": "1024X1024"}, REQUEST, "invalid_value", "size", "WIDTHxHEIGHT"),
    (FLEXIBLE, {"size": "01024x1024"}, REQUEST, "invalid_value", "size", "WIDTHxHEIGHT"),
    (FLEXIBLE, {"size": "1024x1024\n"}, REQUEST, "invalid_value", "size", "WIDTHxHEIGHT"),
    (GPT, {"size": 1024}, REQUEST, "invalid_type", "size", "expected a string"),
    (GPT, {"background": "white"}, REQUEST, "invalid_value", "background", "'transparent', 'opaque', and 'auto'"),
    (GPT, {"background": "transparent"} | JPEG, USER, "invalid_value", "background", "Transparent background is not"),
    (GPT, {"output_format": "bmp"}, REQUEST, "invalid_value", "output_format", "'png', 'webp'"),
    (NO_GIF, {"output_format": "gif"}, REQUEST, "invalid_value", "output_format", "'png', 'webp', and 'jpeg'"),
    (NO_GIF, {"output_format": "svg"}, REQUEST, "invalid_value", "output_format", "'png', 'webp', and 'jpeg'"),
    (NO_GIF, {"complexity": "low"}, USER, "invalid_value", "complexity", "does not support the 'complexity' parameter"),
    (GPT, {"complexity": "max"}, REQUEST, "invalid_value", "complexity", "'low', 'medium', and 'high'"),
    (GPT, {"output_compression": 101} | WEBP, REQUEST, "integer_above_max_value", "output_compression", "100"),
    (GPT, {"output_compression": -1} | WEBP, REQUEST, "integer_below_min_value", "output_compression", ">= 0"),
    (GPT, {"output_compression": 80}, REQUEST, "invalid_value", "output_compression", "'webp' and 'jpeg'"),
    (GPT, {"moderation": "high"}, REQUEST, "invalid_value", "moderation", "'low' and 'auto'"),
    (GPT, {"stream": True, "n": 2}, REQUEST, None, None, "Streaming is only supported with n=1."),
    (GPT, {"stream": "true"}, REQUEST, "invalid_type", "stream", "expected a boolean"),
    (GPT, {"partial_images": 1}, REQUEST, "invalid_value", "partial_images", "'stream'"),
    (GPT, {"partial_images": 4, "stream": True}, REQUEST, "integer_above_max_value", "partial_images", "3"),
    (GPT, {"frame_count": 4}, REQUEST, "invalid_value", "frame_count", "gif"),
    (GPT, {"frame_duration_ms": 100}, REQUEST, "invalid_value", "frame_duration_ms", "gif"),
    (GPT, {"svg": {"model": "gpt-5"}}, REQUEST, "invalid_value", "svg", "output_format 'svg'"),
    (GPT, {"svg": "gpt-5"}, REQUEST, "invalid_type", "svg", "expected an object"),
    (GPT, {"svg": {"author": "x"}}, REQUEST, "unknown_parameter", "svg.author", "svg.author"),
    (GPT, {"user": 1}, REQUEST, "invalid_type", "user", "string"),
]

REFUSED_26: list[tuple[dict[str, Any], str | None, str]] = [
    ({"output_format": "gif", "size": "1024x1024"}, "size", "921600"),
    ({"output_format": "gif", "size": "832x832", "frame_count": 10}, "size", "691200"),
    ({"output_format": "gif", "size": "736x736", "frame_count": 13}, "size", "518400"),
    ({"output_format": "gif", "size": "512x512", "frame_count": 2}, "size", "655360"),
    ({"output_format": "gif", "frame_count": 1}, "frame_count", "2"),
    ({"output_format": "gif", "frame_count": 17}, "frame_count", "16"),
    ({"output_format": "gif", "frame_duration_ms": 655360}, "frame_duration_ms", "655350"),
    ({"output_format": "gif", "stream": True}, "stream", "gif"),
    ({"output_format": "gif", "background": "transparent"}, "background", "gif"),
    ({"output_format": "gif", "output_compression": 50}, "output_compression", "gif"),
    ({"output_format": "svg"}, "svg.model", "SVG generation requires 'svg.model'."),
    (SVG | {"svg": {}}, "svg.model", "SVG generation requires 'svg.model'."),
    (SVG | {"n": 2}, "n", "n=1"),
    (SVG | {"stream": True}, "stream", "svg"),
    (SVG | {"background": "transparent"}, "background", "svg"),
    (SVG | {"output_compression": 50}, "output_compression", "svg"),
    (SVG | {"svg": {"model": "gpt-5.1", "reasoning": {"effort": "minimal"}}}, "svg.reasoning.effort", "minimal"),
    (SVG | {"svg": {"model": "gpt-5", "reasoning": {"effort": "huge"}}}, "svg.reasoning.effort", "huge"),
]


@pytest.mark.parametrize(
    ("model", "settings", "kind", "code", "param", "text"),
    [(model, *rest) for models, *rest in REFUSED for model in models],
    ids=lambda value: str(value)[:40],
)
def test_refused(
    generate: Any, model: str, settings: dict[str, Any], kind: str, code: str | None, param: str | None, text: str
) -> None:
    response = generate(model=model, **settings)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (kind, code, param)
    assert text in error["message"]


@pytest.mark.parametrize(("settings", "param", "text"), REFUSED_26, ids=lambda value: str(value)[:60])
def test_refused_by_the_newest(generate: Any, settings: dict[str, Any], param: str | None, text: str) -> None:
    response = generate(**settings)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert text in error["message"]


def test_a_model_must_be_named(generate: Any) -> None:
    response = generate(model=None)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "missing_required_parameter"
    assert response.json()["error"]["param"] == "model"


HISTORIC: list[tuple[str, dict[str, Any], str | None]] = [
    ("dall-e-2", {"size": "256x256", "n": 10, "quality": "standard", "response_format": "b64_json"}, None),
    ("dall-e-2", {"prompt": "x" * 1000}, None),
    ("dall-e-2", {"prompt": "x" * 1001}, "prompt"),
    ("dall-e-2", {"size": "1792x1024"}, "size"),
    ("dall-e-2", {"quality": "hd"}, "quality"),
    ("dall-e-2", {"style": "vivid"}, "style"),
    ("dall-e-2", {"background": "opaque"}, "background"),
    ("dall-e-3", {"size": "1024x1792", "quality": "hd", "style": "natural"}, None),
    ("dall-e-3", {"prompt": "x" * 4000}, None),
    ("dall-e-3", {"prompt": "x" * 4001}, "prompt"),
    ("dall-e-3", {"n": 2}, "n"),
    ("dall-e-3", {"size": "512x512"}, "size"),
    ("dall-e-3", {"quality": "high"}, "quality"),
    ("dall-e-3", {"output_format": "png"}, "output_format"),
    ("dall-e-3", {"stream": True}, "stream"),
    ("gpt-image-1", {"size": "1536x1024", "quality": "high", "background": "transparent"}, None),
    ("gpt-image-1", {"size": "2048x2048"}, "size"),
    ("gpt-image-1", {"quality": "max"}, "quality"),
    ("gpt-image-1", {"response_format": "b64_json"}, "response_format"),
]


@pytest.mark.parametrize(("model", "settings", "param"), HISTORIC, ids=lambda value: str(value)[:40])
def test_historic_rules(
    museum: Simulator, http: httpx.Client, model: str, settings: dict[str, Any], param: str | None
) -> None:
    body = {"model": model, "prompt": "an otter"} | settings
    response = http.post(f"{museum.url}/v1/images/generations", json=body)
    assert response.status_code == (400 if param else 200), response.text
    if param:
        assert response.json()["error"]["param"] == param
