"""Exec wrappers, and answers that are streams.

* AWS_LAMBDA_EXEC_WRAPPER: the managed runtime calls this program with its own command, which it may replace. Without
  it, MiniStack runs Python functions by a protocol of its own; with it, they get the Runtime API that MiniStack has for
  custom runtimes. Its settings of a custom runtime lack MiniStack's own address.
  Source: Lambda developer guide, "Modifying the runtime environment", wrapper scripts.
* A Function URL with InvokeMode RESPONSE_STREAM sends what the function writes, bytes as they are, as soon as it does.
  MiniStack reads an answer to its end, as text.
  Source: Lambda developer guide, "Response streaming for Lambda functions".
* An error in the middle of a stream, in its trailer, is an error of the function. MiniStack ignores trailers.
  Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes", invocation response.

Not played: the bandwidth of a stream (2 MB per second after the first 6 MB) and its limit of 200 MB.
"""

import asyncio
import contextvars
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import StreamingResponse
from ministack.services import lambda_svc

from local.fidelity.seams import seam, wrap
from local.fidelity.wire import Receive, Send

Json = dict[str, Any]
# Status, headers and body, as MiniStack's services answer.
Answer = tuple[int, Json, Any]

_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_TASK_ROOT = "/var/task/"
_SEPARATOR = bytes(8)
# As the managed runtime starts, with the interpreter that MiniStack has for all functions.
_BOOTSTRAP = f"""#!/bin/sh
exec "$LAMBDA_TASK_ROOT/${{{_WRAPPER}#{_TASK_ROOT}}}" {sys.executable} /var/runtime/bootstrap.py
"""


class _Stream:
    """What a function has written of its answer, on the way from its thread to the client."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._prelude = b""
        self._has_prelude = False
        self.started: asyncio.Future[bytes] = self._loop.create_future()
        self.complete = False

    def write(self, piece: bytes) -> None:
        """Pass on what the function wrote; called in the thread that reads it."""
        if not self._has_prelude:
            self._prelude += piece
            prelude, separator, piece = self._prelude.partition(_SEPARATOR)
            if not separator:
                return
            self._has_prelude = True
            self._loop.call_soon_threadsafe(self.started.set_result, prelude + separator)
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    def end(self) -> None:
        """The function has ended, in whatever way."""
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, None)

    async def send(self, send: Send) -> None:
        """Send the pieces as they come; what is not complete has no end, either."""
        while (piece := await self._pieces.get()) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if self.complete:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


_stream: contextvars.ContextVar[_Stream | None] = contextvars.ContextVar("stream", default=None)


def install() -> None:
    """Let MiniStack start exec wrappers, and stream."""
    wrap(lambda_svc, "_execute_function_warm", "func event request_id", _execute_warm)
    wrap(lambda_svc, "_provided_runtime_code_dir", "code_zip", _code_dir)
    wrap(lambda_svc, "_provided_worker_env", "config code_dir port", _environment)
    wrap(lambda_runtime, "_worker_class_for", "config", _worker_class_for)
    invocation = "self event request_id trace_id invoked_function_arn"
    wrap(lambda_runtime.ProvidedWorker, "invoke", invocation, _invoke)
    wrap(lambda_runtime.ProvidedWorker, "_build_handler_class", "self generation pending", _handler_class)
    wrap(
        lambda_svc,
        "handle_function_url_request",
        "url_id method path headers body query_params resolved source_ip",
        _function_url,
    )


_execute_custom = seam(lambda_svc, "_execute_function_provided_warm", "func event request_id")
_answer_of_stream = seam(lambda_svc, "_function_url_stream_response", "result cors_headers")
_record_result = seam(lambda_runtime.ProvidedWorker, "_record_result", "self generation request_id kind payload")


def _has_wrapper(config: Json) -> bool:
    return _WRAPPER in (config.get("Environment") or {}).get("Variables", {})


def _execute_warm(original: Any, func: Json, event: Json, request_id: str) -> Json:
    execute = _execute_custom if _has_wrapper(func.get("config") or func) else original
    result: Json = execute(func, event, request_id)
    return result


def _worker_class_for(original: Any, config: Json) -> Any:
    return lambda_runtime.ProvidedWorker if _has_wrapper(config) else original(config)


def _code_dir(original: Any, code_zip: bytes) -> str:
    folder: str = original(code_zip)
    bootstrap = Path(folder, "bootstrap")
    with lambda_svc._provided_code_lock:
        if not bootstrap.exists():
            bootstrap.write_text(_BOOTSTRAP)
            bootstrap.chmod(0o755)
    return folder


def _environment(original: Any, config: Json, code_dir: str, port: int) -> Json:
    variables: Json = original(config, code_dir, port)
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"} | variables


def _invoke(original: Any, worker: Any, *args: Any, **kwargs: Any) -> Json:
    worker.stream = _stream.get()
    result: Json = original(worker, *args, **kwargs)
    if worker.stream:
        worker.stream.complete = result["status"] == "ok"
    return result


def _handler_class(original: Any, worker: Any, generation: int, pending: Any) -> Any:
    handler: Any = original(worker, generation, pending)

    class StreamingHandler(handler):  # type: ignore[misc] # MiniStack is not typed
        def do_POST(self) -> None:  # noqa: N802 - the name is the standard library's
            if self.headers.get("Lambda-Runtime-Function-Response-Mode") != "streaming":
                super().do_POST()
                return
            request_id = self.path.split("/")[-2]
            pieces = []
            for piece in self._chunks():
                pieces.append(piece)
                if worker.stream:
                    worker.stream.write(piece)
            error = self._trailer().get("lambda-runtime-function-error-type")
            kind, payload = ("error", {"errorType": error}) if error else ("response", b"".join(pieces))
            _record_result(worker, generation, request_id, kind, payload)
            self._respond(202)

        def _chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()

        def _trailer(self) -> dict[str, str]:
            trailer = {}
            while line := self.rfile.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                trailer[name.lower()] = value.strip()
            return trailer

    return StreamingHandler


async def _function_url(original: Callable[..., Awaitable[Answer]], *args: Any, **kwargs: Any) -> Answer:
    stream = _Stream()
    _stream.set(stream)
    call: asyncio.Future[Any] = asyncio.ensure_future(original(*args, **kwargs))
    call.add_done_callback(lambda _: stream.end())
    either: set[asyncio.Future[Any]] = {call, stream.started}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not stream.started.done():
        answer: Answer = call.result()
        return answer

    async def run(send: Send, receive: Receive) -> None:  # noqa: ARG001 - the signature is MiniStack's
        await stream.send(send)
        await call

    status, headers, _ = _answer_of_stream({"body": stream.started.result()}, {})
    return status, headers, StreamingResponse(run)
