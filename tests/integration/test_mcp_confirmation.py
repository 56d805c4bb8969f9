"""Before a purchase above a limit of the key, the user is asked, through clients that can; no purchase needs it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp.types import ElicitRequestParams, ElicitResult

from cli import keys
from core.ledger.model import Budget
from tests.support.world import World
from tests.support.world.mcp_server import META, McpDoor, Raw

WISH = {"prompt": "A beautiful sunset over mountains", "model": "gpt-image-2", "quality": "low", "size": "1024x1024"}
CAN_ASK: dict[str, Any] = {"elicitation": {"form": {}}}
LIMIT = 1000  # micro-dollars, which is less than any image costs

MakeDoor = Callable[..., McpDoor]


@pytest.fixture
def make_door(world: World, door: McpDoor) -> MakeDoor:
    """The door for a new key with a limit and other settings."""

    def make(ask_above: int | None = LIMIT, **settings: Any) -> McpDoor:
        return McpDoor(keys.create(world.stack, "asking", None, [], [], ask_above=ask_above, **settings)[0])

    return make


def call(door: McpDoor, tool: str, capabilities: dict[str, Any], /, reply: Any = None, **arguments: Any) -> Raw:
    """tools/call of 2026-07-28, with the reply to an earlier answer."""
    meta = META | {"io.modelcontextprotocol/clientCapabilities": capabilities}
    params = {"name": tool, "arguments": arguments, "_meta": meta, **(reply or {})}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return door.send("POST", body=json.dumps(body), mcp_method="tools/call", mcp_name=tool)


def reply(asked: Raw, action: str, **more: Any) -> dict[str, Any]:
    """What a client calls again with, after its user has answered."""
    (name,) = asked.result["inputRequests"]
    return {"inputResponses": {name: {"action": action, **more}}, "requestState": asked.result["requestState"]}


@pytest.mark.parametrize(
    "capabilities", [CAN_ASK, {"elicitation": {}}, {"elicitation": {"form": {}, "url": {}}}], ids=str
)
def test_a_purchase_above_the_limit_is_asked_for_and_bought_if_the_user_accepts(
    world: World, make_door: MakeDoor, capabilities: dict[str, Any]
) -> None:
    door = make_door()
    asked = call(door, "generate_image", capabilities, **WISH, n=2)
    assert asked.result["resultType"] == "input_required"
    (request,) = asked.result["inputRequests"].values()
    assert request["method"] == "elicitation/create"
    message = request["params"]["message"]
    assert message.startswith("Buy 2 images of gpt-image-2 for about $0.0")
    assert message.endswith("This key asks above $0.001.")
    assert request["params"]["requestedSchema"] == {"type": "object", "properties": {}}
    assert world.jobs.messages() == []
    with world.jobs.working():
        made = call(door, "generate_image", capabilities, reply(asked, "accept", content={}), **WISH, n=2)
    assert (made.result["structuredContent"]["status"], world.provider.bought()) == ("succeeded", 1)


@pytest.mark.parametrize(("action", "said"), [("decline", "declined this purchase"), ("cancel", "did not say whether")])
@pytest.mark.parametrize("tool", ["generate_image", "edit_image"])
def test_what_the_user_does_not_accept_is_not_bought_and_that_is_said(
    world: World, make_door: MakeDoor, action: str, said: str, tool: str
) -> None:
    door = make_door(None)
    images = {}
    if tool == "edit_image":
        with world.jobs.working():
            images = {"images": [door.call("generate_image", **WISH).result["structuredContent"]["images"][0]["id"]]}
    set_limit(world, LIMIT)
    before = world.provider.bought()
    asked = call(door, tool, CAN_ASK, **WISH, **images)
    refused = call(door, tool, CAN_ASK, reply(asked, action), **WISH, **images).error
    assert (refused["code"], refused["charged"], refused["retryable"]) == ("purchase_declined", False, False)
    assert said in refused["message"]
    assert "Nothing was bought" in refused["message"]
    assert (world.jobs.messages(), world.provider.bought()) == ([], before)


def set_limit(world: World, limit: int | None) -> None:
    (asking,) = [caller for caller in world.stack.callers().list_all() if caller.name == "asking"]
    world.stack.callers().change(asking.id, {"ask_above": limit})


@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {"url": {}}}, {"sampling": {}}], ids=str)
def test_a_client_that_cannot_ask_buys_without_a_question(
    world: World, make_door: MakeDoor, capabilities: dict[str, Any]
) -> None:
    with world.jobs.working():
        made = call(make_door(), "generate_image", capabilities, **WISH)
    assert made.result["structuredContent"]["status"] == "succeeded"


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_client_of_a_revision_that_asks_during_a_call_buys_without_a_question(
    world: World, make_door: MakeDoor, revision: str
) -> None:
    door = make_door()
    client = {"protocolVersion": revision, "capabilities": CAN_ASK, "clientInfo": {"name": "test", "version": "1"}}
    door.ask_in(revision, "initialize", **client)
    with world.jobs.working():
        made = door.ask_in(revision, "tools/call", name="generate_image", arguments=WISH).result
    assert json.loads(made["content"][0]["text"])["status"] == "succeeded"


@pytest.mark.parametrize("limit", [None, 10_000_000])
def test_a_purchase_that_cannot_exceed_the_limit_is_not_asked_for(make_door: MakeDoor, limit: int | None) -> None:
    bought = call(make_door(limit), "generate_image", CAN_ASK, **WISH, wait_seconds=0)
    assert bought.result["structuredContent"]["status"] == "queued"


def test_a_limit_of_nothing_asks_before_every_purchase_and_before_nothing_else(make_door: MakeDoor) -> None:
    door = make_door(0)
    assert "inputRequests" in call(door, "generate_image", CAN_ASK, **WISH).result
    for tool, arguments in (("quote_image", WISH), ("list_images", {}), ("list_available_models", {})):
        assert "structuredContent" in call(door, tool, CAN_ASK, **arguments).result


def test_the_bound_decides_and_not_the_expected_price(make_door: MakeDoor) -> None:
    door = make_door(None)
    price = call(door, "quote_image", CAN_ASK, prompt="a cat", model="gpt-image-2").result["structuredContent"]
    between = (price["quote_micro_usd"] + price["upper_bound_micro_usd"]) // 2
    assert price["quote_micro_usd"] < between < price["upper_bound_micro_usd"]
    asking = make_door(between)
    assert "inputRequests" in call(asking, "generate_image", CAN_ASK, prompt="a cat", model="gpt-image-2").result


def test_a_call_that_is_repeated_after_its_purchase_joins_it_without_a_question(
    world: World, make_door: MakeDoor
) -> None:
    door = make_door()
    asked = call(door, "generate_image", CAN_ASK, **WISH)
    first = call(door, "generate_image", CAN_ASK, reply(asked, "accept"), **WISH, wait_seconds=0)
    job = first.result["structuredContent"]["job_id"]
    repeats = [
        call(door, "generate_image", CAN_ASK, reply(asked, "accept"), **WISH, wait_seconds=0),
        call(door, "generate_image", CAN_ASK, reply(asked, "decline"), **WISH, wait_seconds=0),
        call(door, "generate_image", CAN_ASK, **WISH, wait_seconds=0),
        call(door, "generate_image", {}, **WISH, wait_seconds=0),
    ]
    told = [repeat.result["structuredContent"] for repeat in repeats]
    assert [(each["job_id"], each["joined"]) for each in told] == [(job, True)] * 4
    world.jobs.work()
    assert world.provider.bought() == 1


@pytest.mark.parametrize(
    "changed",
    [{"prompt": "another"}, {"n": 2}, {"quality": "high"}, {"request_id": "another"}, {"model": "gpt-image-1"}],
    ids=str,
)
def test_an_answer_is_for_the_purchase_that_was_asked_about(
    world: World, make_door: MakeDoor, changed: dict[str, Any]
) -> None:
    door = make_door()
    asked = call(door, "generate_image", CAN_ASK, **WISH)
    again = call(door, "generate_image", CAN_ASK, reply(asked, "accept"), **WISH | changed)
    assert "inputRequests" in again.result
    assert again.result["requestState"] != asked.result["requestState"]
    assert world.jobs.messages() == []


@pytest.mark.parametrize(
    "broken",
    [
        {"requestState": "made up"},
        {"inputResponses": {}},
        {"inputResponses": {"another": {"action": "accept"}}},
        {"inputResponses": {"purchase": {"roots": []}}},
    ],
    ids=str,
)
def test_an_answer_to_no_question_or_with_no_action_is_asked_for_again(
    world: World, make_door: MakeDoor, broken: dict[str, Any]
) -> None:
    door = make_door()
    asked = call(door, "generate_image", CAN_ASK, **WISH)
    again = call(door, "generate_image", CAN_ASK, reply(asked, "accept") | broken, **WISH)
    assert "inputRequests" in again.result
    assert world.jobs.messages() == []


def test_nobody_is_asked_about_what_cannot_be_bought(make_door: MakeDoor) -> None:
    poor = make_door(budget=Budget(day=2000))
    assert call(poor, "generate_image", CAN_ASK, **WISH).error["code"] == "budget_exceeded"
    assert call(poor, "generate_image", CAN_ASK, **WISH | {"size": "1x1"}).error["param"] == "size"


def test_the_official_client_asks_its_user_and_goes_on(world: World, make_door: MakeDoor) -> None:
    seen = []

    async def accept(context: Any, params: ElicitRequestParams) -> ElicitResult:
        seen.append(params.message)
        return ElicitResult(action="accept", content={})

    with world.jobs.working():
        result = make_door().through_client(
            lambda client: client.call_tool("generate_image", dict(WISH)), elicitation_callback=accept
        )
    assert result.structured_content
    assert (result.structured_content["status"], len(seen)) == ("succeeded", 1)
