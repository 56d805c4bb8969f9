"""Plays Lambda for one execution environment, and the AWS that a function calls: events, answers, and empty stores."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Any, Self

RUNTIME_API = "/2018-06-01/runtime/"
# If one is missing, the runtime interface client crashes with a segmentation fault.
INVOCATION = {
    "Content-Type": "application/json",
    "Lambda-Runtime-Deadline-Ms": "9999999999999",
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:easel",
}
# Fits GetItem, BatchGetItem and Query of DynamoDB: nothing is found.
NOTHING_FOUND = {"Items": [], "Count": 0, "ScannedCount": 0, "Responses": {}}
SEPARATOR = bytes(8)


@dataclass
class Report:
    """What a runtime reported: about which invocation, and each piece with the moment (time.monotonic) it arrived."""

    path: str
    headers: Mapping[str, str]
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    trailer: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """All of it."""
        return b"".join(piece for _, piece in self.pieces)

    @property
    def is_stream(self) -> bool:
        """Whether it is a streamed answer to an HTTP request."""
        return self.headers.get("Lambda-Runtime-Function-Response-Mode") == "streaming"

    @property
    def prelude(self) -> Any:
        """Status and headers of a streamed answer."""
        return json.loads(self.content.partition(SEPARATOR)[0])

    @property
    def body(self) -> bytes:
        """The body of a streamed answer."""
        return self.content.partition(SEPARATOR)[2]

    @property
    def document(self) -> Any:
        """The function's answer or error, in whichever way it was sent."""
        if not self.is_stream:
            return json.loads(self.content)
        return {**self.prelude, "body": self.body.decode()}


class LambdaService:
    """Hands events to a runtime, one after the other, and collects its reports.

    `trace_ids` are those of the invocations. After `cut_after` pieces, the first answer is received no further.
    """

    def __init__(
        self, *events: Any, trace_ids: Sequence[str] = ("Root=1-00000000-000000000000000000000000",), cut_after: int = 0
    ) -> None:
        reports: Queue[Report] = Queue()
        invocations = Queue[tuple[Any, dict[str, str]]]()
        for number, event in enumerate(events):
            own = {"Lambda-Runtime-Aws-Request-Id": str(number + 1)}
            if number < len(trace_ids):
                own["Lambda-Runtime-Trace-Id"] = trace_ids[number]
            invocations.put((event, INVOCATION | own))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The runtime asks for its next invocation; after the last, it waits forever."""
                self._answer(*invocations.get())

            def do_POST(self) -> None:
                report = Report(self.path.removeprefix(RUNTIME_API), dict(self.headers.items()))
                if "Content-Length" in self.headers:
                    content = self.rfile.read(int(self.headers["Content-Length"]))
                    report.pieces.append((time.monotonic(), content))
                else:
                    for piece in self._chunks():
                        report.pieces.append((time.monotonic(), piece))
                        if len(report.pieces) == cut_after and report.path == "invocation/1/response":
                            self.connection.shutdown(socket.SHUT_RDWR)
                            break
                    else:
                        report.trailer |= self._trailer()
                if self.path.startswith(RUNTIME_API):
                    reports.put(report)
                    self._answer({"status": "OK"}, {})
                else:
                    self._answer(NOTHING_FOUND, {})

            def _chunks(self) -> Iterator[bytes]:
                while size := int(self.rfile.readline(), 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()

            def _trailer(self) -> Iterator[tuple[str, str]]:
                while line := self.rfile.readline().decode().strip():
                    name, _, value = line.partition(": ")
                    yield name, value

            def _answer(self, body: Any, headers: dict[str, str]) -> None:
                self.send_response(200)
                content = json.dumps(body).encode()
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Requests are not logged."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """The answer to a runtime whose connection was cut."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._reports = reports
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def report(self, seconds: float) -> Report:
        """The next report. Raises queue.Empty when there is none for so long."""
        return self._reports.get(timeout=seconds)


@contextmanager
def running(
    command: Sequence[str | Path], service: LambdaService, task_root: Path, variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """A runtime as Lambda starts it; its output can be read."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": service.address,
        "AWS_ENDPOINT_URL": f"http://{service.address}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_LAMBDA_FUNCTION_NAME": "easel",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        **variables,
    }
    with subprocess.Popen(command, cwd=task_root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def managed_command(python: str | Path, variables: Mapping[str, str], task_root: Path) -> list[str | Path]:
    """What Lambda starts for a function with an exec wrapper: the wrapper, with the command of the managed runtime."""
    wrapper = task_root / variables["AWS_LAMBDA_EXEC_WRAPPER"].removeprefix("/var/task/")
    return [wrapper, python, "/var/runtime/bootstrap.py"]
