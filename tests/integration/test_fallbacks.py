"""A model that cannot be had is replaced by one that the caller named, if it is certain that nothing was bought."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from cli import keys
from cli.audit import audit
from core import aws
from core.jobs.breaker import PAUSE_SECONDS, THRESHOLD
from local.simulator import faults
from tests.support.moved_time import Clock
from tests.support.pictures import picture
from tests.support.world import World

FIRST, SECOND, THIRD = "gpt-image-2", "gemini-3.1-flash-lite-image", "stable-image-core"
CERTAIN = (
    "rate_limit",
    "slow_down",
    "insufficient_quota",
    "billing_hard_limit",
    "overloaded",
    "unauthorized",
    "unverified",
)
NOT_CERTAIN = [name for name, kind in faults.KINDS.items() if kind.phase in ("deliver", "stream")]
NOT_CERTAIN += ["server_error", "bad_gateway"]
GOOD_IN_THE_END = ("slow", "late", "no_usage")


@pytest.fixture
def shops(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A deployment with three providers, all played by the simulator."""
    monkeypatch.setenv("EASEL_PROVIDERS", "openai gemini bedrock")
    world.restart()
    yield world


def bought(world: World) -> list[tuple[str, int]]:
    return [(call["model"], call["charged_micro_usd"]) for call in world.simulator.calls() if call["accepted"]]


def made(world: World, *, planned: tuple[str, ...] = (), **body: Any) -> Any:
    """The job of a request, after the worker has had it once."""
    for kind in planned:
        world.simulator.plan(kind)
    job_id = world.api.accepted(**{"model": FIRST, "prompt": "an otter", "quality": "low", "size": "1024x1024", **body})
    world.jobs.deliver(job_id)
    return world.api.job(job_id)


def books_agree(world: World) -> bool:
    return not audit(world.stack.ledger(), world.stack.jobs()).differences


@pytest.mark.parametrize("kind", CERTAIN)
def test_after_a_certain_refusal_the_fallback_runs_and_says_so(shops: World, kind: str) -> None:
    # A refused key is tried once more, since it may have been rotated.
    job = made(shops, planned=(kind, kind) if kind == "unauthorized" else (kind,), fallbacks=[SECOND])
    assert job["status"] == "succeeded"
    assert (job["easel"]["applied"]["model"], job["easel"]["requested"]["model"]) == (SECOND, FIRST)
    assert "quality" not in job["easel"]["applied"]
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["fallback_used"]
    assert "without quality" in job["easel"]["warnings"][0]["message"]
    ((model, charged),) = bought(shops)
    assert (model, charged) == (SECOND, job["easel"]["cost"]["actual_micro_usd"])
    assert books_agree(shops)


@pytest.mark.parametrize("kind", [kind for kind in NOT_CERTAIN if kind not in GOOD_IN_THE_END])
def test_while_it_is_not_certain_that_nothing_was_bought_nothing_else_is(shops: World, kind: str) -> None:
    streamed = {"partial_images": 1} if faults.KINDS[kind].phase == "stream" else {}
    job = made(shops, planned=(kind,), fallbacks=[SECOND, THIRD], **streamed)
    assert job["status"] in ("failed", "unknown")
    assert len(bought(shops)) <= 1
    assert {call["model"] for call in shops.simulator.calls()} == {FIRST}


def test_fallbacks_are_tried_in_their_order_and_the_dearest_is_reserved(shops: World) -> None:
    plain = made(shops)
    job = made(shops, planned=("overloaded", "insufficient_quota"), prompt="two otters", fallbacks=[SECOND, THIRD])
    assert job["easel"]["applied"]["model"] == THIRD
    assert [call["model"] for call in shops.simulator.calls()[1:]] == [
        FIRST,
        SECOND,
        "stability.stable-image-core-v1:1",
    ]
    assert job["easel"]["cost"]["upper_bound_micro_usd"] > plain["easel"]["cost"]["upper_bound_micro_usd"]
    assert job["easel"]["cost"]["actual_micro_usd"] == 40_000
    assert books_agree(shops)
    usage = shops.api.call("GET", "/usage").json()
    assert {row["model"]: row["spent_micro_usd"] for row in usage["data"]}[THIRD] == 40_000


def test_when_nobody_can_the_job_waits_and_begins_again_with_what_was_asked_for(shops: World) -> None:
    job = made(shops, planned=("overloaded", "rate_limit"), fallbacks=[SECOND])
    assert (job["status"], job["easel"]["applied"]["model"], bought(shops)) == ("queued", FIRST, [])
    shops.jobs.deliver(job["id"])
    job = shops.api.job(job["id"])
    assert (job["status"], job["easel"]["applied"]["model"], job["easel"]["warnings"]) == ("succeeded", FIRST, [])
    assert len(bought(shops)) == 1
    assert books_agree(shops)


def test_a_refusal_of_the_request_itself_is_no_reason_to_ask_another(shops: World) -> None:
    job = made(shops, planned=("moderation_blocked",), fallbacks=[SECOND])
    assert (job["status"], job["error"]["code"]) == ("failed", "moderation_blocked")
    assert [call["model"] for call in shops.simulator.calls()] == [FIRST]


def test_while_all_buying_is_stopped_no_fallback_is_asked(shops: World) -> None:
    job_id = shops.api.accepted(model=FIRST, prompt="an otter", fallbacks=[SECOND])
    shops.stack.ledger().stop("a test", int(time.time()))
    shops.jobs.deliver(job_id)
    assert shops.api.job(job_id)["status"] == "queued"
    assert shops.simulator.calls() == []


