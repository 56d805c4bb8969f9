"""Keys, lists of models, lifecycle, headers, and invalid bodies."""

from datetime import date
from typing import Any

import httpx
import pytest

from local.simulator import Simulator

BODY = {"model": "gpt-image-2", "prompt": "an otter"}


def post(sim: Simulator, **headers: str) -> httpx.Response:
    url = f"{sim.url}/v1/images/generations"
    return httpx.post(url, json=BODY, headers=headers, trust_env=False)


def test_a_key_is_needed_and_never_repeated(sim: Simulator) -> None:
    assert post(sim, authorization="Bearer sk-1").status_code == 200
    assert post(sim, **{"api-key": "sk-1"}).status_code == 200
    for headers in ({}, {"authorization": "Bearer secret-1"}, {"api-key": "secret-1"}, {"authorization": "Basic sk-1"}):
        response = post(sim, **headers)
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "invalid_api_key"
        assert "secret" not in response.text
    assert [call["accepted"] for call in sim.calls()] == [True, True, False, False, False, False]


def test_keys_can_be_rotated(sim: Simulator) -> None:
    httpx.post(f"{sim.url}/_sim/keys", json={"keys": ["sk-new"]}, trust_env=False)
    assert post(sim, authorization="Bearer sk-old").status_code == 401
    assert post(sim, authorization="Bearer sk-new").status_code == 200
    httpx.post(f"{sim.url}/_sim/reset", trust_env=False)
    assert post(sim, authorization="Bearer sk-old").status_code == 200


@pytest.mark.parametrize(
    ("model", "last_day"),
    [
        ("dall-e-2", date(2026, 5, 11)),
        ("dall-e-3", date(2026, 5, 11)),
        ("gpt-image-1", date(2026, 10, 22)),
        ("gpt-image-1-mini", date(2026, 11, 30)),
        ("gpt-image-1.5", date(2026, 11, 30)),
        ("gpt-image-1.5-2025-12-16", date(2026, 11, 30)),
        ("chatgpt-image-latest", date(2026, 11, 30)),
    ],
)
def test_a_model_is_retired_on_its_shutdown_date(sim: Simulator, generate: Any, model: str, last_day: date) -> None:
    sim.move_to(last_day)
    assert generate(model=model).status_code == 200
    sim.move_to(date.fromordinal(last_day.toordinal() + 1))
    response = generate(model=model)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_an_unknown_model_is_not_found(generate: Any) -> None:
    response = generate(model="gpt-image-2.6")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"


def test_models_are_listed_until_they_are_retired(sim: Simulator, museum: Simulator, http: httpx.Client) -> None:
    listed = http.get(f"{sim.url}/v1/models").json()
    names = {model["id"]: model for model in listed["data"]}
    assert listed["object"] == "list"
    assert len(names) == 12
    assert "gpt-image-1" not in names
    assert names["gpt-image-1.5"]["shutdown_date"] == "2026-12-01"
    assert set(names["gpt-image-2"]) == {"id", "object", "created", "owned_by"}
    assert len(http.get(f"{museum.url}/v1/models").json()["data"]) == 15
    http.post(f"{sim.url}/_sim/today", json={"today": "2026-12-01"})
    assert len(http.get(f"{sim.url}/v1/models").json()["data"]) == 8


def test_one_model(sim: Simulator, http: httpx.Client) -> None:
    assert http.get(f"{sim.url}/v1/models/gpt-image-2").json()["id"] == "gpt-image-2"
    for gone in ("dall-e-3", "gpt-4"):
        response = http.get(f"{sim.url}/v1/models/{gone}")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "model_not_found"
    assert httpx.get(f"{sim.url}/v1/models", trust_env=False).status_code == 401


def test_every_answer_is_identified(generate: Any) -> None:
    for response in (generate(), generate(n=0)):
        assert response.headers["x-request-id"].startswith("req_")
        assert int(response.headers["openai-processing-ms"]) >= 0


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b'{"n": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_must_be_a_json_object(sim: Simulator, http: httpx.Client, body: bytes) -> None:
    kind = {"content-type": "application/json"}
    response = http.post(f"{sim.url}/v1/images/generations", content=body, headers=kind)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_generations_take_json_only(sim: Simulator, http: httpx.Client, kind: str) -> None:
    url = f"{sim.url}/v1/images/generations"
    response = http.post(url, content=b"{}", headers={"content-type": kind})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unsupported_content_type"


def test_a_broken_form_is_refused(sim: Simulator, http: httpx.Client) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = http.post(f"{sim.url}/v1/images/edits", content=b"--y\r\n", headers={"content-type": kind})
        assert response.status_code == 400


def test_other_addresses_answer_in_the_same_shape(sim: Simulator, http: httpx.Client) -> None:
    for response in (http.get(f"{sim.url}/v1/chat"), http.get(f"{sim.url}/v1/images/generations")):
        assert response.status_code in {404, 405}
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert http.get(f"{sim.url}/health").json() == {"status": "ok"}
