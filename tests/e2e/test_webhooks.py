"""A webhook of the deployed stack reaches a real TLS receiver, signed."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire
from tests.support.tls_server import SERVER_ADDRESS, Server, make_certificate, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def receiver(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A receiver that this deployment trusts: its certificate, and its address although it is loopback."""
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    variables = {"SSL_CERT_FILE": str(certificate), "EASEL_TRUSTED_WEBHOOK_HOSTS": f"{SERVER_ADDRESS}/32"}
    with stack.with_variables(variables, "ApiFunction", "WebhookFunction"), serving(certificate) as server:
        yield server


@pytest.fixture(scope="module")
def signing(stack: Stack, make_key: MakeKey) -> tuple[Key, str]:
    """A key, and the secret its webhooks are signed with."""
    key = make_key()
    return key, stack.easel("webhooks", "secret", key.id).strip()


def job_with_webhook(stack: Stack, key: Key, url: str, **body: Any) -> Any:
    headers = key.headers | {"Prefer": "respond-async", "Easel-Webhook": url}
    answer = wire.post(f"{stack.api_url}/images/generations", json={"prompt": "an otter"} | body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


def webhook_of(stack: Stack, key: Key, job_id: str, state: str) -> Any:
    """What a job says of its webhook, once it is in that state."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        seen = wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json().get("webhook")
        if seen and seen["state"] == state:
            return seen
        time.sleep(0.3)
    raise AssertionError(f"the webhook of {job_id} is not {state}: {seen}")


def test_the_end_of_a_job_is_told_again_until_it_is_heard_and_once_more_by_replay(
    stack: Stack, signing: tuple[Key, str], simulator: SimulatorControl, receiver: Server
) -> None:
    key, secret = signing
    receiver.replies = [BROKEN, OK, OK]
    job = job_with_webhook(stack, key, f"https://{SERVER_ADDRESS}:{receiver.port}/hook")
    seen = webhook_of(stack, key, job["id"], "delivered")
    assert (seen["attempts"], seen["outcome"]) == (2, "status_200")
    stack.easel("webhooks", "replay", job["id"])
    until = time.monotonic() + 60
    while len(receiver.bodies) < 3 and time.monotonic() < until:
        time.sleep(0.2)
    heads = [dict(line.split(": ", 1) for line in text.split("\r\n")[1:] if ": " in line) for text in receiver.requests]
    assert {head["webhook-id"] for head in heads} == {seen["id"]}
    for head, body in zip(heads, receiver.bodies, strict=True):
        Webhook(secret).verify(body, head)
    event = json.loads(receiver.bodies[2])
    assert (event["type"], event["data"]["id"]) == ("job.succeeded", job["id"])
    (image,) = event["data"]["result"]["data"]
    assert wire.get(image["url"], follow_redirects=True).headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "http://example.com/"]
)
def test_a_webhook_to_the_inside_is_refused(
    stack: Stack, signing: tuple[Key, str], simulator: SimulatorControl, url: str
) -> None:
    headers = signing[0].headers | {"Easel-Webhook": url}
    answer = wire.post(f"{stack.api_url}/images/generations", json={"prompt": "an otter"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_webhook_url")
    assert simulator.calls() == []


def test_a_name_that_resolves_to_the_inside_is_not_connected_to(
    stack: Stack, signing: tuple[Key, str], simulator: SimulatorControl
) -> None:
    key, _ = signing
    job = job_with_webhook(stack, key, "https://localhost/hook")
    seen = webhook_of(stack, key, job["id"], "pending")
    until = time.monotonic() + 60
    while not seen["outcome"] and time.monotonic() < until:
        time.sleep(0.3)
        seen = webhook_of(stack, key, job["id"], "pending")
    assert seen["outcome"] == "forbidden_address"
