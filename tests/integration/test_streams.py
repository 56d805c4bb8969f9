"""`stream: true`: server-sent events as OpenAI's SDKs read them, whatever becomes of the job, its client or AWS."""

import base64
import hashlib
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from openai.types import (
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
)
from pydantic import BaseModel

from cli import keys
from core import aws
from core.images.storage import ImageStore
from core.ledger.model import Budget
from tests.support.events import Event, heartbeats, read_events
from tests.support.moved_time import Clock
from tests.support.pictures import picture
from tests.support.streams import timed_stream
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled
from tests.support.world.http_api import Answer

BODY = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024"}
GENERATIONS, EDITS = "/images/generations", "/images/edits"
STREAM: dict[str, Any] = {"stream": True}
IMAGES = [{"image_url": "data:image/png;base64," + base64.b64encode(picture()).decode()}]


def ask(world: World, *, path: str = GENERATIONS, key: str | None = None, **more: Any) -> Answer:
    """The answer to a request on the direct URL; `headers` may be among `more`, the rest goes into the body."""
    headers = more.pop("headers", None)
    return world.api.call("POST", path, BODY | more, door="direct", key=key, headers=headers)


def streamed(world: World, **more: Any) -> list[Event]:
    """The events of a stream that a worker brings to its end."""
    with world.jobs.working():
        answer = ask(world, **STREAM, **more)
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text.startswith(": keep-alive\n\n")
    return read_events(answer.text)


def the_error(events: list[Event]) -> Any:
    (event,) = events
    assert event.name == "error"
    return event.data["error"]


def the_image(events: list[Event], name: str = "image_generation.completed") -> Any:
    (event,) = events
    assert event.name == name, event.data
    return event.data


# ---------------------------------------------------------------- what a client gets


def test_a_generation_ends_with_its_image(world: World) -> None:
    image = the_image(streamed(world))
    ImageGenCompletedEvent.model_validate(image, strict=True)
    assert hashlib.sha256(base64.b64decode(image["b64_json"], validate=True)).hexdigest() == image["sha256"]
    assert "X-Amz-Signature=" in image["url"]
    assert image["link"].endswith(image["id"])
    assert (image["size"], image["quality"], image["output_format"]) == ("1024x1024", "low", "png")
    assert image["easel"]["charged"] is True
    assert image["easel"]["joined"] is False
    assert "stream" not in image["easel"]["requested"]
    assert world.provider.bought() == 1


def test_an_edit_ends_with_its_image(world: World) -> None:
    image = the_image(streamed(world, path=EDITS, images=IMAGES), "image_edit.completed")
    ImageEditCompletedEvent.model_validate(image, strict=True)
    assert image["usage"]["input_tokens_details"]["image_tokens"] > 0


@pytest.mark.parametrize(
    ("path", "more", "kind", "event"),
    [
        (GENERATIONS, {}, "image_generation", ImageGenPartialImageEvent),
        (EDITS, {"images": IMAGES}, "image_edit", ImageEditPartialImageEvent),
    ],
)
def test_previews_come_before_the_image(
    world: World, path: str, more: dict[str, Any], kind: str, event: type[BaseModel]
) -> None:
    *previews, last = streamed(world, path=path, partial_images=2, background="opaque", **more)
    assert [each.name for each in (*previews, last)] == [f"{kind}.partial_image"] * 2 + [f"{kind}.completed"]
    assert [each.data["partial_image_index"] for each in previews] == [0, 1]
    contents = [base64.b64decode(each.data["b64_json"], validate=True) for each in (*previews, last)]
    assert len(set(contents)) == 3
    for each in previews:
        event.model_validate(each.data, strict=True)
        assert (each.data["size"], each.data["quality"], each.data["output_format"]) == ("1024x1024", "low", "png")
        assert f"/previews/{last.data['easel']['job_id']}/" in each.data["url"]
        assert each.data["link"] is None
    assert world.provider.bought() == 1


def test_a_preview_that_cannot_be_read_is_left_out(world: World) -> None:
    def fail(params: dict[str, Any], **_: Any) -> None:
        if params["Key"].endswith("/0.png"):
            raise ConnectionClosedError(endpoint_url="https://aws.test")

    with handled(aws.s3_in_passing(), "provide-client-params.s3.GetObject", fail):
        first, last = streamed(world, partial_images=2)
    assert first.data["partial_image_index"] == 1
    the_image([last])


