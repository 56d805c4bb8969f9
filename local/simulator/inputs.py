"""Input images: read from their source, and checked by their bytes."""

import base64
import binascii
import io
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from local.simulator import errors
from local.simulator.catalog import DATA_URL_MAX_CHARS, IMAGE_MAX_BYTES, MASK_MAX_BYTES
from local.simulator.errors import ApiError

_FORMATS = ("PNG", "WEBP", "JPEG")
_FETCH_SECONDS = 10.0


@dataclass(frozen=True)
class Source:
    """The source of an input image: its bytes, a URL, or the id of an uploaded file."""

    param: str
    data: bytes | None = None
    url: str | None = None
    file_id: str | None = None

    def read(self) -> bytes:
        """The bytes of the image; raises ApiError if they cannot be read."""
        if self.data is not None:
            return self.data
        if self.url is None:
            raise ApiError(
                400,
                f"The file '{str(self.file_id)[:100]}' was not found.",
                param=self.param,
                code="image_file_not_found",
            )
        scheme = self.url.split(":", 1)[0].lower()
        if scheme == "data":
            return self._decode(self.url)
        if scheme in ("http", "https"):
            return self._download(self.url)
        raise self._bad_url()

    def _bad_url(self) -> ApiError:
        message = "Expected a fully qualified https URL or a base64-encoded data URL."
        return ApiError(400, message, param=self.param, code="invalid_image_url")

    def _decode(self, url: str) -> bytes:
        head, comma, text = url.partition(",")
        if not comma or not head.endswith(";base64"):
            raise self._bad_url()
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ApiError(
                400,
                "Invalid base64 image_url.",
                param=self.param,
                code="invalid_base64_image",
            ) from None

    def _download(self, url: str) -> bytes:
        try:
            with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - http only, see read
                data: bytes = answer.read(IMAGE_MAX_BYTES + 1)
        except (OSError, ValueError):
            raise ApiError(
                400,
                "Failed to download the image.",
                param=self.param,
                code="failed_to_download_image",
            ) from None
        return data


def references(items: Any) -> list[Source]:
    """The `images` of a JSON body; raises ApiError unless each names exactly one source."""
    if not isinstance(items, list):
        raise errors.wrong_type("images", "array", items)
    return [reference(f"images[{i}]", item) for i, item in enumerate(items)]


def reference(param: str, value: Any) -> Source:
    """An image of a JSON body, named by exactly one of `image_url` and `file_id`."""
    if not isinstance(value, dict):
        raise errors.wrong_type(param, "object", value)
    for key, item in value.items():
        if key not in ("image_url", "file_id"):
            raise errors.unknown(f"{param}.{key}")
        if not isinstance(item, str):
            raise errors.wrong_type(f"{param}.{key}", "string", item)
    if len(value) != 1:
        raise errors.conflict(f"Invalid '{param}': exactly one of 'image_url' and 'file_id' must be given.", param)
    url = value.get("image_url")
    if url is not None and len(url) > DATA_URL_MAX_CHARS:
        raise errors.too_long(f"{param}.image_url", "string", DATA_URL_MAX_CHARS, len(url))
    return Source(param, url=url, file_id=value.get("file_id"))


def open_images(sources: list[Source], *, square_png: bool) -> tuple[Image.Image, ...]:
    """Decode the images to edit; `square_png` requires what DALL-E 2 required."""
    return tuple(_open(source, i, square_png) for i, source in enumerate(sources, 1))


def _open(source: Source, number: int, square_png: bool) -> Image.Image:
    image = _decode(source, number, MASK_MAX_BYTES if square_png else IMAGE_MAX_BYTES)
    if square_png and (image.format != "PNG" or image.width != image.height):
        raise errors.refused(
            "Uploaded image must be a square PNG and less than 4 MB.",
            source.param,
            "invalid_image_format",
        )
    return image


def open_mask(source: Source, first: Image.Image) -> Image.Image:
    """Decode a mask: a PNG under 4 MB with alpha, of the size of the first image."""
    mask = _decode(source, None, MASK_MAX_BYTES)
    if mask.format != "PNG":
        raise errors.refused("Invalid mask: it must be a PNG image.", "mask", "invalid_image_format")
    if not _has_alpha(mask):
        raise errors.refused(
            "Invalid mask image format - mask image missing alpha channel.",
            "mask",
            "invalid_mask_image_format",
        )
    if mask.size != first.size:
        raise errors.refused(
            "Invalid mask image format - mask size does not match image size.",
            "mask",
            "invalid_mask_image_format",
        )
    return mask.convert("RGBA")


def open_markup(source: Source, first: Image.Image) -> Image.Image:
    """Decode a markup: a PNG with transparent pixels, of the size of the first image as displayed."""
    markup = _decode(source, None, IMAGE_MAX_BYTES)
    converted = markup.convert("RGBA")
    min_alpha = converted.getchannel("A").getextrema()[0]
    if markup.format != "PNG" or not _has_alpha(markup) or min_alpha == 255:
        raise errors.refused(
            "Invalid markup: it must be a PNG image with transparent pixels.",
            "markup",
            "invalid_markup_image",
        )
    if converted.size != upright(first).size:
        raise errors.refused(
            "Invalid markup: its size does not match the first image.",
            "markup",
            "invalid_markup_image",
        )
    return converted


def upright(image: Image.Image) -> Image.Image:
    """The image as displayed: with its EXIF orientation applied."""
    return ImageOps.exif_transpose(image)


def _decode(source: Source, number: int | None, limit: int) -> Image.Image:
    data = source.read()
    what = source.param if number is None else f"image {number}"
    if not data:
        raise errors.refused(f"The file for {what} is empty.", source.param, "empty_image_file")
    if len(data) >= limit:
        raise errors.refused(
            f"The file for {what} is too large: it must be less than {limit // 2**20} MB.",
            source.param,
            "image_file_too_large",
        )
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise errors.refused(
            f"Invalid image file or mode for {what}, please check your image file.",
            source.param,
            "invalid_image_file",
        ) from None
    return image


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info
