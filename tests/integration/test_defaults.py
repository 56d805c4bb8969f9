"""Defaults of keys and of the deployment, so that `auto` does not block a budget, and the way out of a refusal."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli import drops, keys
from cli.main import main
from cli.stack import Stack
from core.ledger.model import Budget
from tests.support.pictures import picture
from tests.support.world import World
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor

HALF_A_DOLLAR = 500_000
LOW = {"quality": "low", "size": "1024x1024"}
FLARE = "gpt-image-2.6-flare"
OTTER = {"prompt": "an otter"}


def key_with(
    world: World, budget: int | None = None, *, models: list[str] | None = None, defaults: dict[str, str] | None = None
) -> str:
    return keys.create(world.stack, "k", None, models or [], [], Budget(day=budget), defaults=defaults)[0]


def ask(world: World, key: str, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
    sent = {"prefer": "respond-async"} | dict(headers or {})
    return world.api.call("POST", "/images/generations", OTTER | body, key=key, headers=sent)


def applied(answer: Answer) -> Any:
    assert answer.status == 202, answer.text
    return answer.json()["easel"]["applied"]


def test_a_small_budget_with_defaults_buys_its_first_picture(world: World) -> None:
    assert ask(world, key_with(world, HALF_A_DOLLAR)).status == 402
    key = key_with(world, HALF_A_DOLLAR, defaults=LOW)
    job = ask(world, key)
    assert applied(job) == {"model": FLARE, **LOW}
    quoted = world.api.call("POST", "/images/quote", OTTER, key=key).json()
    assert quoted["upper_bound_micro_usd"] == job.json()["easel"]["cost"]["upper_bound_micro_usd"] < 30_000
    assert quoted["easel"]["applied"] == {"model": FLARE, **LOW}
    world.jobs.work()
    (call,) = world.simulator.calls()
    assert (call["accepted"], call["charged_micro_usd"] <= quoted["upper_bound_micro_usd"]) == (True, True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"quality": "high"}, {"quality": "high", "size": "1024x1024"}),
        ({"size": "1536x1024"}, {"quality": "low", "size": "1536x1024"}),
        ({"quality": "auto", "size": "auto"}, {"quality": "auto", "size": "auto"}),
        ({"quality": None, "size": ""}, LOW),
    ],
)
def test_what_a_request_names_is_what_it_gets(world: World, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert applied(ask(world, key_with(world, defaults=LOW), **body)) == {"model": FLARE, **expected}


def test_the_deployments_defaults_are_for_keys_without_their_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_DEFAULT_QUALITY", "medium")
    monkeypatch.setenv("EASEL_DEFAULT_SIZE", "1536x1024")
    world.restart()
    assert applied(ask(world, key_with(world))) == {"model": FLARE, "quality": "medium", "size": "1536x1024"}
    assert applied(ask(world, key_with(world, defaults={"quality": "low"}))) == {
        "model": FLARE,
        "quality": "low",
        "size": "1536x1024",
    }


def test_a_default_that_the_model_does_not_have_is_not_used_and_said(world: World) -> None:
    answer = ask(world, key_with(world, defaults={"quality": "xhigh", "size": "1024x1024"}), model="gpt-image-2")
    assert applied(answer) == {"model": "gpt-image-2", "size": "1024x1024"}
    (warning,) = answer.json()["easel"]["warnings"]
    assert (warning["code"], warning["param"]) == ("default_not_used", "quality")


def test_a_default_goes_before_what_a_retired_model_did(world: World) -> None:
    answer = ask(world, key_with(world, defaults=LOW), model="dall-e-3")
    assert applied(answer) == {"model": "gpt-image-2", **LOW}
    assert "quality" not in answer.json()["easel"]["warnings"][0]["message"]


def test_assistants_and_drops_get_the_defaults(world: World) -> None:
    key, caller = keys.create(world.stack, "k", None, [], [], Budget(day=HALF_A_DOLLAR), defaults=LOW)
    door = McpDoor(key)
    quoted = door.call("quote_image", **OTTER).result["structuredContent"]
    assert quoted["upper_bound_micro_usd"] < 30_000
    made = door.call("generate_image", **OTTER, wait_seconds=0).result
    assert not made["isError"]
    drops.map_prefix(world.stack, "team", caller.id)
    world.inbox.put("team/recipe.json", json.dumps(OTTER).encode())
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    jobs = world.api.call("GET", "/jobs", key=key).json()["data"]
    assert [job["easel"]["applied"] for job in jobs] == [{"model": FLARE, **LOW}] * 2


@pytest.mark.parametrize("headers", [{"idempotency-key": "k-1"}, {"x-stainless-retry-count": "1"}])
def test_a_request_sent_again_joins_its_job_after_the_operator_changed_defaults(
    world: World, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, caller = keys.create(world.stack, "k", None, [], [], defaults=LOW)
    first = ask(
        world, key, headers | ({"x-stainless-retry-count": "0"} if "x-stainless-retry-count" in headers else {})
    )
    world.stack.callers().set_defaults(caller.id, {"quality": "high", "size": None})
    monkeypatch.setenv("EASEL_DEFAULT_MODEL", "gpt-image-2")
    monkeypatch.setenv("EASEL_DEFAULT_SIZE", "1536x1024")
    world.restart()
    again = ask(world, key, headers)
    assert again.json()["id"] == first.json()["id"]
    assert applied(again) == {"model": FLARE, **LOW}
    assert len(world.jobs.messages()) == 1


def test_a_key_for_one_model_uses_it_where_a_request_names_none(world: World) -> None:
    key = key_with(world, models=["gpt-image-2"])
    assert applied(ask(world, key))["model"] == "gpt-image-2"
    assert ask(world, key, model=FLARE).status == 403
    assert ask(world, key_with(world, models=["gpt-image-2", "gpt-image-1.5"])).status == 403
    token = world.api.call(
        "POST", "/tokens", {"images": 3, "origins": ["https://a.example"], "models": ["gpt-image-2"]}
    )
    page = ask(world, token.json()["token"], {"origin": "https://a.example"})
    assert applied(page)["model"] == "gpt-image-2"


# ---------------------------------------------------------------- refusals


def refusal(answer: Answer) -> str:
    assert (answer.status, answer.json()["error"]["code"]) == (402, "budget_exceeded"), answer.text
    return str(answer.json()["error"]["message"])


def test_a_refusal_names_what_would_fit_and_that_fits(world: World) -> None:
    key = key_with(world, HALF_A_DOLLAR)
    message = refusal(ask(world, key))
    assert "Name quality and size: at low 1024x1024 it is at most $0.02359, at medium 1024x1024" in message
    assert "renews" not in message, "more than the whole budget is refused tomorrow, too"
    assert ask(world, key, quality="low", size="1024x1024").status == 202


@pytest.mark.parametrize(
    ("budget", "body", "says", "not_said"),
    [
        (60_000, {}, "at medium 1024x1024 it is at most $0.0527", "xhigh"),
        (30_000, {}, "at low 1024x1024 it is at most $0.02359", "medium"),
        (30_000, {"n": 4}, "Name n 1, quality and size: at low", "medium"),
        (60_000, {"size": "1536x1024", "quality": "max"}, "at low 1536x1024", "at max"),
        (60_000, {"model": "dall-e-3", "n": 1, "quality": "hd"}, "Name model gpt-image-2, quality and size", "hd"),
        (1_000, {}, "Nothing was bought.", "Name"),
    ],
)
def test_only_what_fits_into_the_rest_is_named(
    world: World, budget: int, body: dict[str, Any], says: str, not_said: str
) -> None:
    message = refusal(ask(world, key_with(world, budget), **body))
    assert says in message
    assert not_said not in message


def test_an_edit_and_an_assistant_are_told_the_way_out_as_well(world: World) -> None:
    key = key_with(world, HALF_A_DOLLAR)
    edit = world.api.form("/images/edits", OTTER, [("image", ("a.png", picture()))], key=key)
    assert "Name quality and size: at low 1024x1024" in refusal(edit)
    told = McpDoor(key).call("generate_image", **OTTER).result
    assert "Name quality and size: at low 1024x1024" in told["content"][0]["text"]


def test_a_token_whose_budget_never_covers_the_request_does_not_ask_for_a_new_one(world: World) -> None:
    minted = {"images": 3, "origins": ["https://a.example"], "budget_micro_usd": 200_000}
    token = world.api.call("POST", "/tokens", minted).json()["token"]
    message = refusal(ask(world, token, {"origin": "https://a.example"}))
    assert "new token" not in message
    assert "at low 1024x1024 it is at most $0.02359" in message


def test_a_visitor_learns_nothing_of_the_keys_budget(world: World) -> None:
    key = key_with(world, HALF_A_DOLLAR)
    token = world.api.call("POST", "/tokens", {"images": 3, "origins": ["https://a.example"]}, key=key).json()["token"]
    message = refusal(ask(world, token, {"origin": "https://a.example"}))
    assert "$" not in message
    assert "A lower quality or a smaller size costs less." in message


@pytest.mark.parametrize(("budget", "rings"), [(HALF_A_DOLLAR, False), (10_000, True)])
@pytest.mark.parametrize("from_page", [False, True])
def test_only_a_budget_that_is_used_up_rings_the_operators_alarm(
    world: World, capsys: pytest.CaptureFixture[str], budget: int, rings: bool, from_page: bool
) -> None:
    """A request is refused for its upper bound; that is not the budget's fault if its price would fit many times."""
    key, headers = key_with(world, budget), {}
    if from_page:
        headers = {"origin": "https://a.example"}
        minted = {"images": 3, "origins": [headers["origin"]]}
        key = world.api.call("POST", "/tokens", minted, key=key).json()["token"]
    capsys.readouterr()
    refusal(ask(world, key, headers))
    assert ("BudgetRefusals" in capsys.readouterr().out) is rings


