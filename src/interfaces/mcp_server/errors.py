"""Errors as a model can use them: what was wrong, what is allowed, what to do. Never what was sent."""

import json
from collections.abc import Mapping
from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from core.errors import EaselError, InvalidRequest
from core.validation import first_fault, name_of, requirement

# The core names what the HTTP door calls it; a model has tools instead. Longer names come first.
_IN_TOOL_WORDS = (
    ("are listed by GET /v1/jobs", "are in the answers of generate_image and edit_image"),
    ("GET /v1/jobs/", "get_image_job with "),
    ("GET /v1/images", "list_images"),
    ("GET /v1/models", "list_available_models"),
    ("POST /v1/uploads", "create_upload"),
    ("another Idempotency-Key", "a new request_id"),
    ("Use a new key for a new request", "Use a new request_id for new arguments"),
    ("Idempotency-Key", "request_id"),
    ("Send the request again", "Call again"),
    ("send the request again", "call again"),
)


def in_tool_words(message: str) -> str:
    """What the core says, in the words of this door."""
    for spoken, here in _IN_TOOL_WORDS:
        message = message.replace(spoken, here)
    return message


def of_arguments(error: ValidationError, schema: Mapping[str, Any]) -> InvalidRequest:
    """The first fault in a call's arguments."""
    fault = first_fault(error)
    name = name_of(fault)
    if fault["type"] == "extra_forbidden":
        known = ", ".join(schema["properties"])
        return InvalidRequest(
            f"There is no argument '{name}'. There are: {known}.", param=name, code="unknown_parameter"
        )
    if fault["type"] == "missing":
        return InvalidRequest(f"The argument '{name}' is missing.", param=name, code="missing_required_parameter")
    what = schema["properties"].get(str(fault["loc"][0]), {}).get("description", "")
    return InvalidRequest(f"The argument '{name}' is wrong: it {requirement(fault)}. It is for: {what}", param=name)


def told(error: EaselError, request_id: str) -> CallToolResult:
    """An error that a tool ran into, for the model to read and act upon."""
    problem = error.problem
    document: dict[str, object] = {
        "message": in_tool_words(problem.message),
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
