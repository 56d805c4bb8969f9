"""What a deployment says of itself, and of paths and methods that it does not have."""

import json

import pytest

from core import __version__
from tests.support.world import World

DOORS = pytest.mark.parametrize("door", ["api", "direct"])


@DOORS
def test_the_description_needs_no_key(world: World, door: str) -> None:
    answer = world.api.call("GET", "/openapi.json", door=door, headers={"authorization": ""})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.text)["openapi"] == "3.1.0"


@DOORS
def test_health_says_which_release_answers(world: World, door: str) -> None:
    answer = world.api.call("GET", "/health", door=door, headers={"authorization": ""})
    assert answer.json()["version"] == __version__


@DOORS
def test_a_path_that_is_not_there_is_told_where_to_look(world: World, door: str) -> None:
    answer = world.api.call("GET", "/nowhere", door=door)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    assert "/v1/docs" in answer.json()["error"]["message"]


@DOORS
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", "GET, OPTIONS"),
        ("GET", "/images/generations", "OPTIONS, POST"),
        ("PATCH", "/images/img_1", "DELETE, GET, OPTIONS"),
        ("POST", "/i/img_1", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(world: World, door: str, method: str, path: str, allowed: str) -> None:
    answer = world.api.call(method, path, door=door)
    assert (answer.status, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ["/jobs", "/images"])
def test_an_empty_cursor_is_not_the_first_page_again(world: World, path: str) -> None:
    assert world.api.call("GET", f"{path}?after=").status == 404
