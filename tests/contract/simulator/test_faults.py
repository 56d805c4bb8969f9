"""Faults on demand, on the wire, and the record of calls."""

import base64
import json
import re
import socket
import threading
import time
from typing import Any

import httpx
import pytest

from local.simulator import Simulator

HIGH = 8 * 5 + 1756 * 30  # gpt-image-2, medium, 1024x1024
BODY = {"model": "gpt-image-2", "prompt": "an otter", "size": "1024x1024"}


def raw_call(sim: Simulator, body: dict[str, Any] | None = None) -> bytes:
    """Send a call over a bare socket and read until the connection ends."""
    content = json.dumps(body or BODY).encode()
    head = (
        "POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Authorization: Bearer sk-test\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    host, port = sim.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode() + content)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


REFUSING = [
    ("rate_limit", 429, "requests", "rate_limit_exceeded"),
    ("slow_down", 429, "rate_limit_error", "slow_down"),
    ("insufficient_quota", 429, "insufficient_quota", "insufficient_quota"),
    ("billing_hard_limit", 400, "invalid_request_error", "billing_hard_limit_reached"),
    ("moderation_blocked", 400, "image_generation_user_error", "moderation_blocked"),
    ("unauthorized", 401, "invalid_request_error", "invalid_api_key"),
    ("unverified", 403, "invalid_request_error", None),
    ("server_error", 500, "server_error", "server_error"),
    ("overloaded", 503, "service_unavailable_error", "server_is_overloaded"),
]


@pytest.mark.parametrize(("kind", "status", "type_", "code"), REFUSING)
def test_refusing_faults_cost_nothing(
    sim: Simulator, generate: Any, kind: str, status: int, type_: str, code: str | None
) -> None:
    sim.plan(kind)
    response = generate()
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (status, type_, code)
    (call,) = sim.calls()
    assert (call["accepted"], call["charged_micro_usd"], call["fault"], call["status"]) == (False, 0, kind, status)
    assert generate().status_code == 200


def test_rate_limits_say_when_to_return(sim: Simulator, generate: Any) -> None:
    sim.plan("rate_limit", retry_after=2.5)
    headers = generate().headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("3", "2500")


def test_a_gateway_fails_in_html(sim: Simulator, generate: Any) -> None:
    sim.plan("bad_gateway")
    response = generate()
    assert response.status_code == 502
    assert response.headers["content-type"].startswith("text/html")
    assert sim.calls()[0]["charged_micro_usd"] == 0


def test_a_cut_body_promises_more_than_it_sends(sim: Simulator) -> None:
    sim.plan("cut_body")
    head, _, body = raw_call(sim).partition(b"\r\n\r\n")
    promised = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == promised // 2
    assert (sim.calls()[0]["charged_micro_usd"], sim.calls()[0]["status"]) == (HIGH, 200)


@pytest.mark.parametrize("after", range(4))
def test_a_body_can_be_cut_after_some_images(sim: Simulator, after: int) -> None:
    sim.plan("cut_image", after=after)
    _, _, body = raw_call(sim, BODY | {"n": 3}).partition(b"\r\n\r\n")
    assert len(re.findall(rb'"b64_json": "[^"]+"', body)) == after
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(body)
    assert sim.calls()[0]["charged_micro_usd"] > 2 * HIGH


def test_a_stream_can_be_cut(sim: Simulator) -> None:
    sim.plan("cut_body")
    _, _, body = raw_call(sim, BODY | {"stream": True}).partition(b"\r\n\r\n")
    assert body.startswith(b"event: image_generation.completed\n")
    assert not body.endswith(b"\n\n")


STREAMED = BODY | {"stream": True, "partial_images": 2}
WITH_DRAFTS = HIGH + 2 * 100 * 30


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(
    ("kind", "last", "ends", "charged"),
    [
        ("stream_cut", "image_generation.partial_image", False, WITH_DRAFTS),
        ("stream_ended", "image_generation.partial_image", True, WITH_DRAFTS),
        ("stream_error", "error", True, WITH_DRAFTS),
        ("stream_blocked", "error", True, WITH_DRAFTS),
    ],
)
def test_a_stream_can_be_spoiled_after_each_of_its_events(
    sim: Simulator, kind: str, last: str, ends: bool, charged: int, after: int
) -> None:
    sim.plan(kind, after=after)
    _, _, body = raw_call(sim, STREAMED).partition(b"\r\n\r\n")
    events = re.findall(rb"^event: (.*)$", body, re.MULTILINE)
    assert events.count(b"image_generation.partial_image") == after
    assert not events or events[-1] == last.encode()
    assert body.endswith(b"0\r\n\r\n") == ends
    refused = (kind, after) == ("stream_blocked", 0)
    assert (sim.calls()[0]["accepted"], sim.calls()[0]["charged_micro_usd"]) == (not refused, 0 if refused else charged)


def test_a_slow_stream_takes_its_time(sim: Simulator, http: httpx.Client) -> None:
    sim.plan("slow", seconds=0.3)
    started = time.monotonic()
    answer = http.post(f"{sim.url}/v1/images/generations", json=STREAMED)
    assert answer.text.count("event: ") == 3
    assert time.monotonic() - started >= 0.3


def test_a_reset_connection_answers_nothing_but_charges(sim: Simulator) -> None:
    sim.plan("reset")
    with pytest.raises(ConnectionResetError):
        raw_call(sim)
    (call,) = sim.calls()
    assert (call["accepted"], call["status"], call["charged_micro_usd"]) == (True, None, HIGH)


def spoiled(sim: Simulator, generate: Any, kind: str) -> httpx.Response:
    sim.plan(kind)
    response: httpx.Response = generate(**BODY)
    (call,) = sim.calls()
    assert (call["accepted"], call["charged_micro_usd"], call["fault"]) == (True, HIGH, kind)
    return response


def test_garbage_json(sim: Simulator, generate: Any) -> None:
    response = spoiled(sim, generate, "garbage_json")
    assert response.status_code == 200
    with pytest.raises(ValueError, match="Unterminated"):
        response.json()


def test_wrong_bytes(sim: Simulator, generate: Any) -> None:
    data = base64.b64decode(spoiled(sim, generate, "wrong_bytes").json()["data"][0]["b64_json"])
    assert data == b"These bytes are not an image."


def test_bad_base64(sim: Simulator, generate: Any) -> None:
    text = spoiled(sim, generate, "bad_base64").json()["data"][0]["b64_json"]
    with pytest.raises(ValueError, match="base64"):
        base64.b64decode(text, validate=True)


def test_empty_data(sim: Simulator, generate: Any) -> None:
    answer = spoiled(sim, generate, "empty_data").json()
    assert answer["data"] == []
    assert answer["usage"]["output_tokens"] == 1756


def test_no_usage(sim: Simulator, generate: Any) -> None:
    answer = spoiled(sim, generate, "no_usage").json()
    assert "usage" not in answer
    assert len(answer["data"]) == 1


def test_a_server_error_can_come_after_the_work(sim: Simulator, generate: Any) -> None:
    assert spoiled(sim, generate, "server_error_charged").status_code == 500


def test_slow_calls_are_listed_at_once_and_block_no_others(sim: Simulator, generate: Any) -> None:
    sim.plan("slow", count=50, seconds=0.6)
    answers: list[int] = []
    url, headers = f"{sim.url}/v1/images/generations", {"Authorization": "Bearer sk-test"}

    def call() -> None:
        body = {"model": "gpt-image-1.5", "prompt": "an otter"}
        answers.append(httpx.post(url, json=body, headers=headers, trust_env=False, timeout=20).status_code)

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    while len(sim.calls()) < 50:
        time.sleep(0.01)
    started = time.monotonic()
    assert generate().status_code == 200
    assert time.monotonic() - started < 5
    for thread in threads:
        thread.join()
    assert answers == [200] * 50
    assert all(call["status"] == 200 for call in sim.calls())


def test_a_late_answer_is_charged_even_if_the_client_has_left(sim: Simulator, http: httpx.Client) -> None:
    sim.plan("late")
    with pytest.raises(httpx.ReadTimeout):
        http.post(f"{sim.url}/v1/images/generations", json=BODY, timeout=0.3)
    (call,) = sim.calls()
    assert (call["accepted"], call["status"], call["charged_micro_usd"]) == (True, None, HIGH)


def test_a_client_that_waits_gets_a_late_answer(sim: Simulator, generate: Any) -> None:
    sim.plan("late", seconds=0.1)
    assert generate().status_code == 200


def test_a_refused_request_stays_refused_under_a_delivery_fault(sim: Simulator, generate: Any) -> None:
    sim.plan("cut_body")
    assert generate(n=0).status_code == 400
    assert sim.planned() == []
    assert sim.calls()[0]["charged_micro_usd"] == 0


def test_faults_are_planned_and_used_up_in_order(sim: Simulator, http: httpx.Client, generate: Any) -> None:
    plan = {"faults": [{"kind": "server_error"}, {"kind": "overloaded", "count": 2}]}
    assert http.post(f"{sim.url}/_sim/faults", json=plan).status_code == 200
    assert [generate().status_code for _ in range(2)] == [500, 503]
    rest = http.get(f"{sim.url}/_sim/faults").json()["faults"]
    assert [fault["kind"] for fault in rest] == ["overloaded"]
    http.post(f"{sim.url}/_sim/reset")
    assert http.get(f"{sim.url}/_sim/faults").json() == {"faults": []}
    assert generate().status_code == 200


@pytest.mark.parametrize(
    "plan",
    [
        {"faults": [{"kind": "earthquake"}]},
        {"faults": [{"kind": "slow", "seconds": "long"}]},
        {"faults": [{"kind": "slow", "count": 0}]},
        {"faults": [{"kind": "slow", "colour": "red"}]},
        {"faults": [{"kind": "stream_cut", "after": 4}]},
        {"faults": [{"kind": "stream_cut", "after": "1"}]},
        {"faults": "slow"},
        [],
    ],
)
def test_impossible_plans_are_refused(sim: Simulator, http: httpx.Client, plan: Any) -> None:
    assert http.post(f"{sim.url}/_sim/faults", json=plan).status_code == 400
    assert sim.planned() == []


def test_an_unknown_kind_is_answered_with_the_allowed_ones(sim: Simulator, http: httpx.Client) -> None:
    response = http.post(f"{sim.url}/_sim/faults", json={"faults": [{"kind": "earthquake"}]})
    message = response.json()["error"]["message"]
    for kind in ("rate_limit", "late", "server_error_charged"):
        assert kind in message


def test_the_record_holds_no_prompt_and_no_key(sim: Simulator, http: httpx.Client) -> None:
    headers = {"X-Client-Request-Id": "job-1", "Authorization": "Bearer sk-hidden"}
    http.post(f"{sim.url}/v1/images/generations", json=BODY | {"prompt": "a secret wish"}, headers=headers)
    response = http.get(f"{sim.url}/_sim/calls")
    (call,) = response.json()["calls"]
    assert set(call) == {
        "id",
        "time",
        "path",
        "model",
        "accepted",
        "status",
        "charged_micro_usd",
        "n",
        "fault",
        "client_request_id",
        "input_images",
    }
    assert call["client_request_id"] == "job-1"
    assert "secret" not in response.text
    assert "hidden" not in response.text
