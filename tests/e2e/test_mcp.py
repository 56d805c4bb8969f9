"""An assistant at the deployed MCP door: the official client in both eras, and what must be refused at once."""

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from core.callers.model import hash_key
from local.processes import ROOT
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire
from tests.support.assistant import ERAS, Era, ask, use

WISH = {"prompt": "An otter floats on its back", "model": "gpt-image-2.6-flare", "quality": "low"}


@pytest.mark.parametrize("era", ERAS)
def test_an_assistant_makes_a_picture_and_changes_it(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, era: Era
) -> None:
    async def steps(client: Client) -> tuple[Any, ...]:
        made = await finished(client, await client.call_tool("generate_image", WISH))
        image_id = made["images"][0]["id"]
        wish = {"prompt": "the same in winter", "images": [image_id], "size": "1024x1024", "preview": True}
        edited = await finished(client, await client.call_tool("edit_image", wish))
        return made, edited, (await client.list_tools()).tools, (await client.list_prompts()).prompts

    made, edited, tools, prompts = use(stack.mcp_url, make_key().key, steps, era)
    assert (len(tools), len(prompts)) == (8, 10)
    for told in (made, edited):
        content = wire.get(told["images"][0]["url"], follow_redirects=True).raise_for_status().content
        picture = Image.open(io.BytesIO(content))
        assert picture.size == (told["images"][0]["width"], told["images"][0]["height"])
    charged = [call["charged_micro_usd"] for call in simulator.calls()]
    assert charged == [told["cost"]["actual_micro_usd"] for told in (made, edited)]


async def finished(client: Client, result: Any) -> dict[str, Any]:
    """What the tool told; on a busy machine after asking for the job until it has ended."""
    told = result.structured_content
    while told["status"] in ("queued", "running"):
        told = (await client.call_tool("get_image_job", {"job_id": told["job_id"]})).structured_content
    assert told["status"] == "succeeded", told
    return dict(told)


