"""Reads JSON that contains images while it arrives: they are decoded on the way and never held as text.

The JSON is a whole body, or the data of one server-sent event after the other.

The text of a 3 MB image is 4 MB of base64 inside JSON; parsing it whole takes several times the memory and CPU. So the
images are cut out of the stream, and the rest is parsed as ordinary, small JSON.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pybase64

from core.providers import InDoubt

log = logging.getLogger(__name__)

_LONGEST_START = 64
_LONGEST_ESCAPE = len(b"\\u002f")
_DECODE_AT = 64 * 1024


class BrokenBody(Exception):
    """The body is truncated, is not JSON, or contains invalid base64."""


@dataclass(frozen=True)
class ParsedBody:
    """The JSON of a body, in which each image's text is replaced by the image's index.

    `images` are all of them, unless they were handed over while the body arrived; `count` is how many there were.
    """

    document: dict[str, Any]
    images: tuple[bytes | bytearray, ...]
    count: int


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
    """Takes a body chunk by chunk; `parse` returns what it contained. `start` is where images start.

    Each image is given to `hand_over` when it is complete; without that, they are kept.
    """

    start: re.Pattern[bytes]
    hand_over: Callable[[bytearray], None] | None = None
    _rest: bytearray = field(default_factory=bytearray)
    _held: list[bytes] = field(default_factory=list)
    _held_bytes: int = 0
    _pending: bytes = b""
    _images: list[bytearray] = field(default_factory=list)
    _image: bytearray | None = None
    _count: int = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            BrokenBody: invalid base64.
        """
        # Chunks are of 16 KB, as TLS has them. To look at all that is pending for each one would take longer than TLS.
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._image is not None and self._held_bytes < _DECODE_AT and b'"' not in chunk:
            return
        self._pending = b"".join((self._pending, *self._held))
        self._held, self._held_bytes = [], 0
        while self._take_rest() if self._image is None else self._take_image(self._image):
            pass

    def parse(self) -> ParsedBody:
        """The whole body.

        Raises:
            BrokenBody: it ended too early, or is not a JSON object.
        """
        if self._image is not None:
            raise BrokenBody("the body ends inside an image")
        try:
            document = json.loads(bytes(self._rest) + self._pending)
        except ValueError:
            raise BrokenBody("the body is not JSON") from None
        if not isinstance(document, dict):
            raise BrokenBody("the body is not a JSON object")
        return ParsedBody(document, tuple(self._images), self._count)

    def _take_rest(self) -> bool:
        """Move what is not an image to the rest; True if an image starts."""
        start = self.start.search(self._pending)
        if start is None:
            # The end of the chunk may cut the start of an image.
            keep = max(0, len(self._pending) - _LONGEST_START)
            self._rest += self._pending[:keep]
            self._pending = self._pending[keep:]
            return False
        self._rest += self._pending[: start.end() - 1] + str(self._count).encode()
        self._pending = self._pending[start.end() :]
        self._image = bytearray()
        return True

    def _take_image(self, image: bytearray) -> bool:
        """Decode what has arrived of the current image; True if it ends."""
        end = self._pending.find(b'"')
        if end < 0:
            # The end of the chunk may cut an escape, and base64 comes in groups of four.
            escape = self._pending.rfind(b"\\", -_LONGEST_ESCAPE)
            text = self._pending[:escape] if escape >= 0 else self._pending
            rest = self._pending[len(text) :]
            text = _unescape(text)
            usable = len(text) - len(text) % 4
            _decode(text[:usable], image)
            self._pending = text[usable:] + rest
            return False
        _decode(_unescape(self._pending[:end]), image)
        self._pending = self._pending[end + 1 :]
        self._image = None
        self._count += 1
        (self.hand_over or self._images.append)(image)
        return True


@dataclass
class EventStream:
    """Takes server-sent events chunk by chunk, and gives the JSON of each one's data. `start` is where images start.

    What is not JSON is left out: comments, and data such as `[DONE]`. A broken event is logged and left out, too, since
    a later one may still bring the image that was paid for; `unreadable` says that there was one.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    start: re.Pattern[bytes]
    unreadable: bool = False
    _line: bytes = b""
    _in_data: bool = False
    _after_return: bool = False
    _data: ImagesBody | None = None
    _broken: bool = False

    def feed(self, chunk: bytes) -> Iterator[ParsedBody]:
        """Take the next bytes, and give the events that they complete."""
        if self._after_return and chunk:
            chunk, self._after_return = chunk.removeprefix(b"\n"), False
        place = 0
        # Most chunks are the middle of an image, in which `in` looks ten times as fast as a pattern.
        for end in _LINE_END.finditer(chunk) if b"\n" in chunk or b"\r" in chunk else ():
            self._take(chunk[place : end.start()])
            place = end.end()
            yield from self._end_line()
        self._take(chunk[place:])
        self._after_return = chunk.endswith(b"\r")

    def _take(self, part: bytes) -> None:
        """Take a part of a line, which may go on."""
        if not self._in_data:
            self._line += part
            if not self._line.startswith(_DATA):
                return
            part, self._line, self._in_data = self._line.removeprefix(_DATA), b"", True
        if self._data is None:
            self._data = ImagesBody(self.start)
        if self._broken:
            return
        try:
            self._data.feed(part)
        except BrokenBody:
            self._broken = True

    def _end_line(self) -> Iterator[ParsedBody]:
        """Data can have several lines; an empty line ends its event."""
        blank = not self._line and not self._in_data
        self._line, self._in_data = b"", False
        if not blank or self._data is None:
            return
        data, broken = self._data, self._broken
        self._data, self._broken = None, False
        try:
            if broken:
                raise BrokenBody("an image is not valid base64")
            parsed = data.parse()
        except BrokenBody as error:
            self.unreadable = True
            log.warning("an event of the provider cannot be read", extra={"why": str(error)})
        else:
            yield parsed


_DATA = b"data:"
_LINE_END = re.compile(rb"\r\n|\r|\n")


def _decode(text: bytes, image: bytearray) -> None:
    try:
        image += pybase64.b64decode(text, validate=True)
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


def read_images(
    chunks: Iterable[bytes], start: re.Pattern[bytes], hand_over: Callable[[bytearray], None] | None = None
) -> ParsedBody:
    """A whole body of a provider's answer; see ImagesBody.

    Raises:
        InDoubt: it is truncated, is not JSON, or contains invalid base64.
    """
    body = ImagesBody(start, hand_over)
    try:
        for chunk in chunks:
            body.feed(chunk)
        return body.parse()
    except BrokenBody as error:
        raise InDoubt(f"The provider's answer could not be read: {error}.") from None
