"""Hosts that show apps are given Easel's viewer and what it needs; all others get what they got before it existed."""

import json
import re
from typing import Any

import pytest

from cli import keys
from tests.support.world import World
from tests.support.world.mcp_server import META, McpDoor, Raw

WISH = {"prompt": "A beautiful sunset over mountains", "model": "gpt-image-2", "quality": "low", "size": "1024x1024"}
VIEWER = "ui://easel/viewer.html"
APPS = "io.modelcontextprotocol/ui"
SHOWS_APPS: dict[str, Any] = {"extensions": {APPS: {"mimeTypes": ["text/html;profile=mcp-app"]}}}
NEWEST = "2026-07-28"
# Hosts of revisions in which a tool has `_meta`.
REVISIONS = ("2025-06-18", "2025-11-25", NEWEST)
NO_HOSTS_OF_APPS: list[dict[str, Any]] = [
    {},
    {"extensions": {APPS: {}}},
    {"extensions": {APPS: {"mimeTypes": []}}},
    {"extensions": {APPS: {"mimeTypes": ["text/html"]}}},
    {"extensions": {APPS: {"mimeTypes": "text/html;profile=mcp-app"}}},
    {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    {"experimental": {APPS: {"mimeTypes": ["text/html;profile=mcp-app"]}}},
]


class Host:
    """A client of a revision with capabilities: it declares them once, or with each request if the revision says so."""

    def __init__(self, door: McpDoor, revision: str, capabilities: dict[str, Any]) -> None:
        self._door = door
        self.revision = revision
        self._meta = META | {"io.modelcontextprotocol/clientCapabilities": capabilities}
        self.handshake = self._ask_first(capabilities)
        self._session = self.handshake.headers.get("mcp-session-id")

    def _ask_first(self, capabilities: dict[str, Any]) -> Raw:
        if self.revision == NEWEST:
            return self.ask("server/discover")
        client = {"name": "test", "version": "1"}
        params = {"protocolVersion": self.revision, "capabilities": capabilities, "clientInfo": client}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
        return self._door.send("POST", body=body, mcp_protocol_version=None)

    def ask(self, method: str, about: str | None = None, /, **params: Any) -> Raw:
        if self.revision == NEWEST:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": self._meta}}
            return self._door.send("POST", body=json.dumps(body), mcp_method=method, mcp_name=about)
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        stated = self.revision if self.revision >= "2025-06-18" else None
        return self._door.send("POST", body=json.dumps(body), mcp_protocol_version=stated, mcp_session_id=self._session)

    def call(self, tool: str, /, **arguments: Any) -> Raw:
        return self.ask("tools/call", tool, name=tool, arguments=arguments)

    def tools(self) -> dict[str, Any]:
        return {tool["name"]: tool for tool in self.ask("tools/list").result["tools"]}


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_host_of_apps_is_given_the_viewer_and_its_tool(world: World, door: McpDoor, revision: str) -> None:
    host = Host(door, revision, SHOWS_APPS)
    tools = host.tools()
    shown = [name for name, tool in tools.items() if "resourceUri" in tool.get("_meta", {}).get("ui", {})]
    assert shown == ["generate_image", "edit_image", "get_image_job"]
    assert {tools[name]["_meta"]["ui"]["resourceUri"] for name in shown} == {VIEWER}
    hidden = [name for name, tool in tools.items() if tool.get("_meta", {}).get("ui", {}).get("visibility") == ["app"]]
    assert hidden == ["view_image_job"]
    assert VIEWER in [each["uri"] for each in host.ask("resources/list").result["resources"]]
    waiting = host.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]
    for named in ({"job_id": waiting["job_id"]}, {"call": json.dumps(WISH | {"wait_seconds": 0})}):
        seen = host.call("view_image_job", **named).result["structuredContent"]
        assert (seen["job_id"], seen["status"]) == (waiting["job_id"], "queued")
    world.jobs.work()
    (text,) = (done := host.call("view_image_job", job_id=waiting["job_id"]).result)["content"]
    assert json.loads(text["text"]) == done["structuredContent"]
    assert done["structuredContent"]["status"] == "succeeded"


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_viewer_may_load_images_of_the_deployment_and_nothing_else(door: McpDoor, revision: str) -> None:
    host = Host(door, revision, SHOWS_APPS)
    (page,) = host.ask("resources/read", VIEWER, uri=VIEWER).result["contents"]
    assert (page["uri"], page["mimeType"]) == (VIEWER, "text/html;profile=mcp-app")
    origins = ["https://images.s3.amazonaws.com", "https://images.example.com"]
    assert page["_meta"]["ui"] == {"csp": {"resourceDomains": origins}, "prefersBorder": True}
    listed = host.ask("resources/list").result["resources"]
    assert [each["_meta"] for each in listed if each["uri"] == VIEWER] == [page["_meta"]]


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", *REVISIONS])
@pytest.mark.parametrize("capabilities", NO_HOSTS_OF_APPS, ids=json.dumps)
def test_another_host_gets_what_a_client_without_capabilities_gets_byte_for_byte(
    door: McpDoor, revision: str, capabilities: dict[str, Any]
) -> None:
    def answers(capabilities: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
        host = Host(door, revision, capabilities)
        raws = [
            host.handshake,
            host.ask("tools/list"),
            host.ask("resources/list"),
            host.call("view_image_job", job_id="job_" + "0" * 32),
            host.call("list_images"),
        ]
        return [(raw.text, {**raw.headers, "x-request-id": ""}) for raw in raws]

    assert answers(capabilities) == answers({})


@pytest.mark.parametrize("revision", REVISIONS)
def test_purchases_and_refusals_are_answered_alike_whatever_the_host(
    world: World, door: McpDoor, revision: str
) -> None:
    hosts = Host(door, revision, {}), Host(door, revision, SHOWS_APPS)
    with world.jobs.working():
        hosts[0].call("generate_image", **WISH)
        for tool, arguments in (("generate_image", WISH), ("edit_image", WISH), ("get_image_job", {"job_id": "job_1"})):
            answers = [host.call(tool, **arguments).text for host in hosts]
            plain, of_apps = (re.sub(r"request-\d+", "", answer) for answer in answers)
            assert plain == of_apps


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26"])
def test_a_host_whose_tools_have_no_meta_is_given_no_tool_that_is_not_for_models(door: McpDoor, revision: str) -> None:
    host = Host(door, revision, SHOWS_APPS)
    assert "mcp-session-id" not in host.handshake.headers
    assert host.tools() == Host(door, revision, {}).tools()


def test_a_host_learns_that_the_server_has_the_extension(door: McpDoor) -> None:
    for capabilities, has in ((SHOWS_APPS, True), ({}, False)):
        discovered = Host(door, NEWEST, capabilities).handshake.result
        assert (APPS in discovered["capabilities"]["extensions"]) == has
        assert (discovered["cacheScope"] == "private") == has


def test_what_is_only_for_hosts_of_apps_is_not_cached_for_others(door: McpDoor) -> None:
    for capabilities, scope in ((SHOWS_APPS, "private"), ({}, "public")):
        listed = Host(door, NEWEST, capabilities).ask("tools/list").result
        assert (listed["cacheScope"], listed["ttlMs"]) == (scope, 3_600_000)


def test_a_made_up_session_shows_nothing_but_the_viewers_tool(door: McpDoor) -> None:
    """A session id is no credential: whoever sends one still needs a key."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    made_up = {"mcp_protocol_version": "2025-11-25", "mcp_session_id": "apps-of-mine"}
    assert len(door.send("POST", body=body, **made_up).result["tools"]) == 9
    assert door.send("POST", body=body, **made_up, authorization=None).status == 401


def test_tools_take_less_than_4000_tokens_with_the_viewers_as_well(door: McpDoor) -> None:
    """At 3.5 characters a token, as for the others."""
    listed = Host(door, NEWEST, SHOWS_APPS).ask("tools/list").result
    assert len(json.dumps(listed)) / 3.5 < 4000


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"call": json.dumps(WISH)}, "not_found"),
        ({"call": json.dumps(WISH | {"request_id": "unknown"})}, "not_found"),
        ({"job_id": "job_" + "0" * 32}, "not_found"),
        ({}, "invalid_value"),
        ({"call": "no JSON"}, "invalid_value"),
        ({"call": "[]"}, "invalid_value"),
        ({"call": '{"prompt": "a cat", "colour": "red"}'}, "unknown_parameter"),
        ({"call": '{"prompt": "a cat", "model": "no-model"}'}, "model_not_found"),
        ({"call": "[" * 9000}, "invalid_value"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_view_of_no_job_is_refused_and_buys_nothing(
    world: World, door: McpDoor, named: dict[str, str], code: str
) -> None:
    assert Host(door, NEWEST, SHOWS_APPS).call("view_image_job", **named).error["code"] == code
    assert world.jobs.messages() == []


def test_a_call_is_viewed_by_its_arguments_while_it_waits(world: World, door: McpDoor) -> None:
    """In every form that the tools take, with or without a name for the purchase, and for edits, too."""
    host = Host(door, NEWEST, SHOWS_APPS)
    with world.jobs.working():
        image = host.call("generate_image", **WISH).result["structuredContent"]["images"][0]["id"]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("generate_image", {"prompt": "a cat", "metadata": {"order": "17"}, "Quality": "LOW", "size": ""}),
        ("generate_image", {"prompt": "a cat", "request_id": "cat-1", "n": "2"}),
        ("edit_image", {"prompt": "in winter", "image": image}),
        ("edit_image", {"prompt": "in spring", "images": [f"easel://images/{image}"], "request_id": "spring"}),
    ]
    for name, arguments in calls:
        started = host.call(name, **arguments, wait_seconds=0).result["structuredContent"]
        seen = host.call("view_image_job", call=json.dumps(arguments)).result["structuredContent"]
        assert seen["job_id"] == started["job_id"], arguments


def test_a_look_at_a_call_leaves_it_a_purchase_of_its_own(world: World, door: McpDoor) -> None:
    host = Host(door, NEWEST, SHOWS_APPS)
    assert host.call("view_image_job", call=json.dumps(WISH)).error["code"] == "not_found"
    assert host.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]["joined"] is False


def test_the_viewer_is_one_small_document_that_names_no_other(door: McpDoor) -> None:
    (page,) = Host(door, NEWEST, SHOWS_APPS).ask("resources/read", VIEWER, uri=VIEWER).result["contents"]
    assert page["text"].startswith("<!doctype html>")
    assert len(page["text"].encode()) < 30_000
    for loads in ("<link", "<script src", "<img", "<iframe", "@import", "import(", "url(", "fetch(", "://", "eval("):
        assert loads not in page["text"], loads


def test_another_callers_call_is_not_viewed(world: World, door: McpDoor) -> None:
    job = door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]["job_id"]
    stranger = Host(McpDoor(keys.create(world.stack, "other", None, [], [])[0]), NEWEST, SHOWS_APPS)
    for named in ({"job_id": job}, {"call": json.dumps(WISH)}):
        assert stranger.call("view_image_job", **named).error["code"] == "not_found"
