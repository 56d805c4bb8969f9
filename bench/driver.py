"""Plays Lambda's runtime for one function: python -I driver.py HANDLER FOLDER...

The folders are where the function's modules are. Each line of standard input is an event; each line of standard output
is a JSON object with what was used: first for the start, up to the imported handler, then for each event. `cpu` counts
from the start of the process, so the first event's includes the start. All times are seconds, all sizes MB.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_PEAK_FROM_NOW = "5"  # see proc(5), clear_refs


class Context:
    """What a handler can know about its invocation."""

    function_name = function_version = "bench"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    memory_limit_in_mb = "512"
    aws_request_id = "00000000-0000-0000-0000-000000000000"
    log_group_name = log_stream_name = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """As much as the worker has."""
        return 300_000


def memory() -> tuple[float, float]:
    """Resident memory now, and its peak since `_PEAK_FROM_NOW`."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(fields[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return now, peak


def watch_aws_calls() -> list[dict[str, Any]]:
    """Let each AWS call of botocore's clients leave a mark. Returns the list of marks, which the caller empties."""
    marks: list[dict[str, Any]] = []
    if client := sys.modules.get("botocore.client"):
        call = client.BaseClient._make_api_call

        def marked(self: object, operation: str, parameters: object) -> Any:
            own, begun = time.thread_time(), time.monotonic()
            try:
                return call(self, operation, parameters)
            finally:
                mark = {"operation": operation, "own_cpu": time.thread_time() - own, "begun": begun}
                marks.append(mark | {"cpu": time.process_time(), "ended": time.monotonic()})

        client.BaseClient._make_api_call = marked
    return marks


def main() -> None:
    """Answer events until there are no more."""
    name, *folders = sys.argv[1:]
    sys.path[:0] = folders
    results, sys.stdout = sys.stdout, sys.stderr  # Functions log to standard output.
    if os.environ.get("AWS_LAMBDA_EXEC_WRAPPER"):
        __import__("streaming_runtime")
    module, _, function = name.rpartition(".")
    __import__(module)
    handler = getattr(sys.modules[module], function)
    used = {"cpu": time.process_time(), "rss": memory()[0], "modules": len(sys.modules)}
    marks = watch_aws_calls() if os.environ.get("BENCH_MARKS") else []
    print(json.dumps(used), file=results, flush=True)
    for line in sys.stdin:
        event = json.loads(line)
        marks.clear()
        if event.pop("bench_peak", None):
            Path("/proc/self/clear_refs").write_text(_PEAK_FROM_NOW)
        before, started, begun = memory()[0], time.process_time(), time.perf_counter()
        answer = handler(event, Context())
        if hasattr((answer or {}).get("body"), "__next__"):
            answer["body"] = b"".join(answer["body"]).decode()
        cpu, wall = time.process_time(), time.perf_counter() - begun
        rss, peak = memory()
        used = {"cpu": cpu, "event_cpu": cpu - started, "wall": wall, "rss": rss, "peak": peak, "extra": peak - before}
        print(json.dumps(used | {"answer": answer, "marks": marks}, default=str), file=results, flush=True)


if __name__ == "__main__":
    main()
