"""Routes of stored images."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import doors
from core.responses.builders import deleted
from interfaces.http_api.call import Call, answer, redirect

routes = Router()

# The words are no ids: what is bought there is bought with POST.
_IMAGE = "/images/(?!(?:generations|edits|quote|variations)$)<image_id>"


@routes.get("/images")
def images() -> Response[str]:
    """The caller's images, newest first; `?after=` the last id of the page before."""
    call = Call(routes.current_event)
    caller = call.key_holder(doors())
    limit = call.whole_number("limit", default=20, least=1, most=100)
    found, has_more = doors().images.list_of(caller, limit, call.query("after"))
    return answer(200, call.answers(doors(), caller).image_list(found, has_more))


@routes.get(_IMAGE)
def image(image_id: str) -> Response[str]:
    """What is known of an image, with a URL that is signed at this moment."""
    call = Call(routes.current_event)
    caller = call.caller(doors())
    found = doors().images.read(caller, image_id)
    return answer(200, call.answers(doors(), caller).image(found))


@routes.delete(_IMAGE)
def delete(image_id: str) -> Response[str]:
    """Delete an image for good."""
    call = Call(routes.current_event)
    doors().images.delete(call.caller(doors()), image_id)
    return answer(200, deleted("image.deleted", image_id))


@routes.route("/i/<image_id>", method=["GET", "HEAD"])
def link(image_id: str) -> Response[str]:
    """The lasting link: whoever knows the image's id is sent to a URL that is signed at this moment."""
    call = Call(routes.current_event)
    found = doors().images.shared(image_id)
    return redirect(doors().image_links.sign(found, call.now, head=call.event.http_method == "HEAD").url)
