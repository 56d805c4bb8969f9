"""What the log says of every call: who, from where, with which code; and how, so that nobody can forge a line of it."""

import io
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from cli import keys
from core.logs import logger
from core.metrics import METRICS
from local.processes import ROOT
from tests.support.world import World
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor

HOSTILE = 'name"}\n{"level":"INFO"}\r\x1b[2J\x1b]0;x\x07\x00\x7f\x85\u202e\u2028\u200b\U000e0041 é'
SHOP = "https://shop.example"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def lines(written: io.StringIO, message: str = "answered") -> list[dict[str, Any]]:
    logged = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in logged if line["message"] == message]


def last(written: io.StringIO, *names: str) -> tuple[Any, ...]:
    return tuple(lines(written)[-1].get(name) for name in names)


DOORS = pytest.mark.parametrize("door", ["api", "direct"])


@DOORS
def test_every_answer_is_logged_with_who_and_from_where(world: World, written: io.StringIO, door: str) -> None:
    (caller,) = world.stack.callers().list_all()
    answer = world.api.call("GET", "/jobs", door=door, source="198.51.100.9")
    assert last(written, "status", "caller_id", "token_id", "source", "code") == (
        200,
        caller.id,
        None,
        "198.51.100.9",
        None,
    )
    assert last(written, "request_id") == (answer.headers["X-Request-Id"],)


@DOORS
def test_every_refusal_is_logged_with_its_code_and_whose_credential_it_was(
    world: World, written: io.StringIO, door: str
) -> None:
    ended, owner = keys.create(world.stack, "ended", -1, [], [])
    bound, holder = keys.create(world.stack, "bound", None, ["dall-e-3"], [SHOP])
    token = world.api.call("POST", "/tokens", {"images": 1, "origins": [SHOP]}).json()
    (caller,) = [each for each in world.stack.callers().list_all() if each.name == "tests"]

    def refused(key: str, method: str = "GET", path: str = "/jobs", **headers: str) -> tuple[Any, ...]:
        body = {"prompt": "an otter"} if method == "POST" else None
        world.api.call(method, path, body, door=door, key=key, headers=headers, source="198.51.100.9")
        return last(written, "status", "code", "caller_id", "token_id", "source")

    here = "198.51.100.9"
    assert refused("nonsense") == (401, "invalid_api_key", None, None, here)
    for _ in range(2):  # looked up, and remembered
        assert refused(ended) == (401, "invalid_api_key", owner.id, None, here)
    assert refused(bound, origin="https://evil.example") == (403, "origin_not_allowed", holder.id, None, here)
    assert refused(bound, "POST", "/images/generations") == (403, "model_not_allowed", holder.id, None, here)
    assert refused(token["token"]) == (403, "token_not_allowed", caller.id, token["id"], here)
    assert refused(token["token"], origin="https://evil.example")[:2] == (403, "origin_not_allowed")
    world.api.call("DELETE", f"/tokens/{token['id']}")
    for _ in range(2):
        assert refused(token["token"]) == (401, "token_revoked", caller.id, token["id"], here)
    assert refused(world.api.key, "GET", "/jobs/job_0")[:3] == (404, "not_found", caller.id)


def test_nothing_of_one_call_is_in_the_line_of_the_next(world: World, written: io.StringIO) -> None:
    world.api.call("GET", "/jobs/job_0")
    world.api.call("GET", "/health", headers={"authorization": ""})
    assert last(written, "status", "caller_id", "token_id", "code") == (200, None, None, None)


def test_assistants_are_logged_as_everybody_else(world: World, written: io.StringIO) -> None:
    narrow, caller = keys.create(world.stack, "narrow", None, ["dall-e-3"], [])
    McpDoor("ek_none").ask("tools/list")
    assert last(written, "status", "code", "caller_id", "source") == (401, "invalid_api_key", None, "203.0.113.7")
    door = McpDoor(narrow)
    door.call("generate_image", prompt="an otter", model="gpt-image-2")
    assert last(written, "status", "code", "caller_id") == (200, "model_not_allowed", caller.id)
    door.ask("resources/read", "easel://images/img_1", uri="easel://images/img_1")
    assert last(written, "code", "caller_id") == ("not_found", caller.id)
    door.ask("tools/list", headers={"origin": "https://evil.example"})
    assert last(written, "status", "code") == (403, "origin_not_allowed")


