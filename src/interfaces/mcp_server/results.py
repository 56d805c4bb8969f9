"""What the tools return: one object each, as text and as an object, since some clients show a model only one of them.

Money is in micro-dollars (millionths of a US dollar) and, to be shown to people, in dollars. Times are ISO 8601 in UTC.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from mcp.types import Annotations, CallToolResult, ContentBlock, ResourceLink, TextContent
from pydantic import BaseModel, ConfigDict

from composition.services import services
from core.catalog import Operation
from core.errors import Charged
from core.jobs.model import Job, Status
from core.jobs.progress import Progress
from core.ledger.dollars import usd
from core.responses import schemas
from interfaces.mcp_server.errors import MCP_HINTS
from interfaces.mcp_server.session import Session

# Clients poll a job after this many seconds; images take 8 to 180.
POLL_SECONDS = 10


class Result(BaseModel):
    """Base of all results."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    outline: ClassVar[tuple[str, ...]] = ()
    """The fields that the tool's schema names: what the next call needs, never null and of one type."""


class JobImage(Result):
    """An image of a job."""

    id: str
    """Pass it to edit_image to change the image."""
    url: str
    """The link to show the user. Copy it exactly."""
    expires_at: str
    """When the link expires."""
    content_type: str
    width: int
    height: int
    bytes: int


class JobPreview(Result):
    """A draft of the image, from while it was made."""

    index: int
    url: str
    expires_at: str
    content_type: str
    width: int
    height: int


class JobError(Result):
    """Why a job ended without images."""

    message: str
    code: str
    param: str | None
    retryable: bool
    """Whether the same call may succeed as a new purchase."""


class UsualSeconds(Result):
    """How long jobs of the same model and quality take."""

    p50: int
    """Half of them take at most so many seconds."""
    p90: int
    """Nine of ten take at most so many seconds."""


class JobProgress(Result):
    """How far a job is."""

    stage: str
    """queued, claimed, calling (the images are being made) or storing."""
    elapsed_seconds: int
    """Since it was first started or, before that, accepted."""
    usual_seconds: UsualSeconds | None
    """null if it is not known."""
    position: int | None
    """Roughly how many jobs are ahead of it; null if it does not wait, or if that is not known."""


class Cost(Result):
    """What a purchase costs, in micro-dollars and in dollars; null is not known yet, or has no limit."""

    quote_micro_usd: int
    upper_bound_micro_usd: int
    actual_micro_usd: int | None
    currency: str
    price_date: str
    budget_left_micro_usd: int | None
    quote: str
    upper_bound: str
    actual: str | None
    budget_left: str | None


class JobResult(Result):
    """A purchase: its state, its images, its price, and what to do next."""

    outline = ("job_id", "status", "next_step", "images")

    job_id: str
    status: Status
    """queued and running are not errors: poll with get_image_job. unknown: it may have been charged."""
    next_step: str
    """What to do now."""
    images: list[JobImage]
    previews: list[JobPreview]
    """What has come of the image so far, the newest last."""
    retry_after_seconds: int | None
    """When to call get_image_job; null once the job is finished."""
    progress: JobProgress | None
    """null once the job is finished."""
    operation: Operation
    model: str
    """The model that is used."""
    applied: dict[str, Any]
    """The settings sent to the model."""
    warnings: list[str]
    """Where the purchase differs from what was requested."""
    joined: bool
    """Whether this is the purchase of an earlier, equal call; nothing was bought again."""
    prompt: str | None
    metadata: dict[str, str]
    """Notes that came with the purchase."""
    charged: Charged | None
    """Whether the provider was paid; null while that can still happen."""
    cost: Cost
    error: JobError | None


class ListedImage(JobImage):
    """A stored image."""

    created_at: str
    job_id: str
    prompt: str | None
    """At most 200 characters."""
    metadata: dict[str, str]
    model: str | None
    quality: str | None


class ImageList(Result):
    """Images, newest first."""

    outline = ("images",)

    images: list[ListedImage]
    next_after: str | None
    """Pass it as `after` for the next page; null on the last page."""


class QuoteResult(Result):
    """What a purchase would cost. Nothing was bought."""

    outline = ("quote", "upper_bound", "next_step")

    model: str
    """The model that would be used."""
    n: int
    quote_micro_usd: int
    """The expected price, in millionths of a US dollar."""
    upper_bound_micro_usd: int
    """The most it can cost."""
    budget_left_micro_usd: int | None
    """What the caller can still spend; null without a budget."""
    quote: str
    upper_bound: str
    budget_left: str | None
    """The same in dollars."""
    next_step: str
    """What the bound means, and how to narrow it."""
    price_date: str
    applied: dict[str, Any]
    """The settings that would be sent to the model."""
    warnings: list[str]


class UploadResult(Result):
    """A form that takes one file."""

    outline = ("upload_id", "next_step", "url", "fields")

    upload_id: str
    """Pass it to edit_image once the file is uploaded."""
    next_step: str
    method: str
    url: str
    fields: dict[str, str]
    """To be sent unchanged, before the field `file`."""
    max_bytes: int
    expires_at: str
    """When the form expires."""


