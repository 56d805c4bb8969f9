"""Errors that a model can act on: what was wrong, what is allowed, what to do. They never quote what was sent."""

import json
from collections.abc import Mapping
from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from core.errors import EaselError, Hint, Hints, InvalidRequest
from core.validation import first_fault, name_of, requirement

MCP_HINTS: Hints = {
    Hint.SEND_AGAIN: "Call again.",
    Hint.SEND_AGAIN_LATER: "Call again after retry_after_seconds.",
    Hint.BUY_AGAIN: "To buy again, call with a new request_id.",
    Hint.NEW_KEY: "Use a new request_id for new arguments.",
    Hint.READ_JOB: "Read it with get_image_job, job_id {job_id}.",
    Hint.LIST_JOBS: "Job ids are in the answers of generate_image and edit_image.",
    Hint.LIST_IMAGES: "List your images with list_images.",
    Hint.LIST_MODELS: "List the models with list_available_models.",
    Hint.CREATE_UPLOAD: "Upload files with create_upload.",
    Hint.DO_NOT_WAIT: "Call with wait_seconds 0.",
    Hint.WAIT_AGAIN: "Wait for it with get_image_job, job_id {job_id}.",
}


def of_arguments(error: ValidationError, schema: Mapping[str, Any]) -> InvalidRequest:
    """The first fault in a call's arguments, without pydantic's own text, which would quote what was sent."""
    fault = first_fault(error)
    name = name_of(fault)
    if fault["type"] == "extra_forbidden":
        known = ", ".join(schema["properties"])
        return InvalidRequest(
            f"There is no argument '{name}'. The arguments are: {known}.", param=name, code="unknown_parameter"
        )
    if fault["type"] == "missing":
        return InvalidRequest(f"The argument '{name}' is missing.", param=name, code="missing_required_parameter")
    what = schema["properties"].get(str(fault["loc"][0]), {}).get("description", "")
    return InvalidRequest(f"The argument '{name}' is not valid: it {requirement(fault)}. It means: {what}", param=name)


def tool_error(error: EaselError, request_id: str) -> CallToolResult:
    """An error as the result of a tool, for the model to read and act upon."""
    problem = error.problem
    document: dict[str, object] = {
        "message": error.text(MCP_HINTS),
        "code": problem.code,
        "param": problem.param,
        "retryable": problem.retryable,
        "charged": problem.charged,
        "request_id": request_id,
    }
    if error.job_id:
        document["job_id"] = error.job_id
    if error.retry_after:
        document["retry_after_seconds"] = error.retry_after
    text = json.dumps({"error": document}, ensure_ascii=False)
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
