"""Reads JSON that contains images while it arrives: they are decoded on the way and never held as text.

The text of a 3 MB image is 4 MB of base64 inside JSON; parsing it whole takes several times the memory and CPU. So the
images are cut out of the stream, and the rest is parsed as ordinary, small JSON.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pybase64

from core.providers import InDoubt

_LONGEST_START = 64
_LONGEST_ESCAPE = len(b"\\u002f")
_DECODE_AT = 64 * 1024


class BrokenBody(Exception):
    """The body is truncated, is not JSON, or contains invalid base64."""


@dataclass(frozen=True)
class ParsedBody:
    """The JSON of a body, in which each image's text is replaced by the image's index in `images`."""

    document: dict[str, Any]
    images: tuple[bytes | bytearray, ...]


def starts_after(*path: str) -> re.Pattern[bytes]:
    """Where an image starts: after the name of its member and what else opens before it, such as a list's bracket.

    In JSON text a quote inside a string is escaped, so a quoted name with a colon can only be that of a member.
    """
    name, *opening = path
    return re.compile(
        rb"\s*".join(map(re.escape, (f'"{name}"'.encode(), b":", *(each.encode() for each in opening), b'"')))
    )


@dataclass
class ImagesBody:
    """Takes a body chunk by chunk; `parse` returns what it contained. `start` is where images start."""

    start: re.Pattern[bytes]
    _rest: bytearray = field(default_factory=bytearray)
    _pending: bytes = b""
    _images: list[bytearray] = field(default_factory=list)
    _inside: bool = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            BrokenBody: invalid base64.
        """
        self._pending += chunk
        while self._take_image() if self._inside else self._take_rest():
            pass

    def parse(self) -> ParsedBody:
        """The whole body.

        Raises:
            BrokenBody: it ended too early, or is not a JSON object.
        """
        if self._inside:
            raise BrokenBody("the body ends inside an image")
        try:
            document = json.loads(bytes(self._rest) + self._pending)
        except ValueError:
            raise BrokenBody("the body is not JSON") from None
        if not isinstance(document, dict):
            raise BrokenBody("the body is not a JSON object")
        return ParsedBody(document, tuple(self._images))

    def _take_rest(self) -> bool:
        """Move what is not an image to the rest; True if an image starts."""
        start = self.start.search(self._pending)
        if start is None:
            # The end of the chunk may cut the start of an image.
            keep = max(0, len(self._pending) - _LONGEST_START)
            self._rest += self._pending[:keep]
            self._pending = self._pending[keep:]
            return False
        self._rest += self._pending[: start.end() - 1] + str(len(self._images)).encode()
        self._pending = self._pending[start.end() :]
        self._images.append(bytearray())
        self._inside = True
        return True

    def _take_image(self) -> bool:
        """Decode what has arrived of the current image; True if it ends."""
        end = self._pending.find(b'"')
        if end < 0:
            if len(self._pending) < _DECODE_AT:
                return False
            # The end of the chunk may cut an escape, and base64 comes in groups of four.
            escape = self._pending.rfind(b"\\", -_LONGEST_ESCAPE)
            text = self._pending[:escape] if escape >= 0 else self._pending
            rest = self._pending[len(text) :]
            text = _unescape(text)
            usable = len(text) - len(text) % 4
            self._decode(text[:usable])
            self._pending = text[usable:] + rest
            return False
        self._decode(_unescape(self._pending[:end]))
        self._pending = self._pending[end + 1 :]
        self._inside = False
        return True

    def _decode(self, text: bytes) -> None:
        try:
            self._images[-1] += pybase64.b64decode(text, validate=True)
        except ValueError:
            raise BrokenBody("an image is not valid base64") from None


def _unescape(text: bytes) -> bytes:
    """JSON text without its escapes; some encoders escape `/` and `+`, which base64 uses."""
    if b"\\" not in text:
        return text
    try:
        return str(json.loads(b'"' + text + b'"')).encode("ascii")
    except ValueError:
        raise BrokenBody("an image is not valid base64") from None


def read_images(chunks: Iterable[bytes], start: re.Pattern[bytes]) -> ParsedBody:
    """A whole body of a provider's answer.

    Raises:
        InDoubt: it is truncated, is not JSON, or contains invalid base64.
    """
    body = ImagesBody(start)
    try:
        for chunk in chunks:
            body.feed(chunk)
        return body.parse()
    except BrokenBody as error:
        raise InDoubt(f"The provider's answer could not be read: {error}.") from None
