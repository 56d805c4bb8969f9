"""A function with Easel's exec wrapper streams behind MiniStack's Function URL, as behind AWS's."""

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.ministack import function_url
from local.processes import ROOT
from tests.deployment.local.conftest import TRUST
from tests.support import wire

# Does what the last part of the path says.
CODE = """
import os, time
def handle(event, context):
    what, _, number = event["rawPath"].rpartition("/")[2].partition("-")
    headers = {"content-type": "text/plain", "x-of": context.function_name}
    return {"statusCode": 201, "headers": headers, **ANSWERS[what](number)}
def pieces(seconds):
    yield b"first "
    time.sleep(float(seconds))
    yield b"second"
def broken(_):
    yield b"first"
    raise ValueError("a secret of the function")
def dead(_):
    yield b"first"
    os._exit(1)
def memory(number):
    hoard = bytearray(int(number) * 1024 * 1024)
    hoard[::4096] = b"x" * len(hoard[::4096])
    return {"body": "first"}
ANSWERS = {
    "text": lambda _: {"body": "text"},
    "none": lambda _: {"statusCode": 204},
    "bytes": lambda _: {"body": "AP+A", "isBase64Encoded": True},
    "large": lambda number: {"body": "x" * int(number)},
    "pieces": lambda seconds: {"body": pieces(seconds)},
    "broken": lambda _: {"body": broken(_)},
    "dead": lambda _: {"body": dead(_)},
    "fail": lambda _: 1 / 0,
    "memory": memory,
}
"""


@pytest.fixture(scope="module")
def url(client: Callable[[str], Any], deploy: Callable[[dict[str, Any]], dict[str, str]], endpoint: str) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("index.py", CODE)
        for path in (ROOT / "src").glob("streaming_runtime.*"):
            zipped.write(path, path.name)
    client("s3").create_bucket(Bucket="code")
    client("s3").put_object(Bucket="code", Key="streaming.zip", Body=archive.getvalue())
    function = {
        "Runtime": "python3.13",
        "Handler": "index.handle",
        "Code": {"S3Bucket": "code", "S3Key": "streaming.zip"},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "MemorySize": 128,
        "Timeout": 60,
        "Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/streaming_runtime.sh"}},
    }
    properties = {"TargetFunctionArn": {"Ref": "Function"}, "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}
    permission = {
        "FunctionName": {"Ref": "Function"},
        "Action": "lambda:InvokeFunctionUrl",
        "Principal": "*",
        "FunctionUrlAuthType": "NONE",
    }
    made = deploy(
        {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Url": {"Type": "AWS::Lambda::Url", "Properties": properties},
            "MayCall": {"Type": "AWS::Lambda::Permission", "Properties": permission},
        }
    )
    address = client("lambda").get_function_url_config(FunctionName=made["Function"])["FunctionUrl"]
    return function_url(endpoint, address)


def test_an_answer_has_the_status_and_headers_of_its_prelude(url: str) -> None:
    answer = wire.get(f"{url}/text")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (201, "text/plain", "text")
    assert answer.headers["x-of"]
    assert (wire.get(f"{url}/none").status_code, wire.get(f"{url}/none").content) == (204, b"")


def test_bytes_arrive_as_they_are(url: str) -> None:
    assert wire.get(f"{url}/bytes").content == b"\x00\xff\x80"


def test_an_answer_can_be_larger_than_one_in_one_piece(url: str) -> None:
    assert len(wire.get(f"{url}/large-7000000").content) == 7_000_000


def test_each_piece_arrives_when_it_is_written(url: str) -> None:
    with httpx.stream("GET", f"{url}/pieces-2", trust_env=False, timeout=20) as answer:
        received = [(piece, time.monotonic()) for piece in answer.iter_raw()]
    (first, early), (second, late) = received
    assert first + second == b"first second"
    assert late - early > 1


@pytest.mark.parametrize("what", ["broken", "dead", "memory-200"])
def test_a_stream_that_breaks_is_cut_off(url: str, what: str) -> None:
    with httpx.stream("GET", f"{url}/{what}", trust_env=False, timeout=20) as answer:
        assert answer.status_code == 201
        pieces = answer.iter_raw()
        assert next(pieces) == b"first"
        with pytest.raises(httpx.RemoteProtocolError):
            next(pieces)
    assert wire.get(f"{url}/text").text == "text"


def test_of_a_function_that_fails_before_its_answer_callers_learn_nothing(url: str) -> None:
    answer = wire.get(f"{url}/fail")
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")
