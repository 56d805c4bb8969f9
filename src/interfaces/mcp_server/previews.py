"""Small WebP copies of images for a model to look at, well below what clients accept in a result."""

import base64
import io
from collections.abc import Iterator, Sequence

from mcp.types import Annotations, ImageContent

from composition.services import services
from core.images.model import Image

# Claude Code truncates a result at 25,000 tokens, and counts the base64 of an image as text: 3 characters a token.
MAX_CHARACTERS = 45_000
_EDGE_PIXELS = 512
_QUALITIES = (70, 45, 20)
# Anything larger than what providers make is not decoded here.
_MAX_PIXELS = 3840 * 3840


def previews_of(images: Sequence[Image]) -> list[ImageContent]:
    """A preview of each image that has one; together they stay under MAX_CHARACTERS."""
    return [
        ImageContent(type="image", data=data, mime_type="image/webp", annotations=Annotations(audience=["assistant"]))
        for image in images
        for data in _preview(image, MAX_CHARACTERS // len(images))
    ]


def _preview(image: Image, characters: int) -> Iterator[str]:
    """The preview as base64, if the image has one: an SVG is not a raster image."""
    if image.content_type == "image/svg+xml" or image.width * image.height > _MAX_PIXELS:
        return
    from PIL import Image as Raster  # noqa: PLC0415 # takes 30 ms, and only previews need it

    with Raster.open(io.BytesIO(services().image_store.read(image))) as original:
        original.thumbnail((_EDGE_PIXELS, _EDGE_PIXELS))
        small = original.convert("RGBA" if original.has_transparency_data else "RGB")
    for quality in _QUALITIES:
        written = io.BytesIO()
        small.save(written, "WEBP", quality=quality)
        data = base64.b64encode(written.getvalue()).decode()
        if len(data) <= characters:
            yield data
            return
        small = small.resize((max(1, small.width * 2 // 3), max(1, small.height * 2 // 3)))
