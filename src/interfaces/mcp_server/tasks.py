"""The protocol's Tasks extension: a job as a task, for clients that declare it (SEP-2663, revision 2026-07-28).

A task is a job and has its id; nothing else is stored. A client that does not know the extension reads the same job
with get_image_job.
"""

from contextlib import suppress
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import MISSING_REQUIRED_CLIENT_CAPABILITY, RequestParams

from composition.services import services
from core.errors import Conflict, ServiceUnavailable
from core.jobs.model import Job
from interfaces.mcp_server.previews import previews_of
from interfaces.mcp_server.results import POLL_SECONDS, iso, result_of
from interfaces.mcp_server.session import Session

IDENTIFIER = "io.modelcontextprotocol/tasks"
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")


class TaskParams(RequestParams):
    """The parameters of the three methods."""

    task_id: str


def declared(context: ServerRequestContext) -> bool:
    """Whether the client supports tasks; only then may it be given any."""
    able = context.session.client_capabilities
    return IDENTIFIER in ((able and able.extensions) or {})


def require_declared(context: ServerRequestContext) -> None:
    """Raises MCPError for a client that has not declared the extension."""
    if not declared(context):
        needed: dict[str, object] = {"requiredCapabilities": {"extensions": {IDENTIFIER: {}}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "The client must declare the tasks extension.", needed)


def created(session: Session, job: Job) -> dict[str, Any]:
    """An unfinished job, in place of a tool's result."""
    return {"resultType": "task", **_task(session, job)}


def get(session: Session, task_id: str) -> dict[str, Any]:
    """The state of a task, and its tool's result once it has one."""
    job = services().jobs.read(session.caller, task_id)
    if not job.finished or job.status == "canceled":
        return _task(session, job)
    result = result_of(job, session, previews_of(job.images)).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**_task(session, job), "result": result}


def update(session: Session, task_id: str) -> dict[str, Any]:
    """Acknowledge input for a task; a job asks for none."""
    services().jobs.read(session.caller, task_id)
    return {}


def cancel(session: Session, task_id: str) -> dict[str, Any]:
    """Cancel if it is not too late. As the extension says, the acknowledgement promises nothing."""
    with suppress(Conflict, ServiceUnavailable):
        services().cancellation.cancel(session.caller, task_id)
    return {}


def _task(session: Session, job: Job) -> dict[str, Any]:
    return {
        "taskId": job.id,
        "status": _status(job),
        "statusMessage": f"The job {'is ' + job.status if job.finished else session.words_about(job)}.",
        "createdAt": iso(job.created_at),
        "lastUpdatedAt": iso(job.finished_at or job.started_at or job.created_at),
        "ttlMs": (job.expires_at - job.created_at) * 1000,
        "pollIntervalMs": POLL_SECONDS * 1000,
    }


def _status(job: Job) -> str:
    """`failed` is for errors of the protocol; a job that failed is a completed task whose result is an error."""
    if job.status == "canceled":
        return "cancelled"
    return "completed" if job.finished else "working"
