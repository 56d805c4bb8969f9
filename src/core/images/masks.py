"""Masks and markups: PNG files that show where to edit. They are the only inputs that Easel decodes."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import InvalidRequest
from core.images.inspection import Inspected, inspect

if TYPE_CHECKING:
    from PIL.Image import Image

# Source: OpenAI Images API, `mask` of POST /images/edits (less than 4 MB).
MAX_MASK_BYTES = 4 * 1024 * 1024
# Decoding and converting take up to 12 bytes per pixel, and a function has 512 MB. 24-megapixel photos fit.
MAX_DECODED_PIXELS = 25_000_000

# A mask without transparency counts as black and white if no pixel has more colour than _MAX_TINT, both black (up to
# _BLACK) and white (from _WHITE) occur, and at most _MAX_BETWEEN of all pixels are between them. That allows soft edges
# and JPEG artefacts, but not a photo.
_BLACK = 16
_WHITE = 239
_MAX_TINT = 16
_MAX_BETWEEN = 0.10

MASK_CONVERTED = (
    "The mask was black and white, without transparency. It was converted: black is edited (made transparent), "
    "white is kept (made opaque)."
)
_MASK_EXPECTED = (
    "A mask is a PNG of less than 4 MB with the dimensions of the first image and an alpha channel: transparent "
    "(alpha 0) where the image is to be edited, opaque where it is kept. To make one, erase that area in a copy of "
    "the image and save it as PNG. A black and white PNG is converted: black is edited, white is kept."
)
_MARKUP_EXPECTED = (
    "A markup is a PNG with the upright dimensions of the first image, with something drawn on it and transparent "
    "everywhere else."
)


@dataclass(frozen=True)
class Mask:
    """A mask as the provider accepts it. `converted`: it was black and white; see MASK_CONVERTED."""

    data: bytes
    converted: bool


def prepare_mask(data: bytes, first: Inspected) -> Mask:
    """Check a mask against the stored dimensions of the first image, and convert a black and white one.

    Black becomes transparent, where the image is edited; white becomes opaque; soft edges stay soft. This is OpenAI's
    own recipe for a black and white image: its brightness becomes its alpha.

    Raises:
        InvalidRequest: it is not a valid mask; the message says how to make one.
    """
    if len(data) >= MAX_MASK_BYTES:
        raise InvalidRequest(
            f"The mask has {len(data)} bytes. {_MASK_EXPECTED}", param="mask", code="image_file_too_large"
        )
    inspected = inspect(data, name="the mask", param="mask")
    if inspected.content_type != "image/png":
        raise _invalid_mask(f"The mask is {inspected.content_type}, not PNG.")
    if (inspected.width, inspected.height) != (first.width, first.height):
        raise _invalid_mask(
            f"The mask is {inspected.dimensions}; the first image is {first.dimensions}.{_turned(first)}"
        )
    image = _decode(data, inspected, "mask")
    alpha = _alpha(image)
    if alpha is not None and _has_transparency(alpha):
        return Mask(data, converted=False)
    grey = _black_and_white(image)
    if grey is None:
        fault = "has no alpha channel" if alpha is None else "is fully opaque, so it edits nothing"
        raise _invalid_mask(f"The mask {fault}, and it is not black and white.")
    converted = _with_alpha(grey)
    if len(converted) >= MAX_MASK_BYTES:
        raise _invalid_mask("The black and white mask is too large after conversion.")
    return Mask(converted, converted=True)


def white_where_edited(mask: bytes) -> bytes:
    """A checked mask in the other convention: a grey PNG, white where the image is edited, black where it is kept."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - see _decode

    with Image.open(io.BytesIO(mask), formats=["PNG"]) as image:
        alpha = image.convert("RGBA").getchannel("A")
    file = io.BytesIO()
    ImageChops.invert(alpha).save(file, "PNG", compress_level=1)
    return file.getvalue()


