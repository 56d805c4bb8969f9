"""Errors that a model can act on: what was wrong, what is allowed, what to do. They never quote what was sent."""

import json
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, TextContent
from pydantic import ValidationError

from core.callers.audit import note_refusal
from core.errors import EaselError, Hint, Hints, InvalidRequest, ServerError
from core.logs import logger
from core.validation import first_fault, name_of, requirement
from interfaces.mcp_server.session import current
from interfaces.mcp_server.tool_schemas import Schema

MCP_HINTS: Hints = {
    Hint.SEND_AGAIN: "Call again.",
    Hint.SEND_AGAIN_LATER: "Call again after retry_after_seconds.",
    Hint.BUY_AGAIN: "To buy again, call with a new request_id.",
    Hint.ASK_AGAIN: "To buy again, call with a new request_id.",
    Hint.NEW_KEY: "Use a new request_id for new arguments.",
    Hint.READ_JOB: "Read it with get_image_job, job_id {job_id}.",
    Hint.LIST_JOBS: "Job ids are in the answers of generate_image and edit_image.",
    Hint.LIST_IMAGES: "List your images with list_images.",
    Hint.LIST_MODELS: "List the models with list_available_models.",
    Hint.CREATE_UPLOAD: "Upload files with create_upload.",
    Hint.DO_NOT_WAIT: "Call with wait_seconds 0.",
    Hint.WAIT_AGAIN: "Wait for it with get_image_job, job_id {job_id}.",
}


# The tools' arguments for the core's parameters of other names.
_ARGUMENTS = {"image": ("images",), "deadline": ("deadline_seconds",), "id": ("job_id", "after")}
_OF_EDITS = ("images", "image_data", "mask", "mask_data", "markup", "input_fidelity")


def guarded[Params, Result](
    handler: Callable[[ServerRequestContext, Params], Awaitable[Result]],
) -> Callable[[ServerRequestContext, Params], Awaitable[Result]]:
    """A handler of the protocol whose errors are the protocol's, with our words and nothing of their cause.

    Around every handler, since the SDK answers some exceptions with their text, and takes a ValidationError in stored
    data for a fault of the client.
    """

    @wraps(handler)
    async def guard(context: ServerRequestContext, params: Params) -> Result:
        try:
            return await handler(context, params)
        except MCPError:
            raise
        except EaselError as error:
            raise protocol_error(error) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer without details
            raise protocol_error(fault(error)) from None

    return guard


def fault(error: Exception) -> ServerError:
    """A fault of ours: the log gets the traceback, the client a request id and no details."""
    logger.exception("unhandled error", extra={"error": type(error).__name__})
    return ServerError("Easel failed to answer. Nothing is known to have been bought.", hint=Hint.LIST_IMAGES)


def protocol_error(error: EaselError, **data: object) -> MCPError:
    """An error outside of tools, as an error of the protocol."""
    note_refusal(error)
    problem = error.problem
    data |= {"code": problem.code, "retryable": problem.retryable, "request_id": current().request_id}
    return MCPError(INTERNAL_ERROR if problem.status >= 500 else INVALID_PARAMS, error.text(MCP_HINTS), data)


def of_arguments(error: ValidationError, schema: Schema) -> InvalidRequest:
    """The first fault in a call's arguments, without pydantic's own text, which would quote what was sent."""
    fault = first_fault(error)
    name = name_of(fault)
    if fault["type"] == "extra_forbidden":
        return _unknown(name, _at(schema, fault["loc"][:-1]))
    if fault["type"] == "missing":
        return InvalidRequest(f"The argument '{name}' is missing.", param=name, code="missing_required_parameter")
    meaning = _at(schema, fault["loc"][:1]).get("description", "")
    return InvalidRequest(
        f"The argument '{name}' is not valid: it {requirement(fault)}. Expected: {meaning}", param=name
    )


def _unknown(name: str, schema: Schema) -> InvalidRequest:
    message = f"There is no argument '{name}'. The arguments are: {', '.join(schema['properties'])}."
    if name in _OF_EDITS:
        message += " To make an image from others, call edit_image."
    return InvalidRequest(message, param=name, code="unknown_parameter")


def _at(schema: Schema, path: tuple[int | str, ...]) -> Schema:
    """The schema of a part of the arguments."""
    for step in path:
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
    return schema


def tool_error(error: EaselError, request_id: str, known: Iterable[str]) -> CallToolResult:
    """An error as the result of a tool with the known arguments, for the model to read and act upon."""
    note_refusal(error)
    problem = error.problem
    document: dict[str, object] = {
        "message": error.text(MCP_HINTS),
        "code": problem.code,
        "param": _argument(problem.param, known),
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


def _argument(param: str | None, known: Iterable[str]) -> str | None:
    """The argument of a tool that a parameter of the core came from."""
    return next((name for name in _ARGUMENTS.get(param or "", ()) if name in known), param)
