"""Each revision of the protocol: its clients list, generate and edit, and are sent no word younger than it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.world import World
from tests.support.world.mcp_server import McpDoor

WISH = {"prompt": "A beautiful sunset over mountains", "model": "gpt-image-2", "quality": "low", "size": "1024x1024"}

# Which fields an object may have, by the revision that brought them. Source: schema.ts of each in the specification.
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
BLOCK = {"2024-11-05": "type annotations", "2025-06-18": "_meta"}
LISTED = {"2024-11-05": "name description annotations", "2025-06-18": "title _meta", "2025-11-25": "icons"}
FIELDS: dict[str, dict[str, str]] = {
    "result": {"2024-11-05": "_meta nextCursor", "2026-07-28": "resultType ttlMs cacheScope"},
    "initialized": {"2024-11-05": "protocolVersion capabilities serverInfo instructions _meta"},
    "capabilities": {
        "2024-11-05": "experimental logging prompts resources tools",
        "2025-03-26": "completions",
        "2026-07-28": "extensions",
    },
    "server": {"2024-11-05": "name version", "2025-06-18": "title", "2025-11-25": "icons websiteUrl description"},
    "tool": {
        "2024-11-05": "name description inputSchema",
        "2025-03-26": "annotations",
        "2025-06-18": "title outputSchema _meta",
        "2025-11-25": "icons",
    },
    "resource": LISTED | {"2024-11-05": "uri name description mimeType size annotations"},
    "template": LISTED | {"2024-11-05": "uriTemplate name description mimeType annotations"},
    "prompt": LISTED | {"2024-11-05": "name description arguments"},
    "argument": {"2024-11-05": "name description required", "2025-06-18": "title"},
    "contents": {"2024-11-05": "uri mimeType text blob", "2025-06-18": "_meta"},
    "called": {"2024-11-05": "content isError", "2025-06-18": "structuredContent"},
    "text": BLOCK | {"2024-11-05": "type annotations text"},
    "image": BLOCK | {"2024-11-05": "type annotations data mimeType"},
    "resource_link": {"2025-06-18": "type annotations _meta uri name title description mimeType size"},
    "annotations": {"2024-11-05": "audience priority", "2025-06-18": "lastModified"},
    "progress": {"2024-11-05": "progress progressToken total", "2025-03-26": "message"},
}


def known(kind: str, revision: str) -> set[str]:
    return {field for since, fields in FIELDS[kind].items() if since <= revision for field in fields.split()}


def objects_in(method: str, result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The protocol's objects in a result, each with its kind."""
    for entries, kind in (("tools", "tool"), ("resources", "resource"), ("resourceTemplates", "template")):
        yield from ((kind, entry) for entry in result.get(entries, ()))
    for prompt in result.get("prompts", ()):
        yield "prompt", prompt
        yield from (("argument", argument) for argument in prompt["arguments"])
    yield from (("contents", contents) for contents in result.get("contents", ()))
    for block in (*result.get("content", ()), *(message["content"] for message in result.get("messages", ()))):
        yield block["type"], block
        yield "annotations", block.get("annotations", {})
    if method == "initialize":
        yield "initialized", result
        yield "capabilities", result["capabilities"]
        yield "server", result["serverInfo"]


@pytest.mark.parametrize("revision", REVISIONS)
def test_clients_of_every_revision_list_generate_and_edit_and_are_sent_nothing_younger(
    world: World, door: McpDoor, revision: str
) -> None:
    def result(method: str, **params: Any) -> dict[str, Any]:
        answered: dict[str, Any] = door.ask_in(revision, method, **params).result
        for kind, found in objects_in(method, answered):
            assert set(found) <= known(kind, revision), (method, kind)
        return answered

    if revision < "2026-07-28":
        client = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        assert result("initialize", **client)["protocolVersion"] == revision
    tools = result("tools/list")
    assert "generate_image" in [tool["name"] for tool in tools["tools"]]
    assert set(tools) - {"tools"} <= known("result", revision)
    with world.jobs.working():
        made = result("tools/call", name="generate_image", arguments=WISH)
        told = json.loads(made["content"][0]["text"])
        link = f"easel://images/{told['images'][0]['id']}"
        edited = result("tools/call", name="edit_image", arguments={"prompt": "in winter", "images": [link]})
    refused = result("tools/call", name="edit_image", arguments={"prompt": "in winter", "images": ["no name"]})
    for called in (made, edited, refused):
        assert set(called) <= known("called", revision) | known("result", revision)
    assert (told["status"], json.loads(edited["content"][0]["text"])["status"]) == ("succeeded", "succeeded")
    assert told["images"][0]["url"].startswith("https://images.example.com/v1/i/")
    assert refused["isError"]
    result("resources/list")
    result("resources/templates/list")
    result("resources/read", uri=link)
    result("prompts/list")
    result("prompts/get", name="product_photo", arguments={"product": "a kite"})


@pytest.mark.parametrize(
    ("revision", "kinds"), [("2025-03-26", {"text", "image"}), ("2025-06-18", {"text", "image", "resource_link"})]
)
def test_a_client_gets_what_its_revision_has(world: World, door: McpDoor, revision: str, kinds: set[str]) -> None:
    with world.jobs.working():
        made = door.ask_in(revision, "tools/call", name="generate_image", arguments=WISH).result
    assert {block["type"] for block in made["content"]} == kinds
    assert ("structuredContent" in made) == ("resource_link" in kinds)


def test_a_client_that_states_no_revision_gets_what_the_oldest_has(door: McpDoor) -> None:
    tools = door.ask_in("2025-03-26", "tools/list").result["tools"]
    assert all(set(tool) == {"name", "description", "inputSchema"} for tool in tools)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    stated = door.send("POST", body=body, mcp_protocol_version="2025-03-26").result["tools"]
    assert all(set(tool) == {"name", "description", "inputSchema", "annotations"} for tool in stated)


def test_progress_is_told_without_words_to_the_oldest_clients(world: World, door: McpDoor) -> None:
    for revision, stated in (("2024-11-05", None), ("2025-06-18", "2025-06-18")):
        params = {"name": "generate_image", "arguments": WISH, "_meta": {"progressToken": 1}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        with world.jobs.working():
            answer = door.send("POST", body=body, mcp_protocol_version=stated)
        messages = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if "data: " in line]
        told = [message["params"] for message in messages if message.get("method") == "notifications/progress"]
        assert told
        for progress in told:
            assert set(progress) <= known("progress", revision)


def test_a_word_of_ours_in_data_is_not_taken_for_the_protocols(world: World, door: McpDoor) -> None:
    """Fields named like the protocol's, in what Easel defines: schemas of tools, and results."""
    listed = door.ask_in("2024-11-05", "tools/list").result["tools"]
    newest = door.ask("tools/list").result["tools"]
    assert [tool["inputSchema"] for tool in listed] == [tool["inputSchema"] for tool in newest]
