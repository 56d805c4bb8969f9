"""Routes of stored images."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.doors import doors
from core.errors import NotFound
from handlers import http

routes = Router()


@routes.get("/i/<image_id>")
def image(image_id: str) -> Response[str]:
    """The lasting link: whoever knows the image's id is sent to a URL that is signed at this moment."""
    call = http.Call(routes.current_event)
    found = doors().jobs.image(image_id) if image_id.startswith("img_") else None
    if found is None or found.expires_at <= call.now:
        raise NotFound("There is no such image, or it has expired.")
    return http.redirect(doors().links.sign(found, call.now).url)
