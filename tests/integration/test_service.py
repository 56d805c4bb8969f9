"""What a deployment says of itself, and of paths and methods that it does not have."""

import pytest

from core import __version__
from tests.support.world import World
from tests.support.world.http_api import Answer

DOORS = pytest.mark.parametrize("door", ["api", "direct"])


def refusal(answer: Answer, status: int, code: str) -> str:
    """The message of an answer that has to be this refusal."""
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (status, code)
    return str(error["message"])


@DOORS
def test_health_says_which_release_answers(world: World, door: str) -> None:
    answer = world.api.read_without_key("/health", door)
    assert answer.json()["version"] == __version__


@DOORS
def test_a_path_that_is_not_there_is_told_where_to_look(world: World, door: str) -> None:
    assert "/v1/docs" in refusal(world.api.call("GET", "/nowhere", door=door), 404, "not_found")


@DOORS
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", "GET, OPTIONS"),
        ("GET", "/images/generations", "OPTIONS, POST"),
        ("PATCH", "/images/img_1", "DELETE, GET, OPTIONS"),
        ("POST", "/i/img_1", "GET, HEAD, OPTIONS"),
        ("GET", "/images/generations/", "OPTIONS, POST"),
        ("POST", "/images/", "GET, OPTIONS"),
        ("POST", "/", "GET, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(world: World, door: str, method: str, path: str, allowed: str) -> None:
    answer = world.api.call(method, path, door=door)
    refusal(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed
    assert answer.headers["x-should-retry"] == "false"


@DOORS
@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("POST", "/images/generation", "POST /v1/images/generations"),
        ("POST", "/image/generations", "POST /v1/images/generations"),
        ("POST", "/images/generate", "POST /v1/images/generations"),
        ("POST", "/generations", "POST /v1/images/generations"),
        ("POST", "/IMAGES/Generations", "POST /v1/images/generations"),
        ("POST", "/v1/v1/images/generations", "POST /v1/images/generations"),
        ("POST", "/openai/deployments/gpt-image-2/images/generations", "POST /v1/images/generations"),
        ("POST", "/images/edit", "POST /v1/images/edits"),
        ("POST", "/image/edits/", "POST /v1/images/edits"),
        ("GET", "/image/generations", "POST /v1/images/generations"),
        ("GET", "/model", "GET /v1/models"),
        ("GET", "/job/job_1", "GET /v1/jobs/{job_id}"),
        ("POST", "/jobs/job_1/cancelled", "POST /v1/jobs/{job_id}/cancel"),
    ],
)
def test_a_path_with_a_typo_is_told_the_route_that_was_meant(
    world: World, door: str, method: str, path: str, meant: str
) -> None:
    answer = world.api.call(method, path, {"prompt": "an otter"} if method == "POST" else None, door=door)
    assert f"Did you mean {meant}?" in refusal(answer, 404, "not_found")
    assert "Allow" not in answer.headers


@DOORS
@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/favicon.ico", "/wp-login.php", "/foo/job_1"])
def test_a_path_that_is_like_none_gets_no_suggestion(world: World, door: str, path: str) -> None:
    assert "Did you mean" not in refusal(world.api.call("POST", path, door=door), 404, "not_found")


@DOORS
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/images/generations/", 202),
        ("POST", "//images//generations", 202),
        ("GET", "/models/", 200),
        ("GET", "/models/gpt-image-2//", 200),
        ("GET", "/health/", 200),
    ],
)
def test_spare_slashes_make_no_other_path(world: World, door: str, method: str, path: str, status: int) -> None:
    body = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low"} if method == "POST" else None
    answer = world.api.call(method, path, body, door=door, headers={"prefer": "respond-async"})
    assert answer.status == status, answer.text
    if status == 202:
        base = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com" if door == "api" else "https://"
        location = answer.headers["Location"]
        assert location.startswith(base)
        assert location.endswith(f"/v1/jobs/{answer.json()['id']}")


SECRET = "ek_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


@DOORS
@pytest.mark.parametrize(
    ("headers", "query", "says"),
    [
        ({}, "", "No API key was given. Send"),
        ({"api-key": SECRET}, "?api-version=2024-02-01", "the header 'api-key'"),
        ({"X-Api-Key": SECRET}, "", "the header 'x-api-key'"),
        ({"x-goog-api-key": SECRET}, "", "the header 'x-goog-api-key'"),
        ({}, f"?key={SECRET}", "the query parameter 'key'"),
        ({}, f"?api_key={SECRET}", "the query parameter 'api_key'"),
        ({"authorization": f"Basic {SECRET}"}, "", "Basic authentication"),
        ({"authorization": SECRET}, "", "the word 'Bearer' is missing"),
        ({"authorization": f" {SECRET} "}, "", "the word 'Bearer' is missing"),
        ({"authorization": f"Token {SECRET}"}, "", "does not begin with 'Bearer'"),
        ({"authorization": "Bearer "}, "", "is empty"),
    ],
)
def test_a_key_in_a_wrong_place_is_told_the_right_one_and_not_repeated(
    world: World, door: str, headers: dict[str, str], query: str, says: str
) -> None:
    answer = world.api.read_without_key(f"/models{query}", door, **headers)
    message = refusal(answer, 401, "missing_api_key")
    assert says in message
    assert "'Authorization: Bearer ek_...'" in message
    assert SECRET[3:] not in answer.text


@pytest.mark.parametrize("path", ["/jobs", "/images"])
def test_an_empty_cursor_is_not_the_first_page_again(world: World, path: str) -> None:
    assert world.api.call("GET", f"{path}?after=").status == 404


# ---------------------------------------------------------------- what may be stored


@DOORS
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs"),
        ("GET", "/jobs/job_0"),
        ("GET", "/images"),
        ("GET", "/i/img_0"),
        ("GET", "/usage"),
        ("GET", "/tokens"),
        ("GET", "/models"),
        ("GET", "/health"),
        ("POST", "/tokens"),
        ("POST", "/images/generations"),
        ("PUT", "/jobs"),
        ("GET", "/nowhere"),
        ("OPTIONS", "/jobs"),
    ],
)
@pytest.mark.parametrize("key", [None, "nonsense"])
def test_what_is_for_one_caller_is_stored_by_nobody(
    world: World, door: str, method: str, path: str, key: str | None
) -> None:
    body = {"images": 1, "origins": ["https://shop.example"]} if method == "POST" else None
    answer = world.api.call(method, path, body, door=door, key=key)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@DOORS
def test_a_redirect_to_a_signed_url_is_stored_by_nobody(world: World, door: str) -> None:
    job_id = world.api.accepted()
    world.jobs.work()
    (image,) = world.api.job(job_id)["result"]["data"]
    answer = world.api.call("GET", f"/i/{image['id']}", door=door)
    assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
