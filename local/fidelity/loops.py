"""Recursive-loop detection, through queues.

Lambda counts how often a function takes part in one chain of requests. The SDK of a function passes the count on in the
header X-Amzn-Trace-Id, SQS keeps it with the message (AWSTraceHeader), and Lambda refuses the 17th invocation, unless
the function has `RecursiveLoop: Allow`. A refused message is hidden for the visibility timeout of its queue like a
failed one, until it has been received maxReceiveCount times and goes to the dead-letter queue. MiniStack counts only
functions that invoke functions. Its CloudFormation takes RecursiveLoop by local/fidelity/functions.py.

Source: Lambda developer guide, "Use Lambda recursive loop detection to prevent infinite loops"; X-Ray developer guide,
"Amazon SQS and AWS X-Ray". AWS says "approximately 16 times" and does not say when it tries a refused message again;
first-hand reports of messages that end in the dead-letter queue: boto/boto3#3899.

Not played: chains through S3 and SNS.
"""

import contextvars
import re
import secrets
import zlib
from typing import Any

from ministack.services import cloudwatch, lambda_svc, sqs

from local.fidelity.seams import wrap

Json = dict[str, Any]
# How often each function, by its hash, took part in a chain.
Lineage = dict[str, int]

_MAX_INVOCATIONS = lambda_svc.MAX_INVOKE_DEPTH
_EVENT_SOURCE_PARAMETERS = "esm func_rec event batch queue_url queue_name"

_trace_of_request: contextvars.ContextVar[str] = contextvars.ContextVar("trace_of_request", default="")
_trace_of_invocation: contextvars.ContextVar[str] = contextvars.ContextVar("trace_of_invocation", default="")


def install() -> None:
    """Let MiniStack count chains."""
    wrap(sqs, "handle_request", "method path headers body query_params", _handle_sqs)
    wrap(sqs, "_build_send_sys_attrs", "now sys_attrs_input", _keep_with_message)
    wrap(lambda_svc, "_run_sqs_batch", _EVENT_SOURCE_PARAMETERS, _run_batch)
    wrap(lambda_svc, "_xray_trace_id_for_invocation", "config inbound_trace_header", _trace_of)


async def _handle_sqs(original: Any, method: str, path: str, headers: Json, body: bytes, query_params: Json) -> Any:
    _trace_of_request.set(headers.get("x-amzn-trace-id", ""))
    return await original(method, path, headers, body, query_params)


def _keep_with_message(original: Any, now: float, sys_attrs_input: Json) -> Json:
    attributes: Json = original(now, sys_attrs_input)
    if trace := _trace_of_request.get():
        attributes.setdefault("AWSTraceHeader", trace)
    return attributes


def _run_batch(
    original: Any, esm: Json, func_rec: Json, event: Json, batch: list[Json], queue_url: str, queue_name: str
) -> None:
    name, function = esm["FunctionName"], _hash(func_rec["config"])
    traces = [message["sys"].get("AWSTraceHeader", "") for message in batch]
    trace = max(traces, key=lambda trace: _lineage(trace).get(function, 0))
    if _lineage(trace).get(function, 0) >= _MAX_INVOCATIONS and func_rec.get("recursive_loop") != "Allow":
        cloudwatch.record_metric("AWS/Lambda", "RecursiveInvocationsDropped", 1, "Count", {"FunctionName": name})
        esm["LastProcessingResult"] = "PROBLEM: RecursiveInvocationException"
        return
    _trace_of_invocation.set(trace)
    original(esm, func_rec, event, batch, queue_url, queue_name)


def _trace_of(_original: Any, config: Json, inbound_trace_header: str | None = None) -> str:
    """The trace header of one invocation, whose lineage includes it. Lambda makes one even without active tracing."""
    trace = inbound_trace_header or _trace_of_invocation.get()
    lineage, function = _lineage(trace), _hash(config)
    lineage[function] = lineage.get(function, 0) + 1
    root = re.search(r"Root=[^;]+", trace)
    parts = [
        root[0] if root else f"Root=1-{secrets.token_hex(4)}-{secrets.token_hex(12)}",
        f"Parent={secrets.token_hex(8)}",
        "Sampled=0",
        "Lineage=" + "|".join(f"1:{name}:{count}" for name, count in lineage.items()),
    ]
    return ";".join(parts)


def _lineage(trace: str) -> Lineage:
    return {name: int(count) for name, count in re.findall(r"1:([0-9a-f]{8}):(\d+)", trace)}


def _hash(config: Json) -> str:
    return f"{zlib.crc32(config['FunctionName'].encode()):08x}"