def test_a_purchase_is_logged_with_who_may_spend_how_much(world: World, written: io.StringIO) -> None:
    token = world.api.call("POST", "/tokens", {"images": 1, "origins": [SHOP]}).json()
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    headers = {"origin": SHOP, "prefer": "respond-async", "idempotency-key": "once"}
    for _ in range(2):
        world.api.call("POST", "/images/generations", body, key=token["token"], headers=headers)
    (bought,) = lines(written, "job accepted")
    assert bought["token_id"] == token["id"]
    assert bought["upper_bound_micro_usd"] > 0
    assert "otter" not in written.getvalue()


def test_refused_credentials_and_permissions_are_measured(
    world: World, capsys: pytest.CaptureFixture[str], written: io.StringIO
) -> None:
    assert "AccessRefused" in METRICS
    for key, path in (("nonsense", "/jobs"), (world.api.key, "/jobs/job_0"), (world.api.key, "/jobs")):
        world.api.call("GET", path, key=key)
    world.api.call("GET", "/jobs", headers={"authorization": ""})
    McpDoor("ek_none").ask("tools/list")
    measured = [line for line in capsys.readouterr().out.splitlines() if '"AccessRefused":[1.0]' in line]
    assert len(measured) == 3


def test_a_client_does_not_choose_the_id_of_its_request(world: World, written: io.StringIO) -> None:
    answers: list[Answer] = [
        world.api.call("GET", "/jobs", headers={"x-amzn-requestid": "mine", "x-request-id": "mine"}) for _ in range(2)
    ]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert not ids & {"mine", "chosen by the client"}
    refused = world.api.call("GET", "/jobs/job_0")
    assert refused.json()["error"]["request_id"] == refused.headers["X-Request-Id"]
    assert "chosen by the client" not in written.getvalue()


def assert_printable(text: str) -> None:
    for line in text.splitlines():
        assert line.isascii()
        assert line.isprintable()
        if line.startswith("{"):
            json.loads(line)


def test_nothing_a_caller_wrote_reaches_a_log_unescaped(
    world: World, written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """At every entry point, in every place that a caller fills."""
    hostile, _ = keys.create(world.stack, HOSTILE, None, [HOSTILE], [])
    ended, _ = keys.create(world.stack, HOSTILE, -1, [], [])
    headers = dict.fromkeys(("user-agent", "origin", "x-request-id", "idempotency-key", "prefer"), HOSTILE)
    for key in (world.api.key, hostile, ended, HOSTILE):
        for door in ("api", "direct"):
            world.api.call("GET", f"/jobs/{HOSTILE}", door=door, key=key, headers=headers)
            world.api.call(HOSTILE, f"/{HOSTILE}", door=door, key=key, source=HOSTILE)
            body = {"prompt": HOSTILE, "model": f"gpt-image-{HOSTILE}", HOSTILE: HOSTILE}
            world.api.call("POST", "/images/generations", body, door=door, key=key)
    wanted = {"prompt": "x", "model": f"gpt-image-9{HOSTILE}"}
    world.api.call("POST", "/images/generations", wanted, headers={"prefer": "respond-async"})
    world.jobs.work()
    world.ends.announce()
    door_of_mcp = McpDoor(world.api.key)
    door_of_mcp.call(HOSTILE.encode("ascii", "replace").decode())
    door_of_mcp.call("generate_image", prompt=HOSTILE, model=HOSTILE, request_id=HOSTILE)
    door_of_mcp.ask("resources/read", "easel://x", uri=f"easel://images/{HOSTILE}")
    for event in (world.inbox.put("drops/é\u202e\u2028 photo.png", b"no image", prompt="x"),):
        world.inbox.deliver(event)
    logging.getLogger("some.library").warning("about %s", HOSTILE)
    output = capsys.readouterr()
    assert_printable(written.getvalue())
    assert_printable(output.out)
    assert_printable(output.err)
    assert "about name" in written.getvalue()
    assert "photo.png" in written.getvalue()


def test_what_libraries_warn_of_is_escaped_as_well() -> None:
    program = f"import core.logs, warnings; warnings.warn({HOSTILE!r})"
    environment = {"PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert_printable(ran.stdout + ran.stderr)
    assert "UserWarning" in ran.stdout
