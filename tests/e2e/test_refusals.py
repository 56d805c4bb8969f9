"""What is refused, over the wire: the documented status and body, CORS headers, and nothing reaches the provider."""

from typing import Any

import httpx
import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

REFUSED: list[tuple[Any, str | None, str]] = [
    ({"prompt": "an otter", "size": "1000x1000"}, "size", "invalid_value"),
    ({"prompt": ""}, "prompt", "invalid_value"),
    ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
    ({"prompt": "an otter", "n": 11}, "n", "invalid_value"),
    ({"model": "gpt-image-2"}, "prompt", "missing_required_parameter"),
    ('{"prompt": "an otter"', None, "invalid_json"),
    ("[1, 2]", None, "invalid_json"),
    ('{"prompt": "\\ud800"}', None, "invalid_json"),
    ('{"prompt": "an otter", "n": ' + "9" * 5000 + "}", None, "invalid_json"),
    ("[" * 100_000, None, "invalid_json"),
    ("", None, "invalid_json"),
]


@pytest.fixture(params=["api", "direct"])
def door(request: pytest.FixtureRequest, stack: Stack) -> str:
    return stack.api_url if request.param == "api" else stack.direct_url


def assert_error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert {"message", "type", "param", "retryable", "charged", "request_id"} <= error.keys()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["x-should-retry"] == ("true" if error["retryable"] else "false")
    return dict(error)


@pytest.mark.parametrize(("body", "param", "code"), REFUSED)
def test_a_wrong_request_is_refused(
    door: str, key: Key, simulator: SimulatorControl, body: Any, param: str | None, code: str
) -> None:
    sent = {"content": body} if isinstance(body, str) else {"json": body}
    headers = key.headers | {"Content-Type": "application/json"}
    answer = wire.post(f"{door}/images/generations", headers=headers, **sent)
    error = assert_error(answer, 400, code)
    assert error["param"] == param
    assert error["charged"] is False
    assert simulator.calls() == []


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_api_key"),
        ("Basic dXNlcjpwYXNz", "missing_api_key"),
        ("Bearer sk-proj-somebody-elses", "invalid_api_key"),
        ("Bearer ek_" + "A" * 43, "invalid_api_key"),
    ],
)
def test_nobody_gets_in_without_a_key(
    door: str, simulator: SimulatorControl, authorization: str | None, code: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = wire.post(f"{door}/images/generations", json={"prompt": "an otter"}, headers=headers)
    error = assert_error(answer, 401, code)
    assert "ek_" in error["message"]
    assert "somebody" not in answer.text
    assert simulator.calls() == []


def test_a_revoked_key_is_out_at_once(stack: Stack, door: str, make_key: MakeKey, simulator: SimulatorControl) -> None:
    key = make_key()
    assert wire.get(f"{door}/jobs", headers=key.headers).status_code == 200
    stack.easel("keys", "revoke", key.id)
    answer = wire.post(f"{door}/images/generations", json={"prompt": "an otter"}, headers=key.headers)
    assert "revoked" in assert_error(answer, 401, "invalid_api_key")["message"]
    assert simulator.calls() == []


def test_a_key_may_be_bound_to_models_and_origins(door: str, make_key: MakeKey, simulator: SimulatorControl) -> None:
    key = make_key("--model", "gpt-image-2", "--origin", "https://shop.example")
    url = f"{door}/images/generations"
    other_model = wire.post(url, json={"prompt": "x", "model": "gpt-image-2.6-flare"}, headers=key.headers)
    assert "gpt-image-2" in assert_error(other_model, 403, "model_not_allowed")["message"]
    page = key.headers | {"Origin": "https://elsewhere.example"}
    other_page = wire.post(url, json={"prompt": "x", "model": "gpt-image-2"}, headers=page)
    assert "https://shop.example" in assert_error(other_page, 403, "origin_not_allowed")["message"]
    assert simulator.calls() == []


def test_what_is_not_there_is_404(door: str, key: Key, make_key: MakeKey, simulator: SimulatorControl) -> None:
    for path in ("/jobs/job_00000000000000000000000000000000", "/jobs/nonsense", "/nowhere"):
        assert_error(wire.get(f"{door}{path}", headers=key.headers), 404, "not_found")
    assert_error(wire.get(f"{door}/i/img_00000000000000000000000000000000"), 404, "not_found")


def test_a_wrong_method_is_told_the_right_ones(door: str, key: Key) -> None:
    answer = wire.put(f"{door}/jobs", headers=key.headers)
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, OPTIONS"


def test_another_callers_job_is_404(door: str, key: Key, make_key: MakeKey, simulator: SimulatorControl) -> None:
    answer = wire.post(
        f"{door}/images/generations", json={"prompt": "an otter"}, headers=key.headers | {"Prefer": "wait=0"}
    )
    job_id = answer.json()["id"]
    assert_error(wire.get(f"{door}/jobs/{job_id}", headers=make_key().headers), 404, "not_found")
    assert wire.get(f"{door}/jobs/{job_id}?wait=20", headers=key.headers, timeout=30).json()["status"] == "succeeded"


def test_the_page_needs_no_key_and_may_load_nothing(door: str) -> None:
    answer = wire.get(f"{door}/docs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.text.startswith("<!doctype html>")


def test_health_needs_no_key(door: str) -> None:
    answer = wire.get(f"{door}/health")
    assert answer.json()["status"] == "ok"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
