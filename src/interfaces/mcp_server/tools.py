"""The tools: what each is called, accepts and returns, and the few lines that call the core."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mcp.types import CallToolResult, ToolAnnotations
from mcp.types import Tool as Description
from pydantic import ValidationError

from composition.services import services
from core.errors import InvalidRequest
from core.jobs.model import Job
from core.ledger.dollars import usd
from core.requests import Request
from core.responses.sizes import MAX_ANSWER_BYTES
from interfaces.mcp_server import errors, purchases
from interfaces.mcp_server.arguments import (
    Arguments,
    CancelJob,
    CreateUpload,
    Edit,
    Generate,
    GetJob,
    ListImages,
    ListModels,
    Quote,
    ViewJob,
)
from interfaces.mcp_server.models import ModelsResult, models_result
from interfaces.mcp_server.previews import previews_of
from interfaces.mcp_server.results import (
    ImageList,
    JobResult,
    QuoteResult,
    Result,
    UploadResult,
    dollars,
    iso,
    job_result,
    listed_image,
    result_of,
    tool_result,
)
from interfaces.mcp_server.session import Session
from interfaces.mcp_server.tool_schemas import input_schema, output_schema

Watch = Callable[[Job], None]

# A result holds a list twice, as an object and as text, whose quotes and backslashes are escaped once more.
_MAX_LIST_BYTES = MAX_ANSWER_BYTES // 3


@dataclass(frozen=True)
class Tool[Given: Arguments]:
    """A tool. `run` gets validated arguments; its docstring is the description that a model reads."""

    name: str
    title: str
    takes: type[Given]
    answers: type[Result]
    run: Callable[[Session, Given, Watch], CallToolResult]
    annotations: ToolAnnotations

    @property
    def buys(self) -> bool:
        """Whether its result may be an unfinished job, and so a task."""
        return self.annotations is _BUYS

    def call(self, session: Session, arguments: dict[str, Any], watch: Watch) -> CallToolResult:
        """Run the tool on raw arguments; `watch` sees its job each time it is read.

        Raises:
            EaselError: the core or the tool's schema refuses them.
        """
        try:
            given = self.takes.read(arguments)
        except ValidationError as error:
            raise errors.of_arguments(error, input_schema(self.takes)) from None
        return self.run(session, given, watch)

    @cached_property
    def description(self) -> Description:
        """The tool as tools/list shows it."""
        return Description(
            name=self.name,
            title=self.title,
            description=" ".join((self.run.__doc__ or "").split()),
            input_schema=self.takes.schema_for_models(),
            output_schema=output_schema(self.answers, self.answers.outline),
            annotations=self.annotations,
        )


def generate_image(session: Session, given: Generate, watch: Watch) -> CallToolResult:
    """Generate images from a prompt. Costs money: see quote_image. Returns within wait_seconds:
    links to the images and small previews, or a job_id for get_image_job. Repeating a call never buys twice.
    """
    job = purchases.generate(session, given)
    return _watched(session, job, given, watch, buying=True)


def edit_image(session: Session, given: Edit, watch: Watch) -> CallToolResult:
    """Change or combine images by a prompt. Some models (list_available_models) do one thing only: remove the
    background, erase, replace, recolor, extend or upscale. Upload a user's file with create_upload. Costs money and
    returns like generate_image.
    """
    job = purchases.edit(session, given)
    return _watched(session, job, given, watch, buying=True)


def get_image_job(session: Session, given: GetJob, watch: Watch) -> CallToolResult:
    """Read the images of a job, or its progress. Waits up to wait_seconds for it to finish. Free of charge. Only the
    key that bought a job can read it.
    """
    return _watched(session, services().jobs.read(session.caller, given.job_id), given, watch)


def cancel_image_job(session: Session, given: CancelJob, watch: Watch) -> CallToolResult:
    """Cancel a job before its purchase starts. Refused once it has started."""
    job = services().cancellation.cancel(session.caller, given.job_id)
    return tool_result(job_result(job, session))


def quote_image(session: Session, given: Quote, watch: Watch) -> CallToolResult:
    """Return what generate_image or, with images, edit_image would cost with the same arguments, described there:
    the expected price and the most it can be. Buys nothing.
    """
    request, price = purchases.quote(session, given)
    left = session.budget_left()
    return tool_result(
        QuoteResult(
            model=request.model,
            n=request.n,
            quote_micro_usd=price.expected,
            upper_bound_micro_usd=price.upper_bound,
            budget_left_micro_usd=left,
            quote=usd(price.expected),
            upper_bound=usd(price.upper_bound),
            budget_left=dollars(left),
            next_step=_about_bound(session, given, request),
            price_date=price.price_date,
            applied=request.applied(),
            warnings=[warning.message for warning in request.warnings],
        )
    )


def _about_bound(session: Session, given: Quote, request: Request) -> str:
    """What the upper bound is for, and what it would be if the model were left less to decide."""
    bound = "The upper bound is reserved from the budget until the actual cost is known."
    open_settings = [name for name in _NARROWING if request.applied().get(name, "auto") == "auto"]
    narrowed = given.model_copy(update={name: _NARROWING[name] for name in open_settings})
    if not open_settings:
        return bound
    try:
        _, price = purchases.quote(session, narrowed)
    except InvalidRequest:  # another model, without such settings
        return bound
    named = " and ".join(f"{name} {_NARROWING[name]}" for name in open_settings)
    return f"{bound} To narrow it, name {' and '.join(open_settings)}: with {named}, it is {usd(price.upper_bound)}."


def list_images(session: Session, given: ListImages, watch: Watch) -> CallToolResult:
    """List the images bought with this key, newest first. Free of charge."""
    return tool_result(image_list(session, given.limit, given.after))


def list_available_models(session: Session, given: ListModels, watch: Watch) -> CallToolResult:
    """List the available models: what each accepts and costs, and when it is shut down. Free of charge."""
    return tool_result(models_result(given.model, session.today))


def create_upload(session: Session, given: CreateUpload, watch: Watch) -> CallToolResult:
    """Create a form to upload an image file of up to 50 MB for edit_image. Free of charge. Whoever has the file sends
    it; it is kept for one day.
    """
    upload, form = services().uploads.create(session.caller, given.model_dump(exclude_none=True))
    return tool_result(
        UploadResult(
            upload_id=upload.id,
            next_step=(
                "POST a multipart/form-data form to url: first all fields, last the file as the field 'file'. The "
                f'response is 204. Then call edit_image with images ["{upload.id}"].'
            ),
            method="POST",
            url=form.url,
            fields=form.fields,
            max_bytes=upload.max_bytes,
            expires_at=iso(form.expires_at),
        )
    )


def view_image_job(session: Session, given: ViewJob, watch: Watch) -> CallToolResult:
    """For Easel's viewer."""
    job = services().jobs.read(session.caller, given.job_id) if given.job_id else purchases.awaited(session, given)
    return tool_result(job_result(job, session))


