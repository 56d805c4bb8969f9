"""Files whose headers lie or never end."""

import struct
import zlib
from collections.abc import Callable
from functools import cache

_PNG = b"\x89PNG\r\n\x1a\n"
_SOF = b"\xff\xc0\x00\x11\x08\x00\x30\x00\x40\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
_BYTES = 2_500_000


def _chunk(kind: bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _header(width: int = 64, height: int = 48, *, depth: int = 8, colour: int = 6) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def _pixels(width: int = 64, height: int = 48, *, bytes_per_pixel: int = 4) -> bytes:
    return _chunk(b"IDAT", _compressed(height * (1 + width * bytes_per_pixel)))


_END = _chunk(b"IEND")


def _png(*chunks: bytes) -> bytes:
    return _PNG + b"".join(chunks) + _END


@cache
def _compressed(zeros: int) -> bytes:
    """So many zeros, a thousandth as long."""
    return zlib.compress(bytes(zeros), 9)


def _exif_of_many_entries() -> bytes:
    return b"MM\0*\0\0\0\x08\xff\xff" + bytes(12 * 65535)


def _jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments)


def _webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_VP8X = b"VP8X\x0a\0\0\0\x08\0\0\0\x3f\0\0\x2f\0\0"

# PNG files of 64x48 pixels, unless their names say otherwise, so that they also fit as masks of each other.
IMAGES: dict[str, Callable[[], bytes]] = {
    "plain": lambda: _png(_header(), _pixels()),
    "two headers, the second of 40,000 x 40,000": lambda: _png(_header(), _header(40_000, 40_000), _pixels()),
    "two headers, the second of 2 billion pixels each way": lambda: _png(_header(), _header(2**31 - 1, 2**31 - 1)),
    "two headers, the second of no pixels": lambda: _png(_header(), _header(0, 0), _pixels()),
    "a header after the pixels": lambda: _png(_header(), _pixels(), _header(40_000, 40_000)),
    "no pixels": lambda: _png(_header()),
    "too many pixels": lambda: _png(_header(), _pixels(4096, 4096)),
    "a chunk longer than the file": lambda: _PNG + _header() + _chunk(b"IDAT", b"x", length=2**31 - 1),
    "a chunk longer than any file": lambda: _PNG + _header() + _chunk(b"tEXt", b"x", length=2**32 - 1),
    "a chunk of no length": lambda: _PNG + _header() + bytes(_BYTES),
    "200,000 chunks": lambda: _png(_header(), _chunk(b"teXt") * 200_000, _pixels()),
    "200,000 chunks of pixels": lambda: _png(_header(), _chunk(b"IDAT") * 200_000),
    "a compressed text that is 1,000 times as long": lambda: _png(
        _header(), _chunk(b"zTXt", b"a\0\0" + _compressed(200_000_000)), _pixels()
    ),
    "a compressed profile that is 1,000 times as long": lambda: _png(
        _header(), _chunk(b"iCCP", b"a\0\0" + _compressed(200_000_000)), _pixels()
    ),
    "texts that are 1,000 times as long": lambda: _png(
        _header(), _chunk(b"zTXt", b"a\0\0" + _compressed(900_000)) * 1000, _pixels()
    ),
    "an unknown colour type": lambda: _png(_header(colour=5), _pixels()),
    "an unknown depth": lambda: _png(_header(depth=77), _pixels()),
    "a palette without colours": lambda: _png(_header(colour=3), _pixels(bytes_per_pixel=1)),
    "a palette of odd length": lambda: _png(_header(colour=3), _chunk(b"PLTE", b"12345"), _pixels(bytes_per_pixel=1)),
    "a transparency of odd length": lambda: _png(_header(colour=2), _chunk(b"tRNS", b"1"), _pixels(bytes_per_pixel=3)),
    "an animation without frames": lambda: _png(_header(), _chunk(b"acTL", bytes(8)), _pixels()),
    "an animation of 2 billion frames": lambda: _png(
        _header(), _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), _chunk(b"fcTL", bytes(26)), _pixels()
    ),
    "orientation: 65,535 entries": lambda: _png(_header(), _chunk(b"eXIf", _exif_of_many_entries()), _pixels()),
    "orientation: beyond the file": lambda: _png(_header(), _chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"), _pixels()),
    "JPEG: endless markers": lambda: _jpeg(b"\xff\xe2\x00\x02" * (_BYTES // 4)),
    "JPEG: endless markers, then a size": lambda: _jpeg(b"\xff\xe2\x00\x02" * (_BYTES // 4), _SOF),
    "JPEG: endless restarts": lambda: _jpeg(b"\xff\xd0" * (_BYTES // 2), _SOF),
    "JPEG: endless filling": lambda: _jpeg(b"\xff" * _BYTES, _SOF),
    "JPEG: endless rubbish": lambda: _jpeg(b"\xff\xe2\x00\x02", b"x" * _BYTES, _SOF),
    "JPEG: a segment of no length": lambda: _jpeg(b"\xff\xe1\x00\x00", _SOF),
    "JPEG: a segment beyond the file": lambda: _jpeg(b"\xff\xe1\xff\xff", _SOF),
    "JPEG: a size without pixels": lambda: _jpeg(b"\xff\xc0\x00\x11\x08\x00\x00\x00\x00\x03"),
    "JPEG: a size that is cut off": lambda: _jpeg(b"\xff\xc0\x00\x11\x08"),
    "JPEG: a long directory of orientations": lambda: _jpeg(
        *[b"\xff\xe1" + struct.pack(">H", 65_512) + b"Exif\0\0MM\0*\0\0\0\x08\x15\x53" + bytes(12 * 5458)] * 38, _SOF
    ),
    "WebP: endless chunks": lambda: _webp(_VP8X, b"JUNK\0\0\0\0" * (_BYTES // 8)),
    "WebP: a chunk longer than any file": lambda: _webp(_VP8X, b"JUNK\xff\xff\xff\xff"),
    "WebP: cut off": lambda: _webp()[:13],
    "WebP: no pixels": lambda: _webp(b"VP8 \0\0\0\0"),
    "only a signature": lambda: _PNG,
    "nothing": lambda: b"",
    "SVG with entities": lambda: (
        b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><svg>' + b"&b;" * 500_000 + b"</svg>"
    ),
}
