"""From a tool's arguments to the core's purchases, with images by reference or by value."""

from collections.abc import Iterator

from pydantic import ValidationError

from composition.services import services
from core.catalog import Operation
from core.errors import InvalidRequest, NotFound
from core.images import names
from core.images.data_urls import is_data_url
from core.jobs.model import Job
from core.pricing import Quote as Price
from core.purchases import SubmissionContext
from core.requests import Metadata, Request
from core.requests.bodies import ImageRequest, ImageSource, is_reference, read_metadata
from core.validation import InvalidJson, load_json
from interfaces.mcp_server import confirmation, errors
from interfaces.mcp_server.arguments import Edit, Generate, Quote, ViewJob
from interfaces.mcp_server.session import Session

# A client that lost a result calls again after its timeout, which is minutes at most.
REPEAT_SECONDS = 600
_EXPECTED = (
    "Name an image by its id (img_…), the id of an upload (file_…), a link from an earlier result or an https URL."
)

_NO_SPACES = dict.fromkeys(map(ord, " \t\r\n"))


def generate(session: Session, arguments: Generate) -> Job:
    """The job of a generation."""
    asked = ImageRequest(
        arguments.parameters(),
        deadline_seconds=arguments.deadline_seconds,
        metadata=_metadata(arguments),
        fallbacks=arguments.fallback_names(),
    )
    return services().purchases.generate(session.caller, asked, _context(session, arguments))


def edit(session: Session, arguments: Edit) -> Job:
    """The job of an edit."""
    asked = _with_images(_edit(arguments, arguments.deadline_seconds, _metadata(arguments)))
    return services().purchases.edit(session.caller, asked, _context(session, arguments))


def awaited(session: Session, given: ViewJob) -> Job:
    """The job that an equal call of generate_image or edit_image has by now. Nothing is bought or written.

    Raises:
        NotFound: it has none.
        InvalidRequest: the call is not valid, or is not given.
    """
    try:
        call = load_json(given.call or "")
    except InvalidJson as error:
        raise InvalidRequest(f"The argument 'call' {error}.", param="call") from None
    if not isinstance(call, dict):
        raise InvalidRequest("The argument 'call' is not a JSON object.", param="call")
    try:
        arguments = Edit.read(call)
    except ValidationError as error:
        raise errors.of_arguments(error, Edit.schema_for_models()) from None
    asked = _edit(arguments, arguments.deadline_seconds, _metadata(arguments))
    operation: Operation = "edit" if asked.sources else "generation"
    job = services().purchases.find_equal(operation, session.caller, asked, _context(session, arguments))
    if job is None:
        raise NotFound("An equal call has not started a job yet.")
    return job


def _metadata(arguments: Generate | Edit) -> Metadata:
    return read_metadata(arguments.metadata) if arguments.metadata else {}


def quote(session: Session, arguments: Quote) -> tuple[Request, Price]:
    """What the same arguments would cost: as an edit if they hold images, else as a generation. Buys nothing."""
    asked = _edit(arguments, None)
    if asked.sources:
        checked, price = services().purchases.quote("edit", session.caller, _with_images(asked))
    else:
        checked, price = services().purchases.quote("generation", session.caller, asked)
    return checked.request, price


def _with_images(asked: ImageRequest) -> ImageRequest:
    """The request of an edit; raises InvalidRequest if it has nothing to edit."""
    if asked.images:
        return asked
    raise InvalidRequest(
        f"The argument 'images' is missing: the images to edit, as a list. {_EXPECTED}",
        param="images",
        code="missing_required_parameter",
    )


def _edit(arguments: Edit | Quote, deadline_seconds: int | None, metadata: Metadata | None = None) -> ImageRequest:
    """The request of a call, with its images wherever they are.

    Raises:
        InvalidRequest: the mask is given both by reference and by value, or the base64 of an image is not valid.
    """
    return ImageRequest(
        parameters=arguments.parameters(),
        images=tuple(_images(arguments)),
        mask=_mask(arguments),
        markup=_by_name(arguments.markup, "markup") if arguments.markup else None,
        deadline_seconds=deadline_seconds,
        metadata=metadata or {},
        fallbacks=arguments.fallback_names(),
    )


def _images(arguments: Edit | Quote) -> Iterator[ImageSource]:
    for index, reference in enumerate(arguments.images or ()):
        yield _by_name(reference, f"images[{index}]")
    values = arguments.image_data or ()
    for index, text in enumerate(values):
        yield _by_value(text, "image_data" if len(values) == 1 else f"image_data[{index}]")


def _mask(arguments: Edit | Quote) -> ImageSource | None:
    if arguments.mask and arguments.mask_data:
        raise InvalidRequest("'mask' and 'mask_data' cannot be used together.", param="mask_data")
    if arguments.mask:
        return _by_name(arguments.mask, "mask")
    return _by_value(arguments.mask_data, "mask_data") if arguments.mask_data else None


def _by_name(text: str, param: str) -> ImageSource:
    """An image by its name; by value as well, since models put a data URL there, too."""
    if not (names.certain_id(text) or is_reference(text.strip()) or is_data_url(text)):
        raise InvalidRequest(f"'{param}' does not name an image. {_EXPECTED}", param=param)
    return ImageSource.named(text, param)


def _by_value(text: str, param: str) -> ImageSource:
    """An image in the arguments themselves, in base64 with or without line breaks, or the name of one."""
    compact = text.translate(_NO_SPACES)
    if names.certain_id(compact) or is_reference(compact) or is_data_url(compact):
        return ImageSource.named(compact, param)
    try:
        return ImageSource.named(f"data:image/png;base64,{compact}", param)
    except InvalidRequest:
        better = "mask" if param == "mask_data" else "images"
        raise InvalidRequest(
            f"'{param}' is not base64. Send base64 or a data URL, or preferably use '{better}'. {_EXPECTED}",
            param=param,
            code="invalid_base64_image",
        ) from None


def _context(session: Session, arguments: Generate | Edit) -> SubmissionContext:
    """How the call arrived. Its request_id is kept apart from the HTTP API's Idempotency-Keys."""
    return SubmissionContext(
        session.request_id,
        idempotency_key=f"mcp {arguments.request_id}" if arguments.request_id else None,
        repeat_seconds=None if arguments.request_id else REPEAT_SECONDS,
        admission=confirmation.admission(session, arguments.request_id),
    )
