"""Small WebP copies of images for a model to look at, well below what clients accept in a result.

A vendor counts an image of 384 by 384 pixels as about 200 tokens (Anthropic: width x height / 750).
"""

import base64
import io
from collections.abc import Iterator, Sequence

from mcp.types import Annotations, ImageContent

from composition.services import services
from core.images.model import Image
from core.logs import logger

# Claude Code truncates a result at 25,000 tokens, and counts the base64 of an image as text, 3 characters a token: all
# previews of a result take at most a third of that.
MAX_CHARACTERS = 24_000
_EDGE_PIXELS = 384
_QUALITIES = (70, 45, 20)
# Anything larger than what providers make is not decoded here.
_MAX_PIXELS = 3840 * 3840


def previews_of(images: Sequence[Image]) -> list[ImageContent]:
    """A preview of each image that can have one; together they stay under MAX_CHARACTERS."""
    return [
        ImageContent(type="image", data=data, mime_type="image/webp", annotations=Annotations(audience=["assistant"]))
        for image in images
        for data in _preview(image, MAX_CHARACTERS // len(images))
    ]


def _preview(image: Image, characters: int) -> Iterator[str]:
    """The preview as base64; none of an SVG, which is not a raster image, and none if anything goes wrong."""
    if image.content_type == "image/svg+xml" or image.width * image.height > _MAX_PIXELS:
        return
    try:
        yield from _made(services().image_store.read(image), characters)
    except Exception as error:  # noqa: BLE001 - the image was paid for; its result must not fail for want of a preview
        logger.warning("no preview was made", extra={"image_id": image.id, "error": type(error).__name__})


def _made(data: bytes, characters: int) -> Iterator[str]:
    from PIL import Image as Raster  # noqa: PLC0415 # takes 30 ms, and only previews need it

    with Raster.open(io.BytesIO(data)) as original:
        original.draft("RGB", (_EDGE_PIXELS, _EDGE_PIXELS))  # JPEG: decoded at a fraction of its size
        original.thumbnail((_EDGE_PIXELS, _EDGE_PIXELS))
        small = original.convert("RGBA" if original.has_transparency_data else "RGB")
    for quality in _QUALITIES:
        written = io.BytesIO()
        small.save(written, "WEBP", quality=quality)
        data64 = base64.b64encode(written.getvalue()).decode()
        if len(data64) <= characters:
            yield data64
            return
        small = small.resize((max(1, small.width * 2 // 3), max(1, small.height * 2 // 3)))
