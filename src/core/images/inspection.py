"""Inspects input images by their headers, without decoding them."""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import imagesize

from core.errors import InvalidRequest
from core.images.model import NotAnImage, content_type_of

# Source: OpenAI Images API, `image` of POST /images/edits (less than 50 MB each).
MAX_BYTES = 50 * 1024 * 1024
# A small file can claim dimensions that no memory holds; no useful image comes near these limits.
MAX_PIXELS = 100_000_000
MAX_EDGE = 30_000
# How much is searched for dimensions and orientation. Most files have them in the first 64 KiB, but a JPEG can have
# megabytes of metadata before them, and a WebP has its orientation after its pixels.
MAX_HEADER_BYTES = 4 * 1024 * 1024

# Segments and chunks before that. Files have a few, photos with large profiles some hundreds; each costs time.
MAX_BLOCKS = 10_000

_ALLOWED = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP"}
_EXPECTED = (
    f"PNG, JPEG and WebP images of less than {MAX_BYTES // 2**20} MB are accepted; convert HEIC, AVIF, TIFF and other "
    "formats first."
)
_ORIENTATION = 0x0112
_ROTATED_BY_90_DEGREES = frozenset({5, 6, 7, 8})
# Markers of JPEG (ITU-T T.81, table B.1). Any number of 0xff may stand before one.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_APP1 = 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_PIXELS = frozenset({0xD9, 0xDA})
# What imagesize raises for corrupt headers.
_CORRUPT = (ValueError, OSError, struct.error)


class HeaderIncomplete(Exception):
    """The bytes are the beginning of an image, but do not reach its dimensions: read more of it."""


@dataclass(frozen=True)
class Inspected:
    """An input image. `size` in bytes; dimensions in pixels, as stored and upright (with the EXIF orientation applied).

    A mask must have the stored dimensions, a markup the upright ones.
    """

    content_type: str
    extension: str
    size: int
    width: int
    height: int
    upright_width: int
    upright_height: int

    @property
    def dimensions(self) -> str:
        """The dimensions for messages. People see an image upright, and programs often as it is stored."""
        stored, shown = f"{self.width}x{self.height}", f"{self.upright_width}x{self.upright_height}"
        if stored == shown:
            return f"{stored} pixels"
        return f"stored as {stored}, shown as {shown} (EXIF orientation)"


def inspect(data: bytes, *, name: str, param: str, size: int | None = None) -> Inspected:
    """Check an input image by its magic bytes and header.

    Args:
        data: the image, or its beginning; at most MAX_HEADER_BYTES are read.
        name: what messages call it, for example "image 2".
        param: the parameter it was sent in.
        size: bytes of the whole image; the length of `data` by default.

    Raises:
        InvalidRequest: it is empty (code empty_image_file), has too many bytes (image_file_too_large) or pixels
            (image_too_large), is not an image (invalid_image_file), or has a format that cannot be edited
            (unsupported_image_media_type).
        HeaderIncomplete: `data` is only the beginning of the image, and too short.
    """
    size = len(data) if size is None else size
    data = data[:MAX_HEADER_BYTES]
    check_size(size, name=name, param=param)
    try:
        content_type, extension = content_type_of(data)
    except NotAnImage:
        raise InvalidRequest(
            f"The file for {name} is not an image, or is corrupt. {_EXPECTED}",
            param=param,
            code="invalid_image_file",
        ) from None
    if content_type not in _ALLOWED:
        raise InvalidRequest(
            f"The file for {name} is {content_type}, which cannot be edited. {_EXPECTED}",
            param=param,
            code="unsupported_image_media_type",
        )
    width, height = _dimensions(data, content_type)
    if width <= 0 or height <= 0:
        if len(data) < min(size, MAX_HEADER_BYTES):
            raise HeaderIncomplete
        raise InvalidRequest(
            f"The file for {name} looks like {_ALLOWED[content_type]}, but its header is corrupt. {_EXPECTED}",
            param=param,
            code="invalid_image_file",
        )
    upright = (height, width) if _orientation(data, content_type) in _ROTATED_BY_90_DEGREES else (width, height)
    inspected = Inspected(content_type, extension, size, width, height, *upright)
    if max(width, height) > MAX_EDGE or width * height > MAX_PIXELS:
        raise InvalidRequest(
            f"The file for {name} is {inspected.dimensions}. The limits are at most {MAX_PIXELS} pixels in total "
            f"and {MAX_EDGE} on an edge; scale it down first.",
            param=param,
            code="image_too_large",
        )
    return inspected


def check_size(size: int, *, name: str, param: str) -> None:
    """Check the size of a whole image before any of it is read.

    Raises:
        InvalidRequest: it is empty, or too large.
    """
    if not size:
        raise InvalidRequest(f"The file for {name} is empty. {_EXPECTED}", param=param, code="empty_image_file")
    if size >= MAX_BYTES:
        raise InvalidRequest(
            f"The file for {name} has {size} bytes. {_EXPECTED}", param=param, code="image_file_too_large"
        )


def _dimensions(data: bytes, content_type: str) -> tuple[int, int]:
    """Width and height in pixels; zeros if the bytes do not reach or have them."""
    if content_type == "image/jpeg":
        for marker, start, length in islice(_jpeg_segments(data), MAX_BLOCKS):
            if marker in _FRAMES and length >= 6 and start + 6 <= len(data):
                height, width = struct.unpack_from(">xHH", data, start)
                return width, height
        return 0, 0
    try:
        width, height = imagesize.get(io.BytesIO(data), exif_rotation=False)
    except _CORRUPT:
        return 0, 0
    return width, height


def _orientation(data: bytes, content_type: str) -> int:
    """The EXIF orientation; 1 (upright) if the bytes have none."""
    if content_type == "image/jpeg":
        exifs = (
            data[start + 6 : start + length]
            for marker, start, length in islice(_jpeg_segments(data), MAX_BLOCKS)
            if marker == _APP1 and data.startswith(b"Exif\0\0", start)
        )
        return _orientation_of_exif(next(exifs, b""))
    chunks = _png_chunks(data) if content_type == "image/png" else _webp_chunks(data)
    for kind, start, length in islice(chunks, MAX_BLOCKS):
        if kind in (b"eXIf", b"EXIF"):
            return _orientation_of_exif(data[start : start + length].removeprefix(b"Exif\0\0"))
    return 1


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of each segment before the pixels."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker in _PIXELS:
            return
        if marker in _WITHOUT_LENGTH:
            length = 0
        elif at + 2 > len(data) or (length := int.from_bytes(data[at : at + 2])) < 2:
            return
        yield marker, at + 2, length - 2
        at += length


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of each chunk."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, length
        at += 12 + length  # A checksum follows the data.


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of each chunk."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _orientation_of_exif(exif: bytes) -> int:
    """The orientation in the first directory of a TIFF structure; imagesize reads it only in JPEG files."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}L", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(entries):
            tag, value = struct.unpack_from(f"{order}H6xH", exif, directory + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        pass
    return 1