def iso(seconds: int) -> str:
    """Unix seconds as an ISO 8601 time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_result(job: Job, session: Session, *, buying: bool = False) -> JobResult:
    """A job as its caller sees it; `buying` if the call asked for a purchase, which may have joined an earlier one."""
    answers = session.answers()
    estimate = services().wait_estimates.of(job)
    document = answers.job(job, estimate=estimate)
    progress = None if job.finished else answers.progress(job, estimate)
    joined = buying and job.request_id != session.request_id
    entries = document["result"]["data"] if document["result"] else []
    return JobResult(
        job_id=job.id,
        status=job.status,
        next_step=_next_step(job, progress, joined),
        images=[_image(entry) for entry in entries],
        previews=[_preview(entry) for entry in document["previews"]],
        retry_after_seconds=None if job.finished else POLL_SECONDS,
        progress=JobProgress.model_validate(document["progress"]) if progress else None,
        operation=job.request.operation,
        model=job.request.model,
        applied=document["easel"]["applied"],
        warnings=[warning["message"] for warning in document["easel"]["warnings"]],
        joined=joined,
        prompt=document["prompt"],
        metadata=document["metadata"],
        charged=document["easel"]["charged"],
        cost=_cost(document["easel"]["cost"]),
        error=JobError(
            message=job.error.text(MCP_HINTS, job.id),
            code=job.error.code,
            param=job.error.param,
            retryable=job.error.retryable,
        )
        if job.error
        else None,
    )


def _cost(cost: schemas.Cost) -> Cost:
    return Cost(
        **cost,
        quote=usd(cost["quote_micro_usd"]),
        upper_bound=usd(cost["upper_bound_micro_usd"]),
        actual=dollars(cost["actual_micro_usd"]),
        budget_left=dollars(cost["budget_left_micro_usd"]),
    )


def dollars(amount: int | None) -> str | None:
    """Micro-dollars as $0.05; None stays None."""
    return None if amount is None else usd(amount)


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


def _preview(entry: schemas.Preview) -> JobPreview:
    return JobPreview(
        index=entry["index"],
        url=entry["url"],
        expires_at=iso(entry["expires_at"]),
        content_type=entry["content_type"],
        width=entry["width"],
        height=entry["height"],
    )


def listed_image(image: schemas.Image) -> ListedImage:
    """A stored image, from what GET /v1/images/{id} would show."""
    return ListedImage(
        **_image(image).model_dump(),
        created_at=iso(image["created_at"]),
        job_id=image["job_id"],
        prompt=image["prompt"],
        metadata=image["metadata"],
        model=image["model"],
        quality=image["quality"],
    )


def _next_step(job: Job, progress: Progress | None, joined: bool) -> str:
    again = (
        " This is the purchase of an earlier, equal call; nothing was bought again. For another image with the same "
        "arguments, call again with a new request_id."
        if joined
        else ""
    )
    if progress:
        return (
            f"Still in progress; this is not an error. It has been {progress.in_words()}. Call get_image_job with "
            f"job_id {job.id} in {POLL_SECONDS} seconds. Do not call {_tool(job)} again." + again
        )
    match job.status:
        case "succeeded" if job.images:
            return (
                "Show the user the url of each image exactly as it is. To change an image, call edit_image with its id "
                "in images." + again
            )
        case "succeeded":
            return "The images were deleted, or lost before they were stored." + again
        case "canceled":
            return f"The job was canceled; nothing was bought. To buy again, call {_tool(job)} with a new request_id."
        case _ if job.status == "unknown" or job.charged is True:
            what = "has charged" if job.charged is True else "may have charged"
            return (
                f"The provider {what} for this, and no image arrived. Tell the user so, and ask before you call "
                f"{_tool(job)} with a new request_id."
            )
        case _ if job.error and job.error.retryable:
            paid = "Nothing was charged. " if job.charged is False else ""
            return f"{paid}It may work later: call {_tool(job)} with a new request_id."
        case _:
            return "Fix what the error names, and call again. The same call would fail again."


def _tool(job: Job) -> str:
    return "edit_image" if job.request.operation == "edit" else "generate_image"


def tool_result(result: Result, more: Sequence[ContentBlock] = (), *, is_error: bool = False) -> CallToolResult:
    """A result as an object and as text, followed by more content."""
    document = result.model_dump(mode="json")
    text = TextContent(type="text", text=result.model_dump_json())
    return CallToolResult(content=[text, *more], structured_content=document, is_error=is_error)


def result_of(
    job: Job, session: Session, previews: Sequence[ContentBlock] = (), *, buying: bool = False
) -> CallToolResult:
    """A tool's result about a job: the job, links to its images, and previews if they were requested."""
    result = job_result(job, session, buying=buying)
    return tool_result(result, [*links_to(result.images), *previews], is_error=job.error is not None)


def links_to(images: Sequence[JobImage]) -> list[ContentBlock]:
    """A link to each image, for clients that show links."""
    return [
        ResourceLink(
            type="resource_link",
            uri=image.url,
            name=image.id,
            title=f"Image, {image.width} x {image.height}",
            mime_type=image.content_type,
            size=image.bytes,
            annotations=Annotations(audience=["user", "assistant"]),
        )
        for image in images
    ]
