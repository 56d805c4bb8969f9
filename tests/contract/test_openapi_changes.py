"""Which changes of the description break clients of the last release, and which do not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import __version__
from openapi import changes
from openapi.changes import breaking_changes, last_release, may_break

Node = dict[str, Any]

PART: Node = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "note": {"type": ["string", "null"]}},
    "required": ["id"],
    "additionalProperties": False,
}
DOCUMENT: Node = {
    "paths": {
        "/jobs": {
            "get": {
                "parameters": [{"$ref": "#/components/parameters/Limit"}],
                "responses": {"200": {"$ref": "#/components/responses/Jobs"}, "404": {"description": ""}},
            },
            "post": {
                "parameters": [],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Request"}},
                        "multipart/form-data": {"schema": {"type": "object"}},
                    },
                },
                "responses": {"201": {"description": ""}},
            },
        }
    },
    "components": {
        "parameters": {
            "Limit": {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}
        },
        "responses": {
            "Jobs": {
                "headers": {"Link": {}, "X-Request-Id": {}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Jobs"}}},
            }
        },
        "schemas": {
            "Request": {
                "type": "object",
                "properties": {
                    "prompt": {"type": "string", "maxLength": 1000},
                    "quality": {"type": ["string", "null"], "enum": ["low", "high", None]},
                    "seed": {"type": "number"},
                    "part": {"anyOf": [{"$ref": "#/components/schemas/Part"}, {"type": "null"}]},
                },
                "required": ["prompt"],
                "additionalProperties": False,
            },
            "Part": PART,
            "Jobs": {
                "type": "object",
                "properties": {
                    "data": {"type": "array", "items": {"$ref": "#/components/schemas/Job"}},
                    "more": {"type": "boolean"},
                },
                "required": ["data"],
            },
            "Job": {
                "type": "object",
                "properties": {
                    "status": {"type": "string", "enum": ["queued", "done"]},
                    "cost": {"type": "integer"},
                    "error": {"anyOf": [{"$ref": "#/components/schemas/Part"}, {"type": "null"}]},
                    "parent": {"$ref": "#/components/schemas/Job"},
                },
                "required": ["status", "cost"],
            },
        },
    },
}

Change = Callable[[Node, Node], object]


def changed(change: Change) -> Node:
    document = copy.deepcopy(DOCUMENT)
    change(document["paths"]["/jobs"], document["components"])
    return document


def named(components: Node, name: str) -> Node:
    properties: Node = components["schemas"][name]["properties"]
    return properties


BREAKING: dict[str, tuple[Change, str]] = {
    "method removed": (lambda path, _: path.pop("get"), "GET /jobs: removed"),
    "parameter removed": (lambda path, _: path["get"]["parameters"].clear(), "GET /jobs limit: no longer accepted"),
    "parameter required": (
        lambda _, parts: parts["parameters"]["Limit"].update(required=True),
        "GET /jobs limit: now required",
    ),
    "parameter bounded": (
        lambda _, parts: parts["parameters"]["Limit"]["schema"].update(maximum=50),
        "GET /jobs limit: maximum is now 50",
    ),
    "media type of a request removed": (
        lambda path, _: path["post"]["requestBody"]["content"].pop("multipart/form-data"),
        "POST /jobs: multipart/form-data removed",
    ),
    "status removed": (lambda path, _: path["get"]["responses"].pop("404"), "GET /jobs: no longer answers 404"),
    "other success": (
        lambda path, _: path["post"]["responses"].update({"202": {}}),
        "POST /jobs: may now answer 202",
    ),
    "header of an answer removed": (
        lambda _, parts: parts["responses"]["Jobs"]["headers"].pop("Link"),
        "GET /jobs 200: header Link removed",
    ),
    "property of a request removed": (
        lambda _, parts: named(parts, "Request").pop("seed"),
        "POST /jobs application/json.seed: no longer accepted",
    ),
    "property of a request required": (
        lambda _, parts: parts["schemas"]["Request"]["required"].append("seed"),
        "POST /jobs application/json.seed: now required",
    ),
    "new property of a request required": (
        lambda _, parts: parts["schemas"]["Request"].update(
            properties=named(parts, "Request") | {"size": {}}, required=["prompt", "size"]
        ),
        "POST /jobs application/json.size: now required",
    ),
    "value of a request removed": (
        lambda _, parts: named(parts, "Request")["quality"].update(enum=["low", None]),
        "POST /jobs application/json.quality: no longer accepts high",
    ),
    "values of a request listed": (
        lambda _, parts: named(parts, "Request")["prompt"].update(enum=["cat"]),
        "POST /jobs application/json.prompt: no longer accepts other values",
    ),
    "type of a request narrowed": (
        lambda _, parts: named(parts, "Request")["seed"].update(type="integer"),
        "POST /jobs application/json.seed: no longer accepts number",
    ),
    "null of a request refused": (
        lambda _, parts: named(parts, "Request")["part"]["anyOf"].pop(),
        "POST /jobs application/json.part: no longer accepts null",
    ),
    "pattern of a request": (
        lambda _, parts: named(parts, "Request")["prompt"].update(pattern="^a"),
        "POST /jobs application/json.prompt: must now match ^a",
    ),
    "length of a request": (
        lambda _, parts: named(parts, "Request")["prompt"].update(minLength=2),
        "POST /jobs application/json.prompt: minLength is now 2",
    ),
    "property of an answer removed": (
        lambda _, parts: named(parts, "Jobs").pop("more"),
        "GET /jobs 200 application/json.more: removed",
    ),
    "property deep in an answer removed": (
        lambda _, parts: named(parts, "Job").pop("cost"),
        "GET /jobs 200 application/json.data[].cost: removed",
    ),
    "property of an answer optional": (
        lambda _, parts: parts["schemas"]["Job"]["required"].remove("cost"),
        "GET /jobs 200 application/json.data[].cost: no longer always there",
    ),
    "type of an answer changed": (
        lambda _, parts: named(parts, "Job")["cost"].update(type="string"),
        "GET /jobs 200 application/json.data[].cost: may now be string",
    ),
    "null in an answer": (
        lambda _, parts: named(parts, "Job")["cost"].update(type=["integer", "null"]),
        "GET /jobs 200 application/json.data[].cost: may now be null",
    ),
    "other value in an answer": (
        lambda _, parts: named(parts, "Job")["status"]["enum"].append("lost"),
        "GET /jobs 200 application/json.data[].status: may now be lost",
    ),
    "any value in an answer": (
        lambda _, parts: named(parts, "Job")["status"].pop("enum"),
        "GET /jobs 200 application/json.data[].status: may now be other values",
    ),
    "alternative in an answer": (
        lambda _, parts: named(parts, "Job")["error"]["anyOf"].append({"type": "string"}),
        "GET /jobs 200 application/json.data[].error: may now be string",
    ),
}

HARMLESS: dict[str, Change] = {
    "nothing": lambda path, parts: None,
    "path added": lambda path, _: path.update(put=path["get"]),
    "parameter added": lambda path, _: path["post"]["parameters"].append(
        {"in": "header", "name": "Prefer", "schema": {}}
    ),
    "parameter less bounded": lambda _, parts: parts["parameters"]["Limit"]["schema"].update(maximum=200),
    "error status added": lambda path, _: path["get"]["responses"].update({"409": {}}),
    "header added": lambda _, parts: parts["responses"]["Jobs"]["headers"].update(Age={}),
    "property of a request added": lambda _, parts: named(parts, "Request").update(size={"type": "string"}),
    "property of a request optional": lambda _, parts: parts["schemas"]["Request"].pop("required"),
    "value of a request added": lambda _, parts: named(parts, "Request")["quality"]["enum"].append("max"),
    "type of a request widened": lambda _, parts: named(parts, "Request")["seed"].update(type=["number", "string"]),
    "null of a request accepted": lambda _, parts: named(parts, "Request")["seed"].update(type=["number", "null"]),
    "alternative of a request": lambda _, parts: named(parts, "Request")["part"]["anyOf"].append({"type": "string"}),
    "alternatives spelled as types": lambda _, parts: named(parts, "Request").update(
        part=PART | {"type": ["object", "null"]}
    ),
    "property of an answer added": lambda _, parts: named(parts, "Job").update(model={"type": "string"}),
    "property of an answer always there": lambda _, parts: parts["schemas"]["Jobs"]["required"].append("more"),
    "value in an answer removed": lambda _, parts: named(parts, "Job")["status"]["enum"].remove("queued"),
    "null in an answer no more": lambda _, parts: named(parts, "Job")["error"]["anyOf"].pop(),
    "description": lambda path, _: path["get"].update(description="What else it does."),
}


@pytest.mark.parametrize(("change", "expected"), BREAKING.values(), ids=BREAKING)
def test_what_breaks_clients_is_found(change: Change, expected: str) -> None:
    assert breaking_changes(DOCUMENT, changed(change)) == [expected]


def test_a_path_that_is_removed_is_found_by_its_methods() -> None:
    assert breaking_changes(DOCUMENT, DOCUMENT | {"paths": {}}) == ["GET /jobs: removed", "POST /jobs: removed"]


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_breaks_nobody_is_let_pass(change: Change) -> None:
    assert breaking_changes(DOCUMENT, changed(change)) == []


@pytest.mark.parametrize(
    ("released", "version", "expected"),
    [
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.1.9", False),
        ("0.9.0", "0.10.0", True),
        ("0.9.0", "1.0.0", True),
        ("1.2.3", "1.3.0", False),
        ("1.2.3", "2.0.0", True),
    ],
)
def test_a_version_announces_breaking_changes(released: str, version: str, expected: bool) -> None:
    assert may_break(released, version) == expected


@pytest.mark.parametrize(("released", "code"), [(__version__, 1), ("0.0.0", 0)])
def test_the_check_fails_unless_the_version_announces_the_change(
    released: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"{released}.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "now").write_text(json.dumps(DOCUMENT | {"paths": {}}))
    monkeypatch.setattr(changes, "RELEASED", tmp_path)
    monkeypatch.setattr(changes, "DESCRIPTION", tmp_path / "now")
    assert changes.main() == code
    assert "GET /jobs: removed" in capsys.readouterr().out


def test_the_newest_release_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        (tmp_path / f"{version}.json").write_text("{}")
    monkeypatch.setattr(changes, "RELEASED", tmp_path)
    assert last_release()[0] == "0.10.0"


def test_this_version_is_not_older_than_the_last_release() -> None:
    assert changes.main() == 0
    assert not may_break(__version__, last_release()[0])
