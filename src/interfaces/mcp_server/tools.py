"""The tools: what each is called, takes and answers, and the few lines that hand it to the core."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mcp.types import CallToolResult, ToolAnnotations
from mcp.types import Tool as Description
from pydantic import ValidationError

from composition.services import doors
from core.jobs.model import Job
from core.requests.json_schema import untitled
from interfaces.mcp_server import errors, icons, purchases
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
)
from interfaces.mcp_server.models import ModelsResult, models_result
from interfaces.mcp_server.previews import previews_of
from interfaces.mcp_server.results import (
    ImageList,
    JobResult,
    QuoteResult,
    Result,
    UploadResult,
    iso,
    job_result,
    listed_image,
    result_of,
    told,
)
from interfaces.mcp_server.session import Visit

Watch = Callable[[Job], None]


@dataclass(frozen=True)
class Tool[Given: Arguments]:
    """A tool. `run` gets checked arguments; its docstring is what a model reads of the tool."""

    name: str
    title: str
    takes: type[Given]
    answers: type[Result]
    run: Callable[[Visit, Given, Watch], CallToolResult]
    annotations: ToolAnnotations

    @property
    def buys(self) -> bool:
        """Whether its answer may be a job that is not finished, and with that a task."""
        return self.annotations is _BUYS

    def call(self, visit: Visit, arguments: dict[str, Any], watch: Watch) -> CallToolResult:
        """Run the tool on arguments as they came in; `watch` sees its job whenever that is looked at.

        Raises:
            EaselError: the core, or the tool's schema, refuses it.
        """
        try:
            given = self.takes.read(arguments)
        except ValidationError as error:
            raise errors.of_arguments(error, self.takes.schema_for_models()) from None
        return self.run(visit, given, watch)

    @cached_property
    def description(self) -> Description:
        """The tool as tools/list shows it."""
        return Description(
            name=self.name,
            title=self.title,
            description=" ".join((self.run.__doc__ or "").split()),
            input_schema=self.takes.schema_for_models(),
            output_schema=untitled(self.answers.model_json_schema(mode="serialization")),
            annotations=self.annotations,
            icons=[icons.of(self.name)],
        )


def generate_image(visit: Visit, given: Generate, watch: Watch) -> CallToolResult:
    """Make pictures from a prompt. Costs money (quote_image says how much). Answers within wait_seconds: with links to
    the pictures, or with a job_id to give to get_image_job. Repeating a call never buys twice.
    """
    job = purchases.generate(visit, given)
    return _watched(visit, job, given, watch, buying=True)


def edit_image(visit: Visit, given: Edit, watch: Watch) -> CallToolResult:
    """Make pictures from others and a prompt: change, extend or combine them. Name earlier pictures by their img_ id;
    send a file of the user's by create_upload, or name it by its https URL. Costs money, and answers, like
    generate_image.
    """
    job = purchases.edit(visit, given)
    return _watched(visit, job, given, watch, buying=True)


def get_image_job(visit: Visit, given: GetJob, watch: Watch) -> CallToolResult:
    """The pictures of a job, or how far it is. Waits up to wait_seconds for it to finish. Costs nothing. A job and its
    pictures are kept for as long as its expires_at says, and only the key that bought it can read it.
    """
    return _watched(visit, doors().job_lookup.read(visit.caller, given.job_id), given, watch)


def cancel_image_job(visit: Visit, given: CancelJob, watch: Watch) -> CallToolResult:
    """Cancel a job of which nothing was bought yet. Refused once the purchase has been started."""
    job = doors().canceler.cancel(visit.caller, given.job_id)
    return told(job_result(job, visit))


def quote_image(visit: Visit, given: Quote, watch: Watch) -> CallToolResult:
    """What generate_image or, with images, edit_image would cost with the same arguments. Buys nothing."""
    request, price = purchases.quote(given)
    return told(
        QuoteResult(
            model=request.model,
            n=request.n,
            quote_micro_usd=price.expected,
            upper_bound_micro_usd=price.upper_bound,
            budget_left_micro_usd=visit.budget_left(),
            price_date=price.price_date,
            applied=request.applied(),
            warnings=[warning.message for warning in request.warnings],
        )
    )


def list_images(visit: Visit, given: ListImages, watch: Watch) -> CallToolResult:
    """The pictures that were made before with this key, newest first. Costs nothing."""
    return told(image_list(visit, given.limit, given.after))


def list_available_models(visit: Visit, given: ListModels, watch: Watch) -> CallToolResult:
    """The models that can draw: what each takes, what it costs, and until when it lives. Costs nothing."""
    return told(models_result(given.model, visit.today))


def create_upload(visit: Visit, given: CreateUpload, watch: Watch) -> CallToolResult:
    """A form that takes a picture file of up to 50 MB, so that edit_image can work on it. Costs nothing. Whoever has
    the file sends it; the upload is kept for a day.
    """
    upload, form = doors().uploads.create(visit.caller, given.model_dump(exclude_none=True))
    return told(
        UploadResult(
            upload_id=upload.id,
            next_step=(
                "POST a multipart/form-data form to url: first all fields, last the file as the field 'file'. It "
                f'answers 204. Then call edit_image with images ["{upload.id}"].'
            ),
            method="POST",
            url=form.url,
            fields=form.fields,
            max_bytes=upload.max_bytes,
            expires_at=iso(form.expires_at),
        )
    )


def image_list(visit: Visit, limit: int, after: str | None) -> ImageList:
    """A page of a caller's pictures.

    Raises:
        NotFound: `after` is no image of the caller.
    """
    found, more = doors().library.list_of(visit.caller, limit, after)
    shown = visit.answers().image_list(found, more)["data"]
    return ImageList(
        images=[listed_image(image) for image in shown],
        next_after=found[-1].id if more else None,
    )


def _watched(
    visit: Visit, job: Job, given: Generate | Edit | GetJob, watch: Watch, *, buying: bool = False
) -> CallToolResult:
    """A job after waiting for it, counted from the moment the gateway took the call: a cold start is part of it."""
    watch(job)
    wait = min(given.wait_seconds, doors().settings.max_wait_seconds)
    job = doors().job_lookup.wait(job, until=visit.started_at + wait, watch=watch)
    pictures = previews_of(job.images) if given.preview and job.status == "succeeded" else []
    return result_of(job, visit, pictures, buying=buying)


_BUYS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_CANCELS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_PREPARES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)

TOOLS: dict[str, Tool[Any]] = {
    tool.name: tool
    for tool in (
        Tool("generate_image", "Generate pictures", Generate, JobResult, generate_image, _BUYS),
        Tool("edit_image", "Edit pictures", Edit, JobResult, edit_image, _BUYS),
        Tool("get_image_job", "Get a picture job", GetJob, JobResult, get_image_job, _READS),
        Tool("list_available_models", "List models", ListModels, ModelsResult, list_available_models, _READS),
        Tool("quote_image", "Quote a price", Quote, QuoteResult, quote_image, _READS),
        Tool("list_images", "List pictures", ListImages, ImageList, list_images, _READS),
        Tool("create_upload", "Upload a picture", CreateUpload, UploadResult, create_upload, _PREPARES),
        Tool("cancel_image_job", "Cancel a picture job", CancelJob, JobResult, cancel_image_job, _CANCELS),
    )
}
