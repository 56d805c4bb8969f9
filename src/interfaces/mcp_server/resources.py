"""The resources: an image by id, the latest images, the models."""

from mcp.types import BlobResourceContents, Resource, ResourceTemplate, TextResourceContents

from composition.services import services
from core.errors import NotFound
from core.images import names
from core.images.model import Image
from interfaces.mcp_server.models import models_result
from interfaces.mcp_server.previews import previews_of
from interfaces.mcp_server.results import Result, listed_image
from interfaces.mcp_server.session import Session
from interfaces.mcp_server.tools import image_list

_MODELS = "easel://models"
_RECENT = "easel://images/recent"
_IMAGE = names.RESOURCES
_JSON = "application/json"
_LISTED_IMAGES = 10
_RECENT_IMAGES = 20

Contents = list[TextResourceContents | BlobResourceContents]

IMAGE_TEMPLATE = ResourceTemplate(
    uri_template=f"{_IMAGE}{{image_id}}",
    name="image",
    title="An image by id",
    description="An image's metadata and permalink, and a small WebP preview.",
)


def listed(session: Session) -> list[Resource]:
    """The models, the history, and each of the newest images."""
    newest, _ = services().images.list_of(session.caller, _LISTED_IMAGES, None)
    return [
        Resource(uri=_MODELS, name="models", title="Available models", mime_type=_JSON),
        Resource(uri=_RECENT, name="recent", title="Latest images", mime_type=_JSON),
        *(_described(image) for image in newest),
    ]


def _described(image: Image) -> Resource:
    title = f"Image, {image.width} x {image.height}"
    return Resource(uri=f"{_IMAGE}{image.id}", name=image.id, title=title, mime_type=_JSON)


def read(session: Session, uri: str) -> Contents:
    """The contents of a resource.

    Raises:
        NotFound: there is no resource with that URI, or it is another caller's.
    """
    if uri == _MODELS:
        return [_as_json(uri, models_result(None, session.today))]
    if uri == _RECENT:
        return [_as_json(uri, image_list(session, _RECENT_IMAGES, None))]
    if uri.startswith(_IMAGE):
        return _image(session, uri, names.certain_id(uri) or uri.removeprefix(_IMAGE))
    raise NotFound(f"There is no such resource. The resources are {_MODELS}, {_RECENT} and {_IMAGE}ID.")


def _image(session: Session, uri: str, image_id: str) -> Contents:
    image = services().images.read(session.caller, image_id)
    preview: Contents = [
        BlobResourceContents(uri=uri, mime_type=block.mime_type, blob=block.data) for block in previews_of([image])
    ]
    return [_as_json(uri, listed_image(session.answers().image(image))), *preview]


def _as_json(uri: str, result: Result) -> TextResourceContents:
    return TextResourceContents(uri=uri, mime_type=_JSON, text=result.model_dump_json())
