"""The examples of docs/webhooks.md take what Easel signs, and nothing else."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.webhooks.message import new_secret, sign
from tests.support.pages import program_in

BODY = '{"type":"job.succeeded","data":{"id":"job_1"}}'

Receive = Callable[[dict[str, str], bytes, str], Any]


def in_python(_: Path) -> Receive:
    names: dict[str, Any] = {}
    exec(program_in("webhooks.md", "python"), names)
    receive: Receive = names["receive"]
    return receive


def in_javascript(folder: Path) -> Receive:
    call = "const [headers, body, secret] = JSON.parse(process.argv[2]);"
    program = folder / "receive.mjs"
    program.write_text(
        f"{program_in('webhooks.md', 'js')}\n{call}\nconsole.log(JSON.stringify(receive(headers, body, secret)));\n"
    )

    def receive(headers: dict[str, str], body: bytes, secret: str) -> Any:
        given = json.dumps([headers, body.decode(), secret])
        ran = subprocess.run(["node", program, given], capture_output=True, text=True, check=True)
        return json.loads(ran.stdout)

    return receive


@pytest.fixture(params=[in_python, in_javascript])
def receive(request: pytest.FixtureRequest, tmp_path: Path) -> Receive:
    made: Receive = request.param(tmp_path)
    return made


def headers(*secrets: str, timestamp: int | None = None) -> dict[str, str]:
    timestamp = timestamp or int(time.time())
    signature = sign(secrets, "msg_1", timestamp, BODY)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_a_genuine_message_is_taken(receive: Receive) -> None:
    secret = new_secret()
    assert receive(headers(secret), BODY.encode(), secret) == json.loads(BODY)


def test_while_the_secret_changes_each_of_the_two_will_do(receive: Receive) -> None:
    new, old = new_secret(), new_secret()
    for secret in (new, old):
        assert receive(headers(new, old), BODY.encode(), secret)["type"] == "job.succeeded"


@pytest.mark.parametrize("fault", ["body", "secret", "time"])
def test_a_forged_or_old_message_is_refused(receive: Receive, fault: str) -> None:
    secret = new_secret()
    timestamp = int(time.time()) - 3600 if fault == "time" else None
    signed = headers(secret, timestamp=timestamp)
    body = BODY.replace("succeeded", "failed") if fault == "body" else BODY
    with pytest.raises(Exception):  # noqa: B017 - each library raises its own
        receive(signed, body.encode(), new_secret() if fault == "secret" else secret)
