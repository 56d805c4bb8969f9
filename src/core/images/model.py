"""Images as stored results: their ids and records, and what is read from their bytes."""

import hashlib
import io
import re
import secrets
import struct
from dataclasses import dataclass, field
from typing import Literal, get_args

import imagesize

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF87a", "image/gif", "gif"),
    (b"GIF89a", "image/gif", "gif"),
)

# What the keys of stored images can end with.
_EXTENSIONS = ("png", "jpg", "webp", "gif", "svg")

# Types that browsers only draw. Any other, such as SVG, can run scripts when it is opened as a page.
_DRAWN = {content_type for _, content_type, _ in _SIGNATURES} | {"image/webp"}

# In all formats the dimensions are near the beginning, after at most some metadata.
_HEADER_BYTES = 1024 * 1024


# How an answer has an image: its signed URL, its permalink in that place, or its base64 beside it.
AnswerForm = Literal["url", "link", "b64_json"]
ANSWER_FORMS: tuple[AnswerForm, ...] = get_args(AnswerForm)


class NotAnImage(Exception):
    """The bytes are not an image in a format that Easel stores, or are corrupt."""


@dataclass(frozen=True)
class Purchase:
    """What an image shows of the purchase that made it: the caller's words, what the provider used, and what it cost.

    `cost` is the image's share in micro-dollars, None if it is not known.
    """

    prompt: str
    model: str
    quality: str | None = None
    size: str | None = None
    cost: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """A stored result. `size` in bytes, `width` and `height` in pixels, times in Unix seconds.

    `deleted_at` is set from when its caller deletes it until its bytes are gone; `token_id` is the browser token that
    requested it, if one did. `purchase` is in the record of its own, not in that of its job; None in old records.
    """

    id: str
    caller_id: str
    job_id: str
    key: str
    content_type: str
    width: int
    height: int
    size: int
    sha256: str
    created_at: int
    expires_at: int
    deleted_at: int | None = None
    token_id: str | None = None
    purchase: Purchase | None = None

    @property
    def extension(self) -> str:
        """What the names of files like this one end with, without the dot."""
        return self.key.rpartition(".")[2]

    @property
    def disposition(self) -> str:
        """The header Content-Disposition to serve it with."""
        return disposition_of(self.content_type)

    def gone(self, now: float) -> bool:
        """Whether it was deleted or has expired."""
        return self.deleted_at is not None or self.expires_at <= now


def disposition_of(content_type: str) -> str:
    """The header Content-Disposition for images of a type.

    With `attachment`, a browser saves them instead of running their scripts; an <img> shows them nevertheless.
    """
    return "inline" if content_type in _DRAWN else "attachment"


def new_image_id() -> str:
    """An id that cannot be guessed: 128 random bits, since a permalink needs no key."""
    return "img_" + secrets.token_hex(16)


def image_keys(image_id: str) -> tuple[str, ...]:
    """Where an image of that id can be stored: its type is not known before its bytes are."""
    return tuple(_key(image_id, extension) for extension in _EXTENSIONS)


def _key(image_id: str, extension: str) -> str:
    return f"images/{image_id}.{extension}"


IMAGE_ID = r"img_[0-9a-f]{32}"
_is_image_id = re.compile(IMAGE_ID).fullmatch


def is_image_id(text: str) -> bool:
    """Whether the text has the shape of an image's id, so that nothing else costs a look-up."""
    return _is_image_id(text) is not None


def content_type_of(data: bytes | bytearray) -> tuple[str, str]:
    """MIME type and file extension by magic bytes, whatever the sender claims.

    Raises:
        NotAnImage: the bytes are not PNG, JPEG, WebP, GIF or SVG.
    """
    for signature, content_type, extension in _SIGNATURES:
        if data.startswith(signature):
            return content_type, extension
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", "webp"
    if b"<svg" in data[:1024] and data.lstrip()[:1] == b"<":
        return "image/svg+xml", "svg"
    raise NotAnImage("the bytes are not PNG, JPEG, WebP, GIF or SVG")


@dataclass(frozen=True)
class Header:
    """What the first bytes of an image say; `width` and `height` in pixels."""

    content_type: str
    extension: str
    width: int
    height: int


def read_header(data: bytes | bytearray) -> Header:
    """What an image's bytes say of it.

    Raises:
        NotAnImage: the bytes are not an image, or its header is corrupt.
    """
    content_type, extension = content_type_of(data)
    try:
        width, height = imagesize.get(io.BytesIO(memoryview(data)[:_HEADER_BYTES]), exif_rotation=False)
    except (ValueError, OSError, struct.error) as error:
        raise NotAnImage("the header of the image is corrupt") from error
    if width <= 0 or height <= 0:
        raise NotAnImage("the header of the image is corrupt")
    return Header(content_type, extension, int(width), int(height))


def describe(
    data: bytes | bytearray,
    *,
    image_id: str,
    caller_id: str,
    job_id: str,
    now: int,
    expires_at: int,
    token_id: str | None = None,
) -> Image:
    """The record of an image, read from its bytes.

    Raises:
        NotAnImage: the bytes are not an image, or its header is corrupt.
    """
    header = read_header(data)
    return Image(
        id=image_id,
        caller_id=caller_id,
        job_id=job_id,
        key=_key(image_id, header.extension),
        content_type=header.content_type,
        width=header.width,
        height=header.height,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        created_at=now,
        expires_at=expires_at,
        token_id=token_id,
    )
