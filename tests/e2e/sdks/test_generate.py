"""images.generate by each official client: what its user asks for, reads, and does when it takes long."""

from typing import Any

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack

from .conftest import PYTHONS, Client, ClientError, downloaded

WISH: dict[str, Any] = {"model": "gpt-image-2.6-flare", "prompt": "An otter floats on its back", "quality": "low"}


@pytest.mark.parametrize("door", ["direct_url", "api_url"])
def test_an_image_is_generated_through_either_door(
    client: Client, stack: Stack, simulator: SimulatorControl, door: str
) -> None:
    response = client.with_options(base_url=getattr(stack, door)).generate(**WISH, size="1536x1024")
    (image,) = response["data"]
    assert downloaded(image).size == (1536, 1024)
    assert len(simulator.calls()) == 1


def test_the_answer_is_typed(client: Client, simulator: SimulatorControl) -> None:
    response = client.generate(**WISH, size="1024x1024", output_format="webp")
    assert response["type"] == "ImagesResponse"
    assert isinstance(response["created"], int)
    (image,) = response["data"]
    assert isinstance(image["url"], str)
    assert image["b64_json"] is None
    settings = {name: response[name] for name in ("size", "quality", "output_format", "background")}
    assert settings == {"size": "1024x1024", "quality": "low", "output_format": "webp", "background": "opaque"}


def test_tokens_are_counted(client: Client, simulator: SimulatorControl) -> None:
    usage = client.generate(**WISH)["usage"]
    assert usage["text_tokens"] > 0
    assert usage["image_tokens"] == 0
    assert usage["input_tokens"] == usage["text_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_what_easel_adds_is_within_reach(client: Client, simulator: SimulatorControl) -> None:
    response = client.generate(**WISH)
    assert response["extra"]["easel"]["job_id"].startswith("job_")
    (call,) = simulator.calls()
    assert response["extra"]["easel"]["cost"]["actual_micro_usd"] == call["charged_micro_usd"]
    assert response["data"][0]["id"].startswith("img_")
    assert response["data"][0]["link"].endswith(response["data"][0]["id"])


def test_several_images_come_in_one_answer(client: Client, simulator: SimulatorControl) -> None:
    response = client.generate(**WISH, n=3)
    assert len({image["url"] for image in response["data"]}) == 3
    assert [call["n"] for call in simulator.calls()] == [3]


def test_parameters_that_are_null_count_as_absent(client: Client, simulator: SimulatorControl) -> None:
    names = "background moderation n output_compression output_format partial_images response_format size stream style"
    nulls = dict.fromkeys([*names.split(), "user"])
    response = client.generate(**WISH, **nulls)
    assert response["extra"]["easel"]["requested"] == {"model": WISH["model"], "quality": "low"}
    assert len(simulator.calls()) == 1


def test_a_retired_model_runs_its_successor_and_says_so(client: Client, simulator: SimulatorControl) -> None:
    response = client.generate(model="gpt-image-1", prompt="An old otter")
    (warning,) = response["extra"]["easel"]["warnings"]
    assert warning["code"] == "model_translated"
    assert [call["model"] for call in simulator.calls()] == ["gpt-image-2.5-flare"]


def test_the_models_are_listed(client: Client) -> None:
    models = client.models()
    assert {model["type"] for model in models} == {"Model"}
    assert "gpt-image-2.6-flare" in {model["id"] for model in models}


def test_the_request_id_is_that_of_the_header(client: Client, simulator: SimulatorControl) -> None:
    response = client.generate("raw", **WISH)
    assert response["headers"]["x-request-id"]
    assert response["request_id"] == response["headers"]["x-request-id"]


def test_a_caller_who_does_not_wait_gets_a_job_and_polls_it(client: Client, simulator: SimulatorControl) -> None:
    accepted = client.generate(**WISH, extra_headers={"Prefer": "respond-async"})
    assert accepted["data"] is None
    assert accepted["extra"]["status"] == "queued"
    job = client.get(f"/jobs/{accepted['extra']['id']}?wait=20")
    assert job["status"] == "succeeded"
    assert downloaded(job["result"]["data"][0]).size == (1024, 1024)
    assert len(simulator.calls()) == 1


@pytest.mark.parametrize(
    "extra",
    [{"extra_headers": {"Easel-Deadline": "20"}}, {"extra_body": {"easel_deadline": 20}}],
    ids=["header", "body"],
)
def test_a_job_waits_no_longer_than_the_caller_says(
    client: Client, simulator: SimulatorControl, extra: dict[str, Any]
) -> None:
    """The provider asks for a longer wait, so the job ends at once and free of charge."""
    simulator.plan("rate_limit", retry_after=60)
    with pytest.raises(ClientError) as raised:
        client.with_options(max_retries=0).generate(**WISH, **extra)
    error = raised.value.seen["body"]
    assert (error["code"], error["charged"]) == ("rate_limit_exceeded", False)
    assert [call["accepted"] for call in simulator.calls()] == [False]


@pytest.mark.parametrize("client", PYTHONS, indirect=True)
def test_the_asynchronous_client_generates(client: Client, simulator: SimulatorControl) -> None:
    response = client.generate("async", **WISH)
    assert downloaded(response["data"][0]).size == (1024, 1024)
    assert len(simulator.calls()) == 1
