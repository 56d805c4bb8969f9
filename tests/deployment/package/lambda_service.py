"""Plays Lambda, and the AWS that a function calls: one invocation, and empty stores."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from types import TracebackType
from typing import Any, Self

RUNTIME_API = "/2018-06-01/runtime/"
# If one is missing, the runtime interface client crashes with a segmentation fault.
INVOCATION = {
    "Content-Type": "application/json",
    "Lambda-Runtime-Aws-Request-Id": "1",
    "Lambda-Runtime-Deadline-Ms": "9999999999999",
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:easel",
    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000",
}
# Fits GetItem, BatchGetItem and Query of DynamoDB: nothing is found.
NOTHING_FOUND = {"Items": [], "Count": 0, "ScannedCount": 0, "Responses": {}}


class LambdaService:
    """Hands one event to a runtime interface client, and waits for the result."""

    def __init__(self, event: Any) -> None:
        answers: Queue[tuple[str, Any]] = Queue()
        events = Queue[Any]()
        events.put(event)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The client asks for its next invocation; after the first, it waits forever."""
                self._answer(events.get(), INVOCATION)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.startswith(RUNTIME_API):
                    answers.put((self.path.removeprefix(RUNTIME_API), body))
                    self._answer({"status": "OK"}, {})
                else:
                    self._answer(NOTHING_FOUND, {})

            def _answer(self, body: Any, headers: dict[str, str]) -> None:
                self.send_response(200)
                content = json.dumps(body).encode()
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Requests are not logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._answers = answers
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def result(self, seconds: float) -> Any:
        """What the function answered. Raises AssertionError when it reported an error, queue.Empty when silent."""
        path, body = self._answers.get(timeout=seconds)
        assert path == "invocation/1/response", body
        return body
