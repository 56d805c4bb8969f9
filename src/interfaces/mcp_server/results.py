"""What the tools answer: one object each, told twice: some clients show a model only the text, some only the object.

Money is in micro-dollars (millionths of a US dollar), times are ISO 8601 in UTC.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mcp.types import Annotations, CallToolResult, ContentBlock, ResourceLink, TextContent
from pydantic import BaseModel, ConfigDict

from core.catalog import Operation
from core.errors import Charged
from core.jobs.model import Job, Status
from core.responses import schemas
from interfaces.mcp_server.errors import MCP_HINTS
from interfaces.mcp_server.session import Visit

# A job is looked at again after this many seconds; pictures take 8 to 180.
POLL_SECONDS = 10


class Result(BaseModel):
    """Base of all results."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class JobImage(Result):
    """A picture of a job."""

    id: str
    """Give this to edit_image to go on from the picture."""
    url: str
    """The link to show to the user. Copy it exactly."""
    expires_at: str
    """Until when the link works."""
    content_type: str
    width: int
    height: int
    bytes: int


class JobError(Result):
    """Why a job ended without pictures."""

    message: str
    code: str
    param: str | None
    retryable: bool
    """Whether the same call, as a new purchase, may succeed."""


class JobResult(Result):
    """A purchase: its state, its pictures, its price, and what to do next."""

    job_id: str
    status: Status
    """queued and running are no errors: ask again with get_image_job. unknown: it may have been charged."""
    next_step: str
    """What to do now."""
    images: list[JobImage]
    retry_after_seconds: int | None
    """When to call get_image_job, while it is not finished."""
    operation: Operation
    model: str
    """The model that runs."""
    applied: dict[str, Any]
    """The settings that reach it."""
    warnings: list[str]
    """What was done differently from what was asked."""
    joined: bool
    """Whether this is the purchase of an earlier, equal call: nothing was bought again."""
    charged: Charged
    """Whether the provider was paid."""
    cost: schemas.Cost
    """In micro-dollars, millionths of a US dollar."""
    error: JobError | None


class ListedImage(JobImage):
    """A stored picture."""

    created_at: str
    job_id: str


class ImageList(Result):
    """Pictures, newest first."""

    images: list[ListedImage]
    next_after: str | None
    """Send it as `after` for the next page; null on the last one."""


class QuoteResult(Result):
    """What a purchase would cost. Nothing was bought."""

    model: str
    """The model that would run."""
    n: int
    quote_micro_usd: int
    """What it is expected to cost, in millionths of a US dollar."""
    upper_bound_micro_usd: int
    """What it cannot pass."""
    budget_left_micro_usd: int | None
    """What the caller can still spend; null without a budget."""
    price_date: str
    applied: dict[str, Any]
    """The settings that would reach the model."""
    warnings: list[str]


class UploadResult(Result):
    """A form that takes one file."""

    upload_id: str
    """Give this to edit_image once the file is there."""
    next_step: str
    method: str
    url: str
    fields: dict[str, str]
    """To be sent before the field `file`, as they are."""
    max_bytes: int
    expires_at: str
    """When the form ends."""


def iso(seconds: int) -> str:
    """Unix seconds as a model reads them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_result(job: Job, visit: Visit, *, buying: bool = False) -> JobResult:
    """A job as its caller sees it; `buying` where the call meant to buy, so that it may have met an earlier one."""
    told = visit.answers().job(job)
    joined = buying and job.request_id != visit.request_id
    entries = told["result"]["data"] if told["result"] else []
    return JobResult(
        job_id=job.id,
        status=job.status,
        next_step=_next_step(job, joined),
        images=[_image(entry) for entry in entries],
        retry_after_seconds=None if job.finished else POLL_SECONDS,
        operation=job.request.operation,
        model=job.request.model,
        applied=told["easel"]["applied"],
        warnings=[warning["message"] for warning in told["easel"]["warnings"]],
        joined=joined,
        charged=job.charged,
        cost=told["easel"]["cost"],
        error=JobError(
            message=job.error.text(MCP_HINTS, job.id),
            code=job.error.code,
            param=job.error.param,
            retryable=job.error.retryable,
        )
        if job.error
        else None,
    )


def _image(entry: schemas.ResultImage) -> JobImage:
    return JobImage(
        id=entry["id"],
        url=entry["url"],
        expires_at=iso(entry["expires_at"]),
        content_type=entry["content_type"],
        width=entry["width"],
        height=entry["height"],
        bytes=entry["bytes"],
    )


def listed_image(image: schemas.Image) -> ListedImage:
    """A stored image as GET /v1/images/{id} would show it, in the words of this door."""
    return ListedImage(
        **_image(image).model_dump(),
        created_at=iso(image["created_at"]),
        job_id=image["job_id"],
    )


def _next_step(job: Job, joined: bool) -> str:
    again = (
        " This is the purchase of an equal call made before; nothing was bought again. For another picture with the "
        "same arguments, call again with a new request_id."
        if joined
        else ""
    )
    match job.status:
        case "queued" | "running":
            return (
                f"The pictures are being made, which is no error. In {POLL_SECONDS} seconds call get_image_job with "
                f"job_id {job.id}. Do not call {_tool(job)} again for them." + again
            )
        case "succeeded" if job.images:
            return (
                "Show the user the url of each picture, as it is. To change a picture, call edit_image with its id in "
                "images." + again
            )
        case "succeeded":
            return "The pictures were deleted, or lost before they were stored." + again
        case "canceled":
            return (
                f"The job was canceled; nothing was bought. Call {_tool(job)} with a new request_id to buy after all."
            )
        case "unknown":
            return (
                "The provider may have charged for this, and no picture came. Tell the user so, and ask before you "
                f"call {_tool(job)} with a new request_id."
            )
        case _ if job.error and job.error.retryable:
            paid = "Nothing was charged. " if job.charged is False else ""
            return f"{paid}It may work later: call {_tool(job)} with a new request_id."
        case _:
            return "Change what the error names, and call again. The same call would fail again."


def _tool(job: Job) -> str:
    return "edit_image" if job.request.operation == "edit" else "generate_image"


def told(result: Result, more: Sequence[ContentBlock] = (), *, is_error: bool = False) -> CallToolResult:
    """A result as object and as text, followed by more content."""
    document = result.model_dump(mode="json")
    text = TextContent(type="text", text=result.model_dump_json())
    return CallToolResult(content=[text, *more], structured_content=document, is_error=is_error)


def result_of(job: Job, visit: Visit, pictures: Sequence[ContentBlock] = (), *, buying: bool = False) -> CallToolResult:
    """What a tool answers about a job: the job, links to its pictures, and previews where they were asked for."""
    result = job_result(job, visit, buying=buying)
    return told(result, [*links_to(result.images), *pictures], is_error=job.error is not None)


def links_to(images: Sequence[JobImage]) -> list[ContentBlock]:
    """A link to each picture, for clients that show those."""
    return [
        ResourceLink(
            type="resource_link",
            uri=image.url,
            name=image.id,
            title=f"Picture, {image.width} x {image.height}",
            mime_type=image.content_type,
            size=image.bytes,
            annotations=Annotations(audience=["user", "assistant"]),
        )
        for image in images
    ]
