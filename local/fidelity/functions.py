"""Limits of functions, and properties of them that MiniStack's CloudFormation ignores.

* An answer of more than 6 MB is an error of the function, unless it is a stream. Source: Lambda quotas, "Invocation
  payload".
* A function that needs more memory than MemorySize is killed. Here it is killed after the invocation in which it did,
  so what it wrote in the rest of it is there; on AWS it is not. Source: Lambda developer guide, "Configure Lambda
  function memory".
* RecursiveLoop and ReservedConcurrentExecutions of a template count.
* The concurrency of an account is whatever LAMBDA_ACCOUNT_CONCURRENCY says to MiniStack; new accounts have 10.
"""

import json
import re
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from local.fidelity.seams import seam, wrap

Json = dict[str, Any]

# 6 MB and some room for the envelope.
MAX_ANSWER_BYTES = 6291556


def install() -> None:
    """Let MiniStack enforce the limits, and take the properties from templates."""
    wrap(lambda_svc, "_execute_function", "func event", _execute)
    wrap(
        lambda_runtime.Worker,
        "invoke",
        "self event request_id trace_id depth durable invoked_function_arn",
        _invoke,
    )
    wrap(
        lambda_runtime.ProvidedWorker,
        "invoke",
        "self event request_id trace_id invoked_function_arn",
        _invoke,
    )
    wrap(provisioners, "_lambda_create", "logical_id props stack_name", _create)
    wrap(provisioners, "_lambda_update", "physical_id old_props new_props stack_name logical_id", _update)
    provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"] |= {
        "create": provisioners._lambda_create,
        "update": provisioners._lambda_update,
    }


def _execute(original: Any, func: Json, event: Json) -> Json:
    result: Json = original(func, event)
    body = result.get("body")
    is_stream = isinstance(body, bytes)
    if not result.get("error") and not is_stream and len(json.dumps(body)) > MAX_ANSWER_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes)."
        body = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
        return {"body": body, "error": True, "log": result.get("log", "")}
    return result


def _invoke(original: Any, worker: lambda_runtime.Worker, *args: Any, **kwargs: Any) -> Json:
    result: Json = original(worker, *args, **kwargs)
    limit = int(worker.config.get("MemorySize", 128))
    used = _peak_megabytes(worker)
    if used <= limit:
        return result
    worker.kill()
    error = f"Runtime exited with error: signal: killed (used {used:.0f} MB of {limit} MB)"
    return {"status": "error", "error": error, "cold_start": result.get("cold_start"), "log": result.get("log", "")}


def _peak_megabytes(worker: lambda_runtime.Worker) -> float:
    """The most memory that the process of a function has had, in MB of 1024 KB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{worker._proc.pid}/status").read_text()
    except (AttributeError, OSError):
        return 0.0
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(peak[1]) / 1024 if peak else 0.0


def _create(original: Any, logical_id: str, props: Json, stack_name: str) -> Any:
    made = original(logical_id, props, stack_name)
    _set_properties(made[0], props)
    return made


def _update(
    original: Any, physical_id: str, old_props: Json, new_props: Json, stack_name: str, logical_id: str | None = None
) -> Any:
    made = original(physical_id, old_props, new_props, stack_name, logical_id)
    _set_properties(physical_id, new_props)
    return made


def _set_properties(name: str, props: Json) -> None:
    _put_recursion_config(name, {"RecursiveLoop": props.get("RecursiveLoop", "Terminate")})
    if "ReservedConcurrentExecutions" in props:
        reserved = int(props["ReservedConcurrentExecutions"])
        _put_function_concurrency(name, {"ReservedConcurrentExecutions": reserved})
    else:
        _delete_function_concurrency(name)


_put_recursion_config = seam(lambda_svc, "_put_function_recursion_config", "func_name data")
_put_function_concurrency = seam(lambda_svc, "_put_function_concurrency", "func_name data")
_delete_function_concurrency = seam(lambda_svc, "_delete_function_concurrency", "func_name")