def test_a_model_without_previews_is_streamed_without(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_PROVIDERS", "openai gemini")
    world.restart()
    body = {"model": "gemini-3.1-flash-lite-image", "prompt": "an otter", "partial_images": 3} | STREAM
    with world.jobs.working():
        answer = world.api.call("POST", GENERATIONS, body, door="direct")
    image = the_image(read_events(answer.text))
    assert [warning["code"] for warning in image["easel"]["warnings"]] == ["no_previews"]


def test_what_a_provider_does_not_say_is_filled_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI requires these fields; Bedrock counts no tokens and names no quality."""
    monkeypatch.setenv("EASEL_PROVIDERS", "openai bedrock")
    world.restart()
    body = {"model": "stable-image-core", "prompt": "an otter"} | STREAM
    with world.jobs.working():
        answer = world.api.call("POST", GENERATIONS, body, door="direct")
    image = the_image(read_events(answer.text))
    ImageGenCompletedEvent.model_validate(image, strict=True)
    assert (image["quality"], image["background"]) == ("auto", "auto")
    assert image["usage"]["total_tokens"] == 0
    assert image["size"] == f"{image['width']}x{image['height']}"


def test_proxies_are_asked_to_pass_on_each_event(world: World) -> None:
    with world.jobs.working():
        headers = ask(world, **STREAM).headers
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("form", ["url", "link", "b64_json"])
def test_base64_is_in_every_form_and_the_url_as_the_form_says(world: World, form: str) -> None:
    image = the_image(streamed(world, response_format=form))
    assert image["b64_json"]
    assert (image["url"] == image["link"]) == (form == "link")


def test_an_image_that_is_too_large_for_an_answer_in_one_piece_can_be_streamed(world: World) -> None:
    large = {"size": "3840x2160", "response_format": "b64_json"}
    assert ask(world, **large).json()["error"]["code"] == "answer_too_large"
    assert the_image(streamed(world, **large))["width"] == 3840
    quoted = world.api.call("POST", "/images/quote", BODY | large | STREAM, door="direct").json()
    assert quoted["easel"]["warnings"] == []


def test_heartbeats_come_before_the_client_loses_its_patience(world: World) -> None:
    world.simulator.plan("slow", seconds=2.5)
    with world.jobs.working():
        answer = ask(world, **STREAM, headers={"x-stainless-read-timeout": "2"})
    assert 3 <= heartbeats(answer.text) <= 4
    the_image(read_events(answer.text))


# ---------------------------------------------------------------- what is refused before it is bought


@pytest.mark.parametrize(
    ("path", "body", "headers", "param", "says"),
    [
        (GENERATIONS, {"n": 2}, {}, "n", "n=1"),
        (
            GENERATIONS,
            {"model": "gpt-image-2.6-flare", "output_format": "gif", "size": "960x960"},
            {},
            "stream",
            "png, jpeg or webp",
        ),
        (
            GENERATIONS,
            {"model": "gpt-image-2.6-flare", "output_format": "svg", "svg": {"model": "gpt-5.1"}, "size": None},
            {},
            "stream",
            "png, jpeg or webp",
        ),
        (GENERATIONS, {}, {"prefer": "respond-async"}, "stream", "Prefer"),
        (GENERATIONS, {}, {"prefer": "wait=0"}, "stream", "Prefer"),
        (GENERATIONS, {"stream": "yes"}, {}, "stream", "true or false"),
        (GENERATIONS, {"quality": "hd"}, {}, "quality", "'low'"),
        (EDITS, {"n": 2, "images": IMAGES}, {}, "n", "n=1"),
        (EDITS, {}, {}, "image", "image"),
    ],
)
def test_what_cannot_be_streamed_is_an_ordinary_error(
    world: World, path: str, body: dict[str, Any], headers: dict[str, str], param: str, says: str
) -> None:
    answer = ask(world, path=path, **STREAM | body, headers=headers)
    error = answer.json()["error"]
    assert (answer.status, error["param"]) == (400, param)
    assert says in error["message"]
    assert world.jobs.messages() == []


@pytest.mark.parametrize("value", [1, 0, "true", "", [], [True], {}, {"stream": True}, 0.5])
def test_a_stream_is_asked_for_with_true_and_nothing_else(world: World, value: Any) -> None:
    answer = ask(world, stream=value, headers={"prefer": "respond-async"})
    if value == "":  # absent, as every empty text
        assert answer.status == 202
    else:
        error = answer.json()["error"]
        assert (answer.status, error["code"], error["param"]) == (400, "invalid_type", "stream")
        assert world.jobs.messages() == []


def test_who_may_not_buy_gets_an_ordinary_error(world: World) -> None:
    poor, _ = keys.create(world.stack, "poor", None, [], [], Budget(day=1))
    assert ask(world, **STREAM, key=poor).status == 402
    assert ask(world, **STREAM, key="ek_unknown").status == 401
    assert world.jobs.messages() == []


@pytest.mark.parametrize("path", [GENERATIONS, EDITS])
def test_behind_api_gateway_a_stream_is_refused_and_the_direct_url_named(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("EASEL_DIRECT_URL", "https://abc.lambda-url.example/v1")
    world.restart()
    body = BODY | STREAM | ({"images": IMAGES} if path == EDITS else {})
    answer = world.api.call("POST", path, body)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "stream_not_supported", "stream")
    assert "https://abc.lambda-url.example/v1" in error["message"]
    assert error["charged"] is False
    assert world.jobs.messages() == []


def test_a_form_may_ask_for_a_stream_too(world: World) -> None:
    files = [("image", ("a.png", picture(), "image/png"))]
    answer = world.api.form(EDITS, BODY | {"stream": "true"}, files)
    assert answer.json()["error"]["code"] == "stream_not_supported"


# ---------------------------------------------------------------- how a stream ends without an image


def test_a_job_that_fails_ends_the_stream_with_its_error(world: World) -> None:
    world.simulator.plan("moderation_blocked")
    error = the_error(streamed(world))
    assert (error["code"], error["charged"]) == ("moderation_blocked", False)
    assert error["job_id"].startswith("job_")
    assert error["request_id"]


def test_a_canceled_job_ends_the_stream(world: World) -> None:
    answered = world.api.answered("POST", GENERATIONS, BODY | STREAM, door="direct")
    next(answered["body"])
    (job_id,) = world.jobs.messages()
    assert world.api.call("POST", f"/jobs/{job_id}/cancel").status == 200
    assert the_error(read_events(b"".join(answered["body"]).decode()))["code"] == "job_canceled"


def test_an_image_that_was_deleted_is_not_streamed_again(world: World) -> None:
    named = {"headers": {"idempotency-key": "one"}}
    image = the_image(streamed(world, **named))
    assert world.api.call("DELETE", f"/images/{image['id']}").status == 200
    error = the_error(streamed(world, **named))
    assert (error["code"], error["charged"]) == ("images_deleted", True)


def test_a_fault_of_easels_ends_the_stream_with_an_event_and_a_line_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bytes:
        raise ValueError("a secret")

    monkeypatch.setattr(ImageStore, "read", broken)
    error = the_error(streamed(world))
    assert error["code"] == "internal_error"
    assert "secret" not in error["message"]
    assert error["job_id"] in error["message"]


# ---------------------------------------------------------------- nothing is lost, and nothing bought twice


def begun(world: World) -> tuple[Generator[bytes], str]:
    """A stream that its client has begun to read, and its job."""
    body = world.api.answered("POST", GENERATIONS, BODY | STREAM, door="direct")["body"]
    assert next(body) == b": keep-alive\n\n"
    return body, world.api.call("GET", "/jobs").json()["data"][0]["id"]


def end_by_the_clock(world: World) -> str:
    error = the_error(read_events(ask(world, **STREAM, headers={"prefer": "wait=1"}).text))
    assert (error["code"], error["retryable"]) == ("job_not_finished", True)
    assert error["job_id"] in error["message"]
    return str(error["job_id"])


def go_away(world: World) -> str:
    body, job_id = begun(world)
    body.close()
    return job_id


def lose_the_function(world: World) -> str:
    """Lambda kills it, so nothing of it runs any more."""
    body, job_id = begun(world)
    _killed.append(body)
    return job_id


def find_the_image_unreadable(world: World) -> str:
    def fail(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="https://aws.test")

    with handled(aws.s3(), "before-send.s3.GetObject", fail):
        error = the_error(streamed(world))
    assert (error["code"], error["retryable"], error["charged"]) == ("image_unreadable", True, True)
    return str(error["job_id"])


_killed: list[Generator[bytes]] = []
MISHAPS = [end_by_the_clock, go_away, lose_the_function, find_the_image_unreadable]


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("more", [STREAM, {}], ids=["as a stream", "in one piece"])
def test_after_a_mishap_the_same_request_gets_the_image_and_buys_nothing(
    world: World, mishap: Callable[[World], str], more: dict[str, Any]
) -> None:
    job_id = mishap(world)
    with world.jobs.working():
        answer = ask(world, **more)
    image = the_image(read_events(answer.text)) if more else answer.json()
    assert (image["easel"]["job_id"], image["easel"]["joined"]) == (job_id, True)
    assert world.provider.bought() == 1
    while _killed:
        _killed.pop().close()


def test_after_its_image_an_equal_request_is_a_new_purchase(world: World) -> None:
    assert [the_image(streamed(world))["easel"]["joined"] for _ in range(2)] == [False, False]
    assert world.provider.bought() == 2


def test_a_named_request_finds_its_job_in_either_form(world: World) -> None:
    named: dict[str, Any] = {"headers": {"idempotency-key": "one"}}
    first = the_image(streamed(world, **named))
    answer = ask(world, **named).json()
    assert answer["easel"]["job_id"] == first["easel"]["job_id"]
    assert the_image(streamed(world, **named))["easel"]["joined"] is True
    assert world.provider.bought() == 1


def test_a_retry_of_an_sdk_joins_the_stream_that_it_lost(world: World) -> None:
    first = ask(world, **STREAM, headers={"x-stainless-retry-count": "0", "prefer": "wait=1"})
    image = the_image(streamed(world, headers={"x-stainless-retry-count": "1"}))
    assert image["easel"]["job_id"] == the_error(read_events(first.text))["job_id"]
    assert world.provider.bought() == 1


def test_a_job_that_cannot_be_read_for_a_while_is_followed_all_the_same(world: World) -> None:
    failures = iter(range(3))

    def fail(request: Any, **_: Any) -> None:
        if any(True for _ in failures):
            raise ConnectionClosedError(endpoint_url="https://aws.test")

    body, job_id = begun(world)
    world.jobs.deliver(job_id)
    with handled(aws.dynamodb(), "before-send.dynamodb.GetItem", fail):
        image = the_image(read_events(b"".join(body).decode()))
    assert image["easel"]["job_id"] == job_id
    assert world.provider.bought() == 1


# ---------------------------------------------------------------- a stream is a call that waits


def test_a_stream_has_a_place_among_waiting_calls_until_it_ends(world: World) -> None:
    body, _ = begun(world)
    assert places(world.caller_id) == 1
    body.close()
    assert places(world.caller_id) == 0


def places(subject: str) -> int:
    item = moto.dynamodb().get_item(TableName="jobs", Key={"id": {"S": f"uses#{subject}"}}).get("Item", {})
    return len(item["places"]["SS"]) if "places" in item else 0


def test_a_stream_beyond_the_bound_is_an_ordinary_error_and_buys_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_CALLER_WAITING_CALLS", "1")
    world.restart()
    body, _ = begun(world)
    answer = ask(world, prompt="another otter", **STREAM)
    assert (answer.status, answer.json()["error"]["code"]) == (429, "too_many_waiting_calls")
    body.close()
    with world.jobs.working():
        assert ask(world, prompt="another otter", **STREAM).status == 200
    assert world.provider.bought() == 2


def test_a_browser_tokens_stream_ends_as_early_as_its_waits(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_MAX_WAIT_SECONDS", "840")
    world.restart()
    monkeypatch.setattr(time, "sleep", clock.forward)
    page = "https://shop.example"
    token = world.api.call("POST", "/tokens", {"images": 1, "origins": [page]}).json()["token"]
    began = time.time()
    answer = ask(world, **STREAM, key=token, headers={"origin": page})
    assert the_error(read_events(answer.text))["code"] == "job_not_finished"
    assert 25 <= time.time() - began < 30


# ---------------------------------------------------------------- in time


def test_lambda_receives_each_piece_when_there_is_something_to_say(world: World) -> None:
    """With a purchase of a minute, and within a second: tests/campaigns/test_streaming.py."""
    timing = timed_stream(world, purchase_seconds=1.5, previews=1)
    assert [event.name.partition(".")[2] for event in timing.events] == ["partial_image", "completed"]
    assert timing.first_heartbeat < 1.4
    assert max(timing.delays) < 10