def image_list(session: Session, limit: int, after: str | None) -> ImageList:
    """A page of a caller's images.

    Raises:
        NotFound: `after` is not an image of the caller.
    """
    found, more = services().images.list_of(session.caller, limit, after)
    page = session.answers().image_list(found, more, _MAX_LIST_BYTES)
    return ImageList(
        images=[listed_image(image) for image in page["data"]],
        next_after=page["last_id"] if page["has_more"] else None,
    )


def _watched(
    session: Session, job: Job, given: Generate | Edit | GetJob, watch: Watch, *, buying: bool = False
) -> CallToolResult:
    """A job after waiting for it, counted from when the gateway accepted the call: a cold start is part of the wait."""
    watch(job)
    seconds = min(given.wait_seconds, services().settings.max_wait_seconds)
    with services().waiting_calls.of(session.caller, session.started_at, seconds) as wait:
        job = services().jobs.wait(job, wait, watch)
    previews = previews_of(job.images) if given.preview else []
    return result_of(job, session, previews, buying=buying)


# The settings that decide about the price, each with its cheapest usual value.
_NARROWING = {"quality": "low", "size": "1024x1024"}

_BUYS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_CANCELS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_PREPARES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)

FOR_VIEWER = Tool("view_image_job", "View an image job", ViewJob, JobResult, view_image_job, _READS)
TOOLS: dict[str, Tool[Any]] = {
    tool.name: tool
    for tool in (
        Tool("generate_image", "Generate images", Generate, JobResult, generate_image, _BUYS),
        Tool("edit_image", "Edit images", Edit, JobResult, edit_image, _BUYS),
        Tool("get_image_job", "Get an image job", GetJob, JobResult, get_image_job, _READS),
        Tool("list_available_models", "List models", ListModels, ModelsResult, list_available_models, _READS),
        Tool("quote_image", "Quote a price", Quote, QuoteResult, quote_image, _READS),
        Tool("list_images", "List images", ListImages, ImageList, list_images, _READS),
        Tool("create_upload", "Upload an image", CreateUpload, UploadResult, create_upload, _PREPARES),
        Tool("cancel_image_job", "Cancel an image job", CancelJob, JobResult, cancel_image_job, _CANCELS),
    )
}
