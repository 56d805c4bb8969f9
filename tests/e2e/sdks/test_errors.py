"""What each official client raises, and that it repeats only what is worth repeating."""

import http.client
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack

from .conftest import OMIT, PYTHONS, Client, ClientError, File, Pictures

WISH: dict[str, Any] = {"model": "gpt-image-2.6-flare", "prompt": "An otter in doubt", "quality": "low"}


def raised(call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """What the user of a client reads from the exception that the call ends in."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.seen


def assert_error(error: dict[str, Any], kind: str, **attributes: Any) -> None:
    """Its class, its attributes, and that it names its request."""
    assert error["class"] == kind
    assert {name: error[name] for name in attributes} == attributes
    assert error["request_id"] == error["body"]["request_id"]
    assert error["body"]["message"] in error["message"]


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"size": "1000x1000"}, "invalid_value", "size"),
        ({"n": 11}, "invalid_value", "n"),
        ({"style": "vivid"}, "unsupported_parameter", "style"),
        ({"response_format": "xml"}, "invalid_value", "response_format"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_parameter_raises_a_bad_request_error_that_names_it(
    client: Client, simulator: SimulatorControl, wrong: dict[str, Any], code: str, param: str
) -> None:
    error = raised(client.generate, **WISH | wrong)
    assert_error(error, "BadRequestError", status_code=400, code=code, param=param, type="invalid_request_error")
    assert error["body"]["charged"] is False
    assert simulator.calls() == []


def test_an_edit_with_a_wrong_size_raises_a_bad_request_error(
    client: Client, pictures: Pictures, simulator: SimulatorControl
) -> None:
    error = raised(client.edit, **WISH, image=File(pictures.body_lotion), size="1000x1000")
    assert_error(error, "BadRequestError", code="invalid_value", param="size")
    assert simulator.calls() == []


def test_a_file_that_is_no_image_raises_a_bad_request_error(
    client: Client, pictures: Pictures, simulator: SimulatorControl
) -> None:
    error = raised(client.edit, **WISH, image=File(pictures.no_image))
    assert_error(error, "BadRequestError", status_code=400, param="image")
    assert simulator.calls() == []


def test_a_mask_that_does_not_fit_raises_a_bad_request_error(
    client: Client, pictures: Pictures, simulator: SimulatorControl
) -> None:
    error = raised(client.edit, **WISH, image=File(pictures.body_lotion), mask=File(pictures.bath_bomb))
    assert_error(error, "BadRequestError", status_code=400, param="mask")
    assert simulator.calls() == []


def test_a_missing_key_raises_an_authentication_error(client: Client, simulator: SimulatorControl) -> None:
    error = raised(client.generate, **WISH, extra_headers={"Authorization": OMIT})
    assert_error(error, "AuthenticationError", status_code=401, code="missing_api_key")
    assert simulator.calls() == []


def test_the_providers_key_is_none_of_easels(client: Client, simulator: SimulatorControl) -> None:
    error = raised(client.with_options(api_key="sk-proj-mine").generate, **WISH)
    assert_error(error, "AuthenticationError", status_code=401, code="invalid_api_key")
    assert "sk-proj" not in error["message"]
    assert simulator.calls() == []


def test_an_unknown_model_raises_a_not_found_error(client: Client, simulator: SimulatorControl) -> None:
    error = raised(client.generate, model="dall-e-7", prompt="An otter of the future")
    assert_error(error, "NotFoundError", status_code=404, code="model_not_found", param="model")
    assert simulator.calls() == []


def test_an_idempotency_key_for_another_request_raises_a_conflict_error(
    client: Client, simulator: SimulatorControl
) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    client.generate(**WISH, extra_headers=headers)
    error = raised(client.generate, **WISH | {"prompt": "Another otter"}, extra_headers=headers)
    assert_error(error, "ConflictError", status_code=409, code="idempotency_key_reused")
    assert len(simulator.calls()) == 1


def test_a_blocked_prompt_raises_a_bad_request_error(client: Client, simulator: SimulatorControl) -> None:
    simulator.plan("moderation_blocked")
    error = raised(client.generate, **WISH)
    assert_error(error, "BadRequestError", status_code=400, code="moderation_blocked")
    assert len(simulator.calls()) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        ("insufficient_quota", "RateLimitError", 429, "insufficient_quota"),
        ("server_error_charged", "InternalServerError", 502, "outcome_unknown"),
    ],
)
def test_what_cannot_succeed_is_not_repeated(
    client: Client, simulator: SimulatorControl, fault: str, kind: str, status: int, code: str
) -> None:
    """The clients look at the status alone, and repeat every 429 and 5xx that does not say otherwise."""
    simulator.plan(fault, count=3)
    prompt = f"An otter in trouble {secrets.token_hex(4)}"  # An equal one would find the job of another client.
    error = raised(client.generate, **WISH | {"prompt": prompt})
    assert_error(error, kind, status_code=status, code=code)
    assert len(simulator.calls()) == 1


def test_what_may_succeed_is_repeated_and_bought_once(client: Client, simulator: SimulatorControl) -> None:
    """The provider asks for more patience than a job has, so the client gets a 429 that it may repeat."""
    simulator.plan("rate_limit", retry_after=4000)
    assert client.generate(**WISH)["data"][0]["url"]
    assert [call["accepted"] for call in simulator.calls()] == [False, True]


@contextmanager
def lossy(base_url: str) -> Iterator[str]:
    """Another address of the API, where the connection breaks in place of the first answer."""
    target = urlsplit(base_url)
    answered = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with closing(http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)) as upstream:
                upstream.request("POST", self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
            if not answered.is_set():
                answered.set()
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{target.path}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_lost_answer_is_asked_for_again_and_bought_once(
    client: Client, stack: Stack, simulator: SimulatorControl
) -> None:
    with lossy(stack.direct_url) as base_url:
        assert client.with_options(base_url=base_url).generate(**WISH)["data"][0]["url"]
    assert len(simulator.calls()) == 1


@pytest.mark.parametrize("client", PYTHONS, indirect=True)
def test_a_wait_that_ends_before_the_job_is_gone_on_with_and_bought_once(
    client: Client, simulator: SimulatorControl
) -> None:
    """Five seconds before the client would give up, it is told to ask again. Node's does not say when it gives up."""
    simulator.plan("slow", seconds=3.5)
    impatient, named = client.with_options(timeout=6), {"extra_headers": {"Idempotency-Key": secrets.token_hex()}}
    with pytest.raises(ClientError) as raised:
        impatient.with_options(max_retries=0).generate(**WISH, **named)
    assert raised.value.seen["body"]["code"] == "job_not_finished"
    assert impatient.with_options(max_retries=4).generate(**WISH, **named)["data"][0]["url"]
    assert len(simulator.calls()) == 1


def test_the_lost_answer_to_an_edit_is_asked_for_again_and_bought_once(
    client: Client, stack: Stack, pictures: Pictures, simulator: SimulatorControl
) -> None:
    with lossy(stack.direct_url) as base_url:
        response = client.with_options(base_url=base_url).edit(**WISH, image=File(pictures.body_lotion, "bytes"))
    assert response["data"][0]["url"]
    assert len(simulator.calls()) == 1
