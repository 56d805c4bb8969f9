"""A prompt in, a lasting image URL out, through the deployed template."""

import contextlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

WISH = {"model": "gpt-image-2.6-flare", "prompt": "An otter floats on its back", "quality": "low"}


def generate(stack: Stack, key: Key, headers: dict[str, str] | None = None, **wish: Any) -> httpx.Response:
    return wire.post(
        f"{stack.api_url}/images/generations", json=WISH | wish, headers=key.headers | (headers or {}), timeout=60
    )


def finished(stack: Stack, key: Key, job_id: str, seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job = wire.get(f"{stack.api_url}/jobs/{job_id}?wait=20", headers=key.headers, timeout=60).json()
        if job["status"] not in ("queued", "running"):
            return job
    pytest.fail(f"the job was not finished within {seconds} s: {job}")


@pytest.mark.parametrize(
    ("wish", "size", "image_format"),
    [
        ({"size": "1024x1024"}, (1024, 1024), "PNG"),
        ({"size": "1536x1024", "output_format": "jpeg", "output_compression": 70}, (1536, 1024), "JPEG"),
        ({"model": "gpt-image-1", "size": "1024x1536", "output_format": "webp"}, (1024, 1536), "WEBP"),
    ],
)
def test_the_answer_links_to_an_image_of_the_asked_size_and_format(
    stack: Stack, key: Key, simulator: SimulatorControl, wish: dict[str, Any], size: tuple[int, int], image_format: str
) -> None:
    answer = generate(stack, key, **wish)
    assert answer.status_code == 200, answer.text
    (image,) = answer.json()["data"]
    for url in (image["url"], image["link"]):
        picture = Image.open(io.BytesIO(wire.get(url, follow_redirects=True).raise_for_status().content))
        assert (picture.size, picture.format) == (size, image_format)
    assert (image["width"], image["height"]) == size
    cost = answer.json()["easel"]["cost"]["actual_micro_usd"]
    assert [call["charged_micro_usd"] for call in simulator.calls()] == [cost]


def test_a_job_that_goes_on_shows_previews_until_it_is_deleted(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    simulator.plan("slow", seconds=6)
    job_id = generate(stack, key, {"Prefer": "respond-async"}, partial_images=2, size="1024x1024").json()["id"]
    job: Any = {"previews": [], "status": "queued"}
    while not job["previews"] and job["status"] in ("queued", "running"):
        time.sleep(0.2)
        job = wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json()
    assert job["status"] == "running"
    assert Image.open(io.BytesIO(wire.get(job["previews"][0]["url"]).content)).size == (1024, 1024)
    job = finished(stack, key, job_id)
    assert [preview["index"] for preview in job["previews"]] == [0, 1]
    urls = [preview["url"] for preview in job["previews"]]
    assert [wire.get(url).status_code for url in urls] == [200, 200]
    wire.delete(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).raise_for_status()
    assert {wire.get(url).status_code for url in urls} <= {403, 404}


def test_a_signed_url_cannot_be_altered(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    (image,) = generate(stack, key).json()["data"]
    assert wire.get(image["url"][:-4] + "0000").status_code == 403
    assert wire.get(image["url"].partition("?")[0]).status_code == 403


def test_several_images_at_once(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    answer = generate(stack, key, n=3)
    assert len({image["sha256"] for image in answer.json()["data"]}) == 3
    assert len(simulator.calls()) == 1


def test_a_slow_purchase_is_waited_for_directly_and_becomes_a_job_behind_the_gateway(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    """The official client on the direct URL gets its image after 40 s; API Gateway's answer is a job before 29 s."""
    simulator.plan("slow", seconds=40, count=2)
    direct_key, gateway_key = make_key(), make_key()
    with (
        openai.OpenAI(base_url=stack.direct_url, api_key=direct_key.key, max_retries=0) as client,
        ThreadPoolExecutor() as threads,
    ):
        generate_directly = client.images.with_raw_response.generate
        direct = threads.submit(generate_directly, model="gpt-image-2.6-flare", prompt="A slow otter")
        started = time.monotonic()
        gateway = generate(stack, gateway_key)
        waited = time.monotonic() - started

        assert gateway.status_code == 202
        assert 15 < waited < 29
        assert gateway.headers["Location"] == gateway.json()["url"]
        assert int(gateway.headers["Retry-After"]) > 0
        assert finished(stack, gateway_key, gateway.json()["id"])["status"] == "succeeded"

        answer = direct.result(timeout=60)
        (image,) = answer.parse().data or []
        assert image.url
        assert Image.open(io.BytesIO(wire.get(image.url).raise_for_status().content)).size == (1024, 1024)
    ours = {gateway.headers["x-request-id"], answer.headers["x-request-id"]}
    reached = [call["client_request_id"] for call in simulator.calls()]
    assert sorted(ours) == sorted(request_id for request_id in reached if request_id in ours)


def test_respond_async_answers_at_once(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    simulator.plan("slow", seconds=3)
    started = time.monotonic()
    answer = generate(stack, key, {"Prefer": "respond-async"})
    assert time.monotonic() - started < 3
    assert answer.status_code == 202
    assert finished(stack, key, answer.json()["id"])["result"]["data"][0]["url"]


def test_an_sdk_that_loses_the_answer_and_retries_buys_once(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    simulator.plan("slow", seconds=6)
    with openai.OpenAI(base_url=stack.direct_url, api_key=key.key, max_retries=2, timeout=3) as client:
        with contextlib.suppress(openai.APITimeoutError, openai.ConflictError):  # lost, or not finished in time
            client.images.generate(model="gpt-image-2.6-flare", prompt="A lost otter")
        image = client.with_options(timeout=60).images.generate(
            model="gpt-image-2.6-flare", prompt="A lost otter", extra_headers={"x-stainless-retry-count": "1"}
        )
    assert image.data
    assert image.data[0].url
    assert len(simulator.calls()) == 1


def test_a_provider_limit_is_waited_out(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    simulator.plan("rate_limit", retry_after=2)
    answer = generate(stack, key)
    assert answer.status_code == 200
    assert [call["accepted"] for call in simulator.calls()] == [False, True]


def test_an_sdk_does_not_repeat_what_cannot_succeed(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    simulator.plan("insufficient_quota", count=3)
    with (
        openai.OpenAI(base_url=stack.direct_url, api_key=key.key) as client,
        pytest.raises(openai.RateLimitError) as error,
    ):
        client.images.generate(model="gpt-image-2.6-flare", prompt="A poor otter")
    assert error.value.code == "insufficient_quota"
    assert len(simulator.calls()) == 1