# ---------------------------------------------------------------- the command line


@pytest.fixture
def easel(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Stack, "find", lambda *_, **__: world.stack)
    return main


def test_keys_have_defaults_by_the_command_line(world: World, easel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        easel(["keys", "create", "--name", "trial", "--budget-day", "0.50", "--quality", "low", "--size", "1024x1024"])
        == 0
    )
    out, err = capsys.readouterr()
    key, caller_id = out.strip(), err.split()[0]
    assert "warning" not in err
    assert applied(ask(world, key)) == {"model": FLARE, **LOW}
    assert easel(["keys", "list"]) == 0
    assert "quality=low size=1024x1024" in capsys.readouterr().out
    assert easel(["keys", "set", caller_id, "--quality", "medium", "--size", "none"]) == 0
    out, err = capsys.readouterr()
    assert "quality=medium" in out
    assert err == "", "the largest size fits at medium"
    assert applied(ask(world, key, size="1024x1024"))["quality"] == "medium"
    assert easel(["keys", "set", caller_id, "--quality", "none"]) == 0
    assert "can cost up to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--budget-day", "0.50"], "can cost up to $0.71"),
        (["--budget-total", "0.02", "--quality", "low", "--size", "1024x1024"], "can cost up to $0.0250"),
        (["--quality", "hd"], "The default quality 'hd' was not used"),
        (["--model", "gpt-image-99-typo"], "does not know the model 'gpt-image-99-typo'"),
        (["--name", "tests"], "already a key named 'tests'"),
    ],
)
def test_a_key_that_may_not_work_is_made_with_a_warning(
    easel: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert easel(["keys", "create", "--name", "new", *arguments]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ek_")
    assert err.startswith("easel: warning: ")
    assert says in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", ""],
        ["--name", " \t"],
        ["--name", "x" * 5000],
        ["--name", "x", "--model", "no-such"],
        ["--name", "x", "--model", ""],
        ["--name", "x", "--origin", "*"],
        ["--name", "x", "--origin", "https://shop.example/"],
        ["--name", "x", "--origin", "https://shop.example/path"],
        ["--name", "x", "--origin", "HTTPS://shop.example"],
        ["--name", "x", "--quality", "best"],
        ["--name", "x", "--size", "large"],
    ],
)
def test_a_key_that_cannot_work_is_not_made(
    world: World, easel: Any, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    before = len(world.stack.callers().list_all())
    assert easel(["keys", "create", *arguments]) == 2
    assert "Invalid value for '--" in capsys.readouterr().err
    assert len(world.stack.callers().list_all()) == before