def test_the_snippets_of_the_guide_run_as_they_are(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    """Where the guide writes "..." for a picture, there is one."""
    picture = io.BytesIO()
    Image.new("RGB", (1024, 1024), "skyblue").save(picture, "PNG")

    # Both calls are as the guide prints them, which is why they are not formatted.
    async def steps(session: Client) -> tuple[Any, Any]:
        # Generate with OpenAI model
        result = await session.call_tool("generate_image", {
            "prompt": "A beautiful sunset over mountains",
            "model": "gpt-image-1",
            "quality": "high",
            "size": "1536x1024"
        })  # fmt: skip
        generated = result
        # Edit image using OpenAI models
        result = await session.call_tool("edit_image", {
            "image_data": base64.b64encode(picture.getvalue()).decode(),
            "prompt": "Add a rainbow to the sky",
            "model": "gpt-image-1"
        })  # fmt: skip
        return await finished(session, generated), await finished(session, result)

    for told in use(stack.mcp_url, key.key, steps):
        assert told["images"]


def test_quotes_models_uploads_resources_and_prompts_cost_nothing(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (1024, 1024), "skyblue").save(picture, "PNG")

    async def steps(client: Client) -> None:
        quoted = await client.call_tool("quote_image", WISH)
        assert quoted.structured_content
        assert quoted.structured_content["quote_micro_usd"] > 0
        upload = (await client.call_tool("create_upload", {"content_type": "image/png"})).structured_content
        assert upload
        sent = wire.post(upload["url"], data=upload["fields"], files={"file": picture.getvalue()})
        assert sent.status_code == 204
        quoted = await client.call_tool("quote_image", {**WISH, "images": [upload["upload_id"]]})
        assert not quoted.is_error
        assert (await client.call_tool("list_images")).structured_content == {"images": [], "next_after": None}
        (models,) = (await client.read_resource("easel://models")).contents
        assert "gpt-image-2.6-flare" in models.model_dump_json()
        (message,) = (await client.get_prompt("product_photo", {"product": "a teapot"})).messages
        assert "a teapot" in message.model_dump_json()

    use(stack.mcp_url, make_key().key, steps)
    assert simulator.calls() == []


def test_equal_calls_at_the_same_moment_are_one_purchase(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    key = make_key()
    params = {"name": "generate_image", "arguments": WISH | {"wait_seconds": 0}}
    with ThreadPoolExecutor(4) as threads:
        calls = [
            threads.submit(ask, stack.mcp_url, key.key, "tools/call", "generate_image", params=params) for _ in range(4)
        ]
        told = [call.result().json()["result"]["structuredContent"] for call in calls]
    assert len({each["job_id"] for each in told}) == 1


def test_twenty_calls_in_a_row_meet_one_warm_process(stack: Stack, key: Key) -> None:
    async def steps(client: Client) -> list[bool]:
        return [(await client.call_tool("list_available_models")).is_error for _ in range(20)]

    assert use(stack.mcp_url, key.key, steps) == [False] * 20


# ---------------------------------------------------------------- refused at once


def test_a_stream_is_refused(stack: Stack, key: Key) -> None:
    got = wire.get(stack.mcp_url, headers=key.headers | {"Accept": "text/event-stream"})
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    listened = ask(stack.mcp_url, key.key, "subscriptions/listen", params={"notifications": {"toolsListChanged": True}})
    assert (listened.status_code, listened.json()["error"]["code"]) == (404, -32601)


def test_a_foreign_origin_is_refused(stack: Stack, key: Key) -> None:
    assert ask(stack.mcp_url, key.key, "tools/list", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_foreign_host_is_refused(stack: Stack, key: Key) -> None:
    """The laptop cloud, like a Function URL, puts the right name there; so the event is handed to the function."""
    event = json.loads((ROOT / "events/mcp.json").read_text())
    event["headers"] |= {"authorization": f"Bearer {key.key}", "host": "evil.example"}
    invoked = stack.client("lambda").invoke(FunctionName=stack.mcp_function, Payload=json.dumps(event))
    assert json.loads(invoked["Payload"].read())["statusCode"] == 421


def test_a_body_of_five_megabytes_is_refused(stack: Stack, key: Key) -> None:
    given = {"name": "edit_image", "arguments": {"prompt": "x", "image_data": "A" * 5_000_000}}
    assert ask(stack.mcp_url, key.key, "tools/call", "edit_image", params=given).status_code == 413


def test_an_expired_key_is_refused_with_the_place_to_look(stack: Stack, make_key: MakeKey) -> None:
    expired = make_key("--expires", "1h")
    stack.client("dynamodb").update_item(
        TableName=stack.callers_table,
        Key={"key_hash": {"S": hash_key(expired.key)}},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )
    answer = ask(stack.mcp_url, expired.key, "tools/list")
    assert answer.status_code == 401
    assert "expired" in answer.json()["error"]["message"]
    assert "resource_metadata=" in answer.headers["x-amzn-remapped-www-authenticate"]
    for place in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
        described = wire.get(stack.mcp_url.removesuffix("/mcp") + place)
        assert described.json()["resource"].endswith("/mcp")


def test_an_unknown_tool_and_bad_arguments_are_refused(stack: Stack, key: Key) -> None:
    unknown = ask(stack.mcp_url, key.key, "tools/call", "draw", params={"name": "draw", "arguments": {}})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, -32602)
    bad = {"name": "generate_image", "arguments": {"prompt": "an otter", "size": "1000x1000"}}
    refused = ask(stack.mcp_url, key.key, "tools/call", "generate_image", params=bad)
    assert (refused.status_code, refused.json()["result"]["isError"]) == (200, True)
    assert "divisible by 16" in refused.text


def test_headers_of_the_protocol_reach_the_function(stack: Stack, key: Key) -> None:
    answer = ask(stack.mcp_url, key.key, "tools/list", headers={"Mcp-Method": "prompts/list"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