@pytest.mark.parametrize(
    ("fallback", "body", "why"),
    [
        (SECOND, {"n": 2}, "'n' must be from 1 to 1"),
        (SECOND, {"size": "1536x1024"}, "Supported values of 'size'"),
        ("stable-fast-upscale", {}, "does not support images.generate"),
    ],
)
def test_a_model_that_cannot_run_the_request_is_no_fallback_for_it(
    shops: World, fallback: str, body: dict[str, Any], why: str
) -> None:
    job = made(shops, planned=("overloaded",), fallbacks=[fallback], **body)
    assert job["status"] == "queued"
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["fallback_not_used"]
    assert why in job["easel"]["warnings"][0]["message"]


@pytest.mark.parametrize(
    ("fallbacks", "code"),
    [
        (["gpt-9"], "model_not_found"),
        ("gemini", "invalid_type"),
        ([7], "invalid_type"),
        ([SECOND] * 5, "invalid_value"),
    ],
)
def test_fallbacks_that_do_not_exist_are_refused(shops: World, fallbacks: Any, code: str) -> None:
    answer = shops.api.generate(model=FIRST, prompt="an otter", fallbacks=fallbacks)
    assert (answer.status // 100, answer.json()["error"]["code"]) == (4, code)
    assert answer.json()["error"]["param"].startswith("fallbacks")


def test_a_key_and_the_deployment_have_fallbacks_and_a_request_can_do_without(
    shops: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = keys.create(shops.stack, "with fallbacks", None, [], [], fallbacks=[THIRD])
    monkeypatch.setenv("EASEL_FALLBACKS", SECOND)
    shops.restart()

    def ran(key: str | None, **body: Any) -> str | None:
        shops.simulator.plan("overloaded")
        wish = {"model": FIRST, "prompt": f"an otter {key} {body}", "size": "1024x1024", **body}
        answer = shops.api.call("POST", "/images/generations", wish, key=key, headers={"prefer": "respond-async"})
        shops.jobs.deliver(answer.json()["id"])
        job = shops.api.call("GET", f"/jobs/{answer.json()['id']}", key=key).json()
        return str(job["easel"]["applied"]["model"]) if job["status"] == "succeeded" else None

    assert ran(None) == SECOND
    assert ran(key) == THIRD
    assert ran(key, fallbacks=[]) is None


def test_a_key_that_may_not_use_a_model_does_not_fall_back_on_it(shops: World) -> None:
    key, _ = keys.create(shops.stack, "narrow", None, [FIRST], [])
    wish = {"model": FIRST, "prompt": "an otter", "fallbacks": [SECOND]}
    answer = shops.api.call("POST", "/images/generations", wish, key=key, headers={"prefer": "respond-async"})
    assert "not allowed" in answer.json()["easel"]["warnings"][0]["message"]


def test_an_edit_falls_back_with_its_inputs_on_models_that_accept_them(shops: World) -> None:
    shops.simulator.plan("overloaded")
    fields = {"model": FIRST, "prompt": "at night", "fallbacks": f"stable-fast-upscale,{SECOND}"}
    wide = picture(size=(2000, 40))
    answer = shops.api.form("/images/edits", fields, [("image", ("a.png", wide, "image/png"))])
    shops.jobs.deliver(answer.json()["id"])
    job = shops.api.job(answer.json()["id"])
    assert (job["status"], job["easel"]["applied"]["model"]) == ("succeeded", SECOND)
    assert [call["model"] for call in shops.simulator.calls()] == [FIRST, SECOND]


def test_a_provider_that_is_down_is_left_alone_until_its_pause_is_over(
    shops: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(THRESHOLD):
        shops.simulator.plan("overloaded")
        made(shops, prompt=f"otter {number}")
    assert len(shops.simulator.calls()) == THRESHOLD
    held = made(shops, prompt="one more")
    assert (held["status"], len(shops.simulator.calls())) == ("queued", THRESHOLD)
    assert made(shops, prompt="another", fallbacks=[SECOND])["easel"]["applied"]["model"] == SECOND
    assert '"ProviderDown":[1.0]' in capsys.readouterr().out
    clock.forward(PAUSE_SECONDS + 1)
    shops.jobs.deliver(held["id"])
    assert shops.api.job(held["id"])["status"] == "succeeded"
    assert '"ProviderDown":[0.0]' in capsys.readouterr().out
    assert made(shops, prompt="as usual")["status"] == "succeeded"


def test_only_one_job_tries_a_provider_that_was_down(shops: World, clock: Clock) -> None:
    for number in range(THRESHOLD):
        shops.simulator.plan("overloaded")
        made(shops, prompt=f"otter {number}")
    clock.forward(PAUSE_SECONDS + 1)
    shops.simulator.plan("overloaded")
    made(shops, prompt="the trial")
    made(shops, prompt="too early")
    assert len(shops.simulator.calls()) == THRESHOLD + 1


def test_limits_of_rate_and_refusals_do_not_make_a_provider_look_down(shops: World) -> None:
    for number in range(THRESHOLD + 1):
        shops.simulator.plan("rate_limit" if number % 2 else "moderation_blocked")
        made(shops, prompt=f"otter {number}")
    assert len(shops.simulator.calls()) == THRESHOLD + 1


def test_a_providers_health_that_cannot_be_written_costs_no_image(
    shops: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops.simulator.plan("overloaded")
    made(shops, prompt="the first")

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if params["Key"]["owner"]["S"] == "health":
            raise ConnectionClosedError(endpoint_url="https://dynamodb.example")

    aws.dynamodb().meta.events.register("provide-client-params.dynamodb.UpdateItem", refuse)
    assert made(shops, prompt="the second")["status"] == "succeeded"
