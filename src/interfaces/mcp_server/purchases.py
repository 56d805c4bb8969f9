"""From a tool's arguments to a job: the same core use cases as the HTTP door's, in the same order."""

import binascii
from collections.abc import Iterator

import pybase64

from composition.services import doors
from core.errors import InvalidRequest
from core.jobs.model import Job
from core.pricing import Quote as Price
from core.pricing import quote
from core.purchases.submission import Delivery
from core.requests import Request
from core.requests.bodies import Pointer, Wish
from core.requests.resolver import with_inputs
from interfaces.mcp_server.arguments import Edit, Generate, Quote
from interfaces.mcp_server.session import Visit

# A client that lost an answer calls again after its time-out, of minutes at most.
REPEAT_SECONDS = 600
_BY_NAME = ("img_", "file_", "data:")
_EXPECTED = "Send base64 or a data URL; better, an img_… or file_… id or an https URL in 'images'."


def generation(visit: Visit, arguments: Generate) -> Job:
    """Accept a generation."""
    request = doors().resolver.generation(arguments.parameters(), visit.today)
    return _accept(visit, request, arguments)


def edit(visit: Visit, arguments: Edit) -> Job:
    """Gather the inputs of an edit and accept it."""
    wish = wish_of(arguments)
    request, model = doors().resolver.edit(wish, visit.today)
    inputs, warnings = doors().gatherer.gather(visit.caller, wish, model)
    return _accept(visit, with_inputs(request, inputs, warnings), arguments)


def price(visit: Visit, arguments: Quote) -> tuple[Request, Price]:
    """What a generation would cost or, with pictures among the arguments, an edit. Buys and keeps nothing."""
    wish = wish_of(arguments)
    if wish.images:
        request = doors().resolver.edit(wish, visit.today)[0]
    else:
        request = doors().resolver.generation(arguments.parameters(), visit.today)
    family = doors().resolver.find(request.model, visit.today).rules
    return request, quote(request, family, len(wish.images))


def wish_of(arguments: Edit | Quote) -> Wish:
    """The pictures of a call, wherever they are.

    Raises:
        InvalidRequest: a picture or a mask is given both by name and by value, or its base64 is broken.
    """
    return Wish(
        parameters=arguments.parameters(),
        images=tuple(_images(arguments)),
        mask=_mask(arguments),
        markup=Pointer(reference=arguments.markup) if arguments.markup else None,
    )


def _images(arguments: Edit | Quote) -> Iterator[Pointer]:
    for reference in arguments.images or ():
        yield Pointer(reference=reference)
    given = arguments.image_data
    for text in [given] if isinstance(given, str) else given or ():
        yield _by_value(text, "image_data")


def _mask(arguments: Edit | Quote) -> Pointer | None:
    if arguments.mask and arguments.mask_data:
        raise InvalidRequest("'mask' and 'mask_data' cannot be used together.", param="mask_data")
    if arguments.mask:
        return Pointer(reference=arguments.mask)
    return _by_value(arguments.mask_data, "mask_data") if arguments.mask_data else None


def _by_value(text: str, param: str) -> Pointer:
    """A picture in the arguments themselves; a name is taken there too, since models put it there."""
    if text.startswith(_BY_NAME) or "://" in text:
        return Pointer(reference=text)
    try:
        return Pointer(data=pybase64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):  # ValueError: a character beyond ASCII
        raise InvalidRequest(
            f"'{param}' is not base64. {_EXPECTED}", param=param, code="invalid_base64_image"
        ) from None


def _accept(visit: Visit, request: Request, arguments: Generate | Edit) -> Job:
    """The core's one way to a job. A name the caller gave keeps apart from the HTTP door's Idempotency-Keys."""
    delivery = Delivery(
        visit.request_id,
        idempotency_key=f"mcp {arguments.request_id}" if arguments.request_id else None,
        repeat_seconds=None if arguments.request_id else REPEAT_SECONDS,
        deadline_seconds=arguments.deadline_seconds,
    )
    return doors().acceptor.accept(visit.caller, request, delivery)
