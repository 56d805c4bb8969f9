"""From a tool's arguments to the core's purchases, with images by reference or by value."""

import binascii
from collections.abc import Iterator

import pybase64

from composition.services import services
from core.errors import InvalidRequest
from core.jobs.model import Job
from core.pricing import Quote as Price
from core.purchases import SubmissionContext
from core.requests import Request
from core.requests.bodies import ImageRequest, ImageSource
from interfaces.mcp_server.arguments import Edit, Generate, Quote
from interfaces.mcp_server.session import Session

# A client that lost a result calls again after its timeout, which is minutes at most.
REPEAT_SECONDS = 600
_REFERENCES = ("img_", "file_", "data:")
_EXPECTED = "Send base64 or a data URL, or preferably an img_… or file_… id or an https URL in 'images'."


def generate(session: Session, arguments: Generate) -> Job:
    """The job of a generation."""
    asked = ImageRequest(arguments.parameters(), deadline_seconds=arguments.deadline_seconds)
    return services().purchases.generate(session.caller, asked, _context(session, arguments))


def edit(session: Session, arguments: Edit) -> Job:
    """The job of an edit."""
    asked = _edit(arguments, arguments.deadline_seconds)
    return services().purchases.edit(session.caller, asked, _context(session, arguments))


def quote(session: Session, arguments: Quote) -> tuple[Request, Price]:
    """What the same arguments would cost: as an edit if they hold images, else as a generation. Buys nothing."""
    asked = _edit(arguments, None)
    return services().purchases.quote("edit" if asked.sources else "generation", session.caller, asked)


def _edit(arguments: Edit | Quote, deadline_seconds: int | None) -> ImageRequest:
    """The request of a call, with its images wherever they are.

    Raises:
        InvalidRequest: the mask is given both by reference and by value, or the base64 of an image is not valid.
    """
    return ImageRequest(
        parameters=arguments.parameters(),
        images=tuple(_images(arguments)),
        mask=_mask(arguments),
        markup=ImageSource.named(arguments.markup, "markup") if arguments.markup else None,
        deadline_seconds=deadline_seconds,
    )


def _images(arguments: Edit | Quote) -> Iterator[ImageSource]:
    for index, reference in enumerate(arguments.images or ()):
        yield ImageSource.named(reference, f"images[{index}]")
    values = arguments.image_data
    if isinstance(values, str):
        yield _by_value(values, "image_data")
        return
    for index, text in enumerate(values or ()):
        yield _by_value(text, f"image_data[{index}]")


def _mask(arguments: Edit | Quote) -> ImageSource | None:
    if arguments.mask and arguments.mask_data:
        raise InvalidRequest("'mask' and 'mask_data' cannot be used together.", param="mask_data")
    if arguments.mask:
        return ImageSource.named(arguments.mask, "mask")
    return _by_value(arguments.mask_data, "mask_data") if arguments.mask_data else None


def _by_value(text: str, param: str) -> ImageSource:
    """An image in the arguments themselves, or a reference to one, since models put those there, too."""
    if text.startswith(_REFERENCES) or "://" in text:
        return ImageSource.named(text, param)
    try:
        return ImageSource(data=pybase64.b64decode(text, validate=True), param=param)
    except (binascii.Error, ValueError):  # ValueError: a character beyond ASCII
        raise InvalidRequest(
            f"'{param}' is not base64. {_EXPECTED}", param=param, code="invalid_base64_image"
        ) from None


def _context(session: Session, arguments: Generate | Edit) -> SubmissionContext:
    """How the call arrived. Its request_id is kept apart from the HTTP API's Idempotency-Keys."""
    return SubmissionContext(
        session.request_id,
        idempotency_key=f"mcp {arguments.request_id}" if arguments.request_id else None,
        repeat_seconds=None if arguments.request_id else REPEAT_SECONDS,
    )
