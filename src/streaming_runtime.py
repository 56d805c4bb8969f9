"""A runtime for functions whose answers can be streams; Python's managed runtime sends every answer in one piece.

streaming_runtime.sh starts it in place of the managed runtime's process, with the same interpreter: see ADR 0031. A
handler answers what it would answer behind any Function URL ({"statusCode", "headers", "body", ...}), but its `body`
can be a generator of bytes, each of which is sent at once. The generator is closed if nobody receives them any more.

Sources: Lambda developer guide, "Using the Lambda runtime API for custom runtimes"; for the framing of answers and for
errors in the middle of one, AWS's runtimes for Node.js and Rust.
"""

import base64
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

_API = "/2018-06-01/runtime"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
# What ends the prelude of an answer.
_SEPARATOR = bytes(8)

Handler = Callable[[Any, "Context"], Mapping[str, Any]]
Error = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """What a handler can know about its invocation, named as in the managed runtime."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    function_version: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_VERSION"])
    memory_limit_in_mb: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    log_group_name: str | None = field(default_factory=lambda: os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"))
    log_stream_name: str | None = field(default_factory=lambda: os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"))

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


class RuntimeApi:
    """Lambda's side of the execution environment, at HOST:PORT. Each call has a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address

    def next(self) -> tuple[Any, Context]:
        """Wait for the next event. The trace of its request goes into the environment, where the AWS SDK reads it.

        Raises:
            ConnectionError: this environment gets no more events.
        """
        with closing(HTTPConnection(self._address)) as connection:
            connection.request("GET", f"{_API}/invocation/next")
            response = connection.getresponse()
            content, headers = response.read(), response.headers
        if response.status != 200:
            raise ConnectionError(f"Lambda answers {response.status} in place of the next event")
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        return json.loads(content), Context(
            aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
            invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
            deadline_ms=int(headers["Lambda-Runtime-Deadline-Ms"]),
        )

    def answer(self, request_id: str, pieces: Iterator[bytes]) -> None:
        """Send an answer, each piece at once. An exception between two of them is its end, and is reported as such.

        Raises:
            OSError, HTTPException: nobody receives the answer any more.
        """
        with closing(HTTPConnection(self._address)) as connection:
            connection.putrequest("POST", f"{_API}/invocation/{request_id}/response")
            connection.putheader("Content-Type", "application/vnd.awslambda.http-integration-response")
            connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Trailer", f"{_ERROR_TYPE}, {_ERROR_BODY}")
            connection.endheaders()
            for chunk in _chunked(pieces, request_id):
                connection.send(chunk)
            connection.getresponse().read()

    def fail(self, what: str, error: Error) -> None:
        """Report that an invocation (`invocation/ID`) or the start of the function (`init`) has failed."""
        with closing(HTTPConnection(self._address)) as connection:
            headers = {"Content-Type": "application/json", _ERROR_TYPE: error["errorType"]}
            connection.request("POST", f"{_API}/{what}/error", json.dumps(error), headers)
            connection.getresponse().read()


def main() -> None:
    """Load the handler, and let it answer one event after the other until Lambda ends the process."""
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        module, _, name = os.environ["_HANDLER"].rpartition(".")
        handler: Handler = getattr(importlib.import_module(module), name)
    except Exception as error:
        api.fail("init", _described(error))
        raise
    while True:
        serve(api, handler, *api.next())


def serve(api: RuntimeApi, handler: Handler, event: Any, context: Context) -> None:
    """Let the handler answer one event. Whatever becomes of it, the process can answer the next."""
    request_id = context.aws_request_id
    try:
        answer = handler(event, context)
    except Exception as error:  # noqa: BLE001 - as the managed runtime: no exception of a handler ends the process
        failure = _described(error, request_id)
        _log("ERROR", failure)
        api.fail(f"invocation/{request_id}", failure)
        return
    with closing(_framed(answer)) as pieces:
        try:
            api.answer(request_id, pieces)
        except (OSError, HTTPException) as error:
            message = f"the answer was not received to its end: {type(error).__name__}"
            _log("WARNING", {"message": message, "requestId": request_id})


def _framed(answer: Mapping[str, Any]) -> Generator[bytes]:
    """An answer as a Function URL reads it from a stream."""
    prelude: dict[str, Any] = {"statusCode": answer["statusCode"], "headers": answer.get("headers", {})}
    if answer.get("cookies"):
        prelude["cookies"] = answer["cookies"]
    head, body = json.dumps(prelude).encode() + _SEPARATOR, answer.get("body") or ""
    if isinstance(body, str):
        yield head + (base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode())
    else:
        yield head
        yield from body


def _chunked(pieces: Iterator[bytes], request_id: str) -> Iterator[bytes]:
    """Pieces in the chunked coding of HTTP (RFC 9112, section 7.1), with an exception as the trailer."""
    trailer = ""
    try:
        for piece in pieces:
            if piece:  # An empty chunk is the end.
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
    except Exception as error:  # noqa: BLE001 - see `serve`
        failure = _described(error, request_id)
        _log("ERROR", failure)
        encoded = base64.b64encode(json.dumps(failure).encode()).decode()
        trailer = f"{_ERROR_TYPE}: {failure['errorType']}\r\n{_ERROR_BODY}: {encoded}\r\n"
    yield f"0\r\n{trailer}\r\n".encode()


def _described(error: Exception, request_id: str = "") -> Error:
    """An exception in Lambda's words."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def _log(level: str, record: Mapping[str, Any]) -> None:
    """Write a line as the managed runtime does where LogFormat is JSON."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stdout.write(json.dumps({"timestamp": now, "level": level, **record}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
