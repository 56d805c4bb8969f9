"""Routes of stored images."""

import re

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.images.model import Image
from core.responses.builders import deleted
from interfaces.http_api.call import FILTERS, Call, answer, redirect

routes = Router()

# File systems take names of 255 bytes; a character of UTF-8 has at most four.
_MAX_NAME = 60

# These words are not ids but routes of POST.
_IMAGE = "/images/(?!(?:generations|edits|quote|variations)$)<image_id>"


@routes.get("/images")
def images() -> Response[str]:
    """The caller's images, newest first, all or those that match; `?after=` is the last id of the previous page."""
    call = Call(routes.current_event, ("limit", "after", *FILTERS))
    caller = call.key_holder(services())
    found, has_more = services().images.list_of(caller, call.page_limit, call.query("after"), call.filters)
    return answer(200, call.answers(services(), caller).image_list(found, has_more))


@routes.get(_IMAGE)
def image(image_id: str) -> Response[str]:
    """An image's metadata, with a freshly signed URL."""
    call = Call(routes.current_event)
    caller = call.caller(services())
    found = services().images.read(caller, image_id)
    return answer(200, call.answers(services(), caller).image(found))


@routes.delete(_IMAGE)
def delete(image_id: str) -> Response[str]:
    """Delete an image permanently."""
    call = Call(routes.current_event)
    services().images.delete(call.caller(services()), image_id)
    return answer(200, deleted("image.deleted", image_id))


@routes.route("/i/<image_id>", method=["GET", "HEAD"])
def link(image_id: str) -> Response[str]:
    """The permalink: redirects anyone who knows the image's id to a freshly signed URL.

    The id may end like a file's name, for programs that look at it; `?download=` is a name to save the image under.
    """
    call = Call(routes.current_event)
    found = services().images.shared(image_id)
    head = call.event.http_method == "HEAD"
    return redirect(services().image_links.sign(found, call.now, head=head, save_as=_file_name(call, found)).url)


def _file_name(call: Call, image: Image) -> str | None:
    """The name that `?download=` gives a file: without folders and without what no file name may have."""
    asked = call.query("download")
    if asked is None:
        return None
    name = re.sub(r'[\x00-\x1f\x7f\ud800-\udfff<>:"|?*]', "", re.split(r"[/\\]", asked)[-1]).strip(" .")
    stem = name.removesuffix(f".{image.extension}")[:_MAX_NAME] or image.id
    return f"{stem}.{image.extension}"
