"""The receiver of `make webhooks` prints what the deployment signed, and refuses the rest."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from local import receiver
from local.certificate import make_certificate

SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def post(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a receiver that knows the secret."""
    pem = make_certificate(tmp_path / "receiver.pem", addresses=[receiver.ADDRESS])
    server: ThreadingHTTPServer = receiver.server(pem, SECRET)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"https://{receiver.ADDRESS}:{server.server_port}"
    with server, httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=pem), trust_env=False) as client:
        yield client
        server.shutdown()
        thread.join()


def signed(body: str, secret: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"type": "job.succeeded", "data": {"id": "job_1"}}, "job.succeeded  job_1  signed"),
        ({"type": "easel.test", "data": {}}, "easel.test  -  signed"),
    ],
    ids=lambda each: each["type"] if isinstance(each, dict) else "",
)
def test_a_message_of_any_type_is_printed(
    post: httpx.Client, capsys: pytest.CaptureFixture[str], event: dict[str, object], line: str
) -> None:
    body = json.dumps(event)
    assert post.post("/", content=body, headers=signed(body, SECRET)).status_code == 204
    assert capsys.readouterr().out == f"  {line}\n"


@pytest.mark.parametrize("headers", [{}, signed("{}", "whsec_" + "b3RoZXI=" * 4)], ids=["unsigned", "by another"])
def test_what_is_not_signed_with_the_secret_is_refused(
    post: httpx.Client, capsys: pytest.CaptureFixture[str], headers: dict[str, str]
) -> None:
    assert post.post("/", content="{}", headers=headers).status_code == 400
    assert capsys.readouterr().out.startswith("  refused: ")
