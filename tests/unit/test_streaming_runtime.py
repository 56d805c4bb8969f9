"""The runtime loop against Lambda's Runtime API: what it sends, when, and what it survives."""

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.processes import ROOT
from tests.support.lambda_service import LambdaService, managed_command, running

WRAPPER = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/streaming_runtime.sh", "_HANDLER": "function.handle"}
FUNCTION = """
import base64, os, sys, time

def handle(event, context):
    print("handled", event, flush=True)
    answer = {"statusCode": 201, "headers": {"content-type": "text/plain"}}
    if event == "text":
        return answer | {"body": "Grüße", "cookies": ["a=b"]}
    if event == "bytes":
        return answer | {"body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True}
    if event == "nothing":
        return {"statusCode": 204, "body": None}
    if event == "context":
        known = {name: getattr(context, name) for name in (
            "aws_request_id", "invoked_function_arn", "function_name", "function_version", "memory_limit_in_mb")}
        known["remaining"] = context.get_remaining_time_in_millis() > 10**9
        return answer | {"body": repr((known, os.environ.get("_X_AMZN_TRACE_ID"), os.getcwd()))}
    if event == "raise":
        raise ValueError("broken")
    return answer | {"body": pieces(event)}

def pieces(event):
    try:
        yield b"first"
        yield b""
        time.sleep(0.5)
        if event == "break":
            raise ValueError("broken")
        for _ in range(20 if event == "go away" else 1):
            time.sleep(0.02)
            yield b"second" * 1000
    finally:
        print("closed", flush=True)
"""


@pytest.fixture
def task_root(tmp_path: Path) -> Path:
    """The code of a function."""
    for name in ("streaming_runtime.py", "streaming_runtime.sh"):
        (tmp_path / name).symlink_to(ROOT / "src" / name)
    (tmp_path / "function.py").write_text(FUNCTION)
    return tmp_path


@contextmanager
def started(task_root: Path, service: LambdaService, **variables: str) -> Iterator[Any]:
    command = managed_command(sys.executable, WRAPPER, task_root)
    with service, running(command, service, task_root, WRAPPER | variables) as process:
        yield process


def test_answers_arrive_as_a_function_url_reads_them(task_root: Path) -> None:
    with started(task_root, service := LambdaService("text", "bytes", "nothing")):
        text, raw, nothing = (service.report(10) for _ in range(3))
    assert text.path == "invocation/1/response"
    assert text.headers["Content-Type"] == "application/vnd.awslambda.http-integration-response"
    assert text.is_stream
    assert text.prelude == {"statusCode": 201, "headers": {"content-type": "text/plain"}, "cookies": ["a=b"]}
    assert text.body == "Grüße".encode()
    assert raw.body == bytes(range(256))
    assert (nothing.prelude["statusCode"], nothing.body) == (204, b"")


def test_each_piece_of_a_stream_arrives_when_it_is_made(task_root: Path) -> None:
    with started(task_root, service := LambdaService("stream")):
        report = service.report(10)
    moments = {piece[:5]: moment for moment, piece in report.pieces}
    assert report.body == b"first" + b"second" * 1000
    assert moments[b"secon"] - moments[b"first"] > 0.25


def test_an_error_in_the_middle_of_a_stream_is_its_trailer_and_a_line_in_the_log(task_root: Path) -> None:
    with started(task_root, service := LambdaService("break", "text")) as process:
        broken, next_one = service.report(10), service.report(10)
        output = [process.stdout.readline() for _ in range(4)]
    assert broken.body == b"first"
    assert broken.trailer["Lambda-Runtime-Function-Error-Type"] == "ValueError"
    described = json.loads(base64.b64decode(broken.trailer["Lambda-Runtime-Function-Error-Body"]))
    assert (described["errorType"], described["errorMessage"]) == ("ValueError", "broken")
    logged = next(json.loads(line) for line in output if line.startswith("{"))
    assert (logged["level"], logged["requestId"], logged["errorType"]) == ("ERROR", "1", "ValueError")
    assert next_one.body == "Grüße".encode()


def test_an_error_of_the_handler_is_reported_and_the_next_event_answered(task_root: Path) -> None:
    with started(task_root, service := LambdaService("raise", "text")):
        failed, next_one = service.report(10), service.report(10)
    assert failed.path == "invocation/1/error"
    assert failed.headers["Lambda-Runtime-Function-Error-Type"] == "ValueError"
    assert failed.document["errorMessage"] == "broken"
    assert "function.py" in "".join(failed.document["stackTrace"])
    assert next_one.path == "invocation/2/response"


def test_when_nobody_receives_a_stream_it_is_closed_and_the_next_event_answered(task_root: Path) -> None:
    with started(task_root, service := LambdaService("go away", "text", cut_after=2)) as process:
        cut, next_one = service.report(10), service.report(10)
        output = [process.stdout.readline() for _ in range(3)]
    assert cut.body == b"first"
    assert next_one.body == "Grüße".encode()
    assert "closed\n" in output


def test_a_function_that_cannot_start_says_why(task_root: Path) -> None:
    for handler, error in (("missing.handle", "ModuleNotFoundError"), ("function.missing", "AttributeError")):
        with started(task_root, service := LambdaService("text"), _HANDLER=handler) as process:
            report = service.report(10)
            assert process.wait(10) != 0
        assert report.path == "init/error"
        assert report.headers["Lambda-Runtime-Function-Error-Type"] == error
        assert report.document["errorType"] == error


def test_a_handler_knows_its_invocation_and_the_trace_of_its_request(task_root: Path) -> None:
    with started(task_root, service := LambdaService("context", "context", trace_ids=["Root=1"])):
        known, trace, folder = eval(service.report(10).body)
        later = eval(service.report(10).body)
    assert known == {
        "aws_request_id": "1",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:easel",
        "function_name": "easel",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "512",
        "remaining": True,
    }
    assert (trace, folder) == ("Root=1", str(task_root))
    assert (later[0]["aws_request_id"], later[1]) == ("2", "")
