"""The resources: a picture by id, the pictures made last, the models."""

from mcp.types import BlobResourceContents, Resource, ResourceTemplate, TextResourceContents

from composition.services import doors
from core.errors import NotFound
from core.images.model import Image
from interfaces.mcp_server.models import models_result
from interfaces.mcp_server.previews import previews_of
from interfaces.mcp_server.results import Result, listed_image
from interfaces.mcp_server.session import Visit
from interfaces.mcp_server.tools import image_list

_MODELS = "easel://models"
_RECENT = "easel://images/recent"
_IMAGE = "easel://images/"
_JSON = "application/json"
_LISTED_IMAGES = 10
_RECENT_IMAGES = 20

Contents = list[TextResourceContents | BlobResourceContents]

IMAGE_TEMPLATE = ResourceTemplate(
    uri_template=f"{_IMAGE}{{image_id}}",
    name="image",
    title="A picture by its id",
    description="What is known of a picture, with its lasting link, and a small WebP preview.",
)


def listed(visit: Visit) -> list[Resource]:
    """What there is to read: the models, the history, and the newest pictures one by one."""
    newest, _ = doors().library.list_of(visit.caller, _LISTED_IMAGES, None)
    return [
        Resource(uri=_MODELS, name="models", title="Models that can draw", mime_type=_JSON),
        Resource(uri=_RECENT, name="recent", title="Pictures made last", mime_type=_JSON),
        *(_described(image) for image in newest),
    ]


def _described(image: Image) -> Resource:
    title = f"Picture, {image.width} x {image.height}"
    return Resource(uri=f"{_IMAGE}{image.id}", name=image.id, title=title, mime_type=_JSON)


def read(visit: Visit, uri: str) -> Contents:
    """The contents of a resource.

    Raises:
        NotFound: there is none of that URI, or it is another caller's.
    """
    if uri == _MODELS:
        return [_as_json(uri, models_result(None, visit.today))]
    if uri == _RECENT:
        return [_as_json(uri, image_list(visit, _RECENT_IMAGES, None))]
    if uri.startswith(_IMAGE):
        return _image(visit, uri, uri.removeprefix(_IMAGE))
    raise NotFound(f"There is no such resource. There are {_MODELS}, {_RECENT} and {_IMAGE}ID.")


def _image(visit: Visit, uri: str, image_id: str) -> Contents:
    image = doors().library.read(visit.caller, image_id)
    preview: Contents = [
        BlobResourceContents(uri=uri, mime_type=block.mime_type, blob=block.data) for block in previews_of([image])
    ]
    return [_as_json(uri, listed_image(visit.answers().image(image))), *preview]


def _as_json(uri: str, result: Result) -> TextResourceContents:
    return TextResourceContents(uri=uri, mime_type=_JSON, text=result.model_dump_json())