def check_markup(data: bytes, first: Inspected) -> None:
    """Check a markup against the upright dimensions of the first image.

    Raises:
        InvalidRequest: it is not a valid markup; the message says what is expected.
    """
    inspected = inspect(data, name="the markup", param="markup")
    if inspected.content_type != "image/png":
        raise _invalid_markup(f"The markup is {inspected.content_type}, not PNG.")
    if (inspected.upright_width, inspected.upright_height) != (first.upright_width, first.upright_height):
        raise _invalid_markup(f"The markup is {inspected.dimensions}; the first image is {first.dimensions}.")
    alpha = _alpha(_decode(data, inspected, "markup"))
    if alpha is None or not _has_transparency(alpha):
        raise _invalid_markup("The markup has no transparent pixels.")


def _turned(image: Inspected) -> str:
    """What to do about a mask that was painted on what people see of a photo."""
    if (image.width, image.height) == (image.upright_width, image.upright_height):
        return ""
    return f" The mask must be {image.width}x{image.height}; or save the image upright, without its EXIF orientation."


def _decode(data: bytes, inspected: Inspected, param: str) -> "Image":
    from PIL import Image  # noqa: PLC0415 - takes 40 ms, needed only for masks and markups

    if inspected.width * inspected.height > MAX_DECODED_PIXELS:
        raise InvalidRequest(
            f"The {param} is {inspected.dimensions}; at most {MAX_DECODED_PIXELS} pixels are "
            f"allowed. Scale the image and the {param} down first.",
            param=param,
            code="image_too_large",
        )
    # Whatever Pillow raises. A second header can claim any size.
    corrupt = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
    try:
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        # The header that was inspected must be the one that is decoded.
        if image.size != (inspected.width, inspected.height):
            raise ValueError("two headers")
        image.load()
    except corrupt:
        raise InvalidRequest(
            f"The {param} is a corrupt PNG file. Save it again, or export it from another program.",
            param=param,
            code="invalid_image_file",
        ) from None
    return image


def _alpha(image: "Image") -> "Image | None":
    """The alpha channel, also of images whose palette or a single colour is declared transparent."""
    if "A" in image.getbands():
        return image.getchannel("A")
    return image.convert("RGBA").getchannel("A") if "transparency" in image.info else None


def _has_transparency(alpha: "Image") -> bool:
    return any(alpha.histogram()[:255])


def _black_and_white(image: "Image") -> "Image | None":
    """The image in shades of grey, if it counts as black and white (see the thresholds above)."""
    from PIL import ImageChops  # noqa: PLC0415 - see _decode

    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        return None
    if image.mode == "P":
        image = image.convert("RGBA")
    if image.mode in ("RGB", "RGBA"):
        grey = image.getchannel("G")
        for band in ("R", "B"):
            tint = ImageChops.difference(grey, image.getchannel(band))
            if any(tint.histogram()[_MAX_TINT + 1 :]):
                return None
    else:
        grey = image.convert("L")
    shades = grey.histogram()
    black, white = sum(shades[: _BLACK + 1]), sum(shades[_WHITE:])
    if not black or not white or sum(shades) - black - white > _MAX_BETWEEN * sum(shades):
        return None
    return grey


def _with_alpha(grey: "Image") -> bytes:
    """A PNG that is transparent where the grey image is black."""
    from PIL import Image  # noqa: PLC0415 - see _decode

    opacity = [0 if shade <= _BLACK else 255 if shade >= _WHITE else shade for shade in range(256)]
    nothing = Image.new("L", grey.size)
    file = io.BytesIO()
    Image.merge("RGBA", (nothing, nothing, nothing, grey.point(opacity))).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _invalid_mask(fault: str) -> InvalidRequest:
    return InvalidRequest(f"{fault} {_MASK_EXPECTED}", param="mask", code="invalid_mask_image_format")


def _invalid_markup(fault: str) -> InvalidRequest:
    return InvalidRequest(f"{fault} {_MARKUP_EXPECTED}", param="markup", code="invalid_markup_image")
