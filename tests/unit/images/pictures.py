"""Small pictures in all shapes, and pieces of PNG files that no encoder writes."""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

from PIL import Image

from tests.support.pictures import encoded

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(format: str = "PNG", size: tuple[int, int] = (40, 20), orientation: int | None = None) -> bytes:
    """A picture of one colour; `orientation` as EXIF has it."""
    options: Mapping[str, Any] = {}
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"exif": exif}
    return encoded(Image.new("RGB", size, "teal"), format, **options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims these dimensions; some 60 bytes."""
    return PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"")
