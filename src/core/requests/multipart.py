"""Parses forms (multipart/form-data) as OpenAI's SDKs, browsers and curl send them."""

import io
import re
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

from core.errors import InvalidRequest
from core.images.model import NotAnImage, content_type_of

# More than 16 images, a mask, a markup and all text fields of the API together.
MAX_PARTS = 64
# The longest prompt has 32,000 characters of at most 4 bytes. Somewhat longer ones are left to the prompt's own rule.
MAX_TEXT_BYTES = 256 * 1024

_EXPECTED = (
    "Send multipart/form-data with a boundary, as the OpenAI SDKs do: the images as files named 'image' or 'image[]', "
    "everything else as text fields."
)
# The charsets of text fields other than UTF-8 and its part ASCII, as older HTTP clients for Java declare them.
_SINGLE_BYTE = {"iso-8859-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252"}
# RFC 7578 forbids this notation, but older clients send it.
_EXTENDED_FILENAME = re.compile(r"""filename\*\s*=\s*"?(utf-8|iso-8859-1)'[^']*'([^;"\s]+)""", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """A file of a form. `content_type` is what the client claims; "" if it claims nothing."""

    name: str
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Form:
    """The parts of a form in order, each with its name; a name can occur more than once."""

    parts: tuple[tuple[str, str | File], ...]

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The text fields."""
        return tuple((name, part) for name, part in self.parts if isinstance(part, str))

    @property
    def files(self) -> tuple[File, ...]:
        """The files."""
        return tuple(part for _, part in self.parts if isinstance(part, File))


def parse_form(body: bytes, content_type: str) -> Form:
    """The text fields and files of a form.

    A part is a file if it has a file name, if it claims to be an image or raw bytes, or if it is an image. The empty
    part that browsers and others send for an empty file input is ignored.

    Raises:
        InvalidRequest: the body is not a form, or the form is malformed, truncated or too large (code
            invalid_multipart).
    """
    # Imported here, since it takes 10 ms and only forms need it.
    from python_multipart.exceptions import FormParserError  # noqa: PLC0415 - see above
    from python_multipart.multipart import MultipartParser, parse_options_header  # noqa: PLC0415 - see above

    try:
        media_type, options = parse_options_header(content_type)
    except UnicodeEncodeError:
        raise _invalid("The content type of the request is not in Latin-1.") from None
    boundary = options.get(b"boundary")
    if media_type != b"multipart/form-data":
        raise _invalid("The content type of the request is not multipart/form-data.")
    if not boundary:
        raise _invalid("The content type of the request has no boundary.")
    if not body:
        raise _invalid("The request body is empty.")
    reader = _Reader()
    try:
        MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin_part,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_headers_finished": reader.end_headers,
                "on_part_data": reader.data,
                "on_part_end": reader.end_part,
                "on_end": reader.end,
            },
        ).write(_without_preamble(body, boundary))
    except FormParserError:
        raise _invalid("The form in the request body is malformed or does not match its boundary.") from None
    if not reader.complete:
        raise _invalid("The form in the request body is truncated: its closing boundary is missing.")
    return Form(tuple(reader.parts))


def _without_preamble(body: bytes, boundary: bytes) -> bytes:
    """The form without what RFC 2046 allows before its first part, which the parser does not know."""
    delimiter = b"--" + boundary
    begin = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter)
    return body if begin <= 0 else body[begin + 2 :]


@dataclass
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    header: bytes = b""
    name: str = ""
    filename: str | None = None
    content_type: str = ""
    charset: str = "utf-8"
    is_file: bool = False
    # Not a list of pieces: the parser splits at each carriage return.
    content: io.BytesIO = field(default_factory=io.BytesIO)


class _Reader:
    """Collects the parts of a form; each method is a callback of the parser."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str | File]] = []
        self.complete = False
        self._begun = 0
        self._part = _Part()

    def begin_part(self) -> None:
        self._begun += 1
        if self._begun > MAX_PARTS:
            raise _invalid(f"The form has more than {MAX_PARTS} parts.")
        self._part = _Part()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header = data[start:end].lower()

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.headers[self._part.header] = data[start:end]

    def end_headers(self) -> None:
        from python_multipart.multipart import parse_options_header  # noqa: PLC0415 - see parse_form

        part = self._part
        disposition = part.headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or not options.get(b"name"):
            raise _invalid("A part of the form has no name (Content-Disposition: form-data; name=…).")
        part.name = _text(options[b"name"], "The name of a part of the form")
        part.filename = _filename(options, disposition)
        part.content_type = part.headers.get(b"content-type", b"").decode("latin-1").strip()
        part.is_file = part.filename is not None or part.content_type.lower().startswith(
            ("image/", "application/octet-stream")
        )
        _, options = parse_options_header(part.content_type)
        part.charset = options.get(b"charset", b"utf-8").decode("latin-1").lower()
        encoding = part.headers.get(b"content-transfer-encoding", b"binary").strip().lower()
        if encoding not in (b"binary", b"7bit", b"8bit"):
            raise _invalid(f"The part '{part.name[:64]}' has a transfer encoding. Send the bytes unencoded.")

    def data(self, data: bytes, start: int, end: int) -> None:
        self._part.content.write(data[start:end])

    def end_part(self) -> None:
        part = self._part
        data = part.content.getvalue()
        if part.is_file or _is_image(data):
            if data or part.filename:
                self.parts.append((part.name, File(part.name, part.filename or "", part.content_type, data)))
            return
        if len(data) > MAX_TEXT_BYTES:
            raise _invalid(
                f"The text field '{part.name[:64]}' has more than {MAX_TEXT_BYTES} bytes. "
                "If it is an image, send it as a file."
            )
        self.parts.append((part.name, _text(data, f"The text field '{part.name[:64]}'", part.charset)))

    def end(self) -> None:
        self.complete = True


def _filename(options: dict[bytes, bytes], disposition: bytes) -> str | None:
    """The file name, with replacements for what cannot be decoded: it is not interpreted."""
    plain = options.get(b"filename")
    if plain is not None:
        return plain.decode("utf-8", "replace")
    extended = _EXTENDED_FILENAME.search(disposition.decode("latin-1"))
    return unquote(extended[2], encoding=extended[1], errors="replace") if extended else None


def _is_image(data: bytes) -> bool:
    """Whether the bytes of a part without a file name are an image, as PNG, JPEG and WebP begin: text never does."""
    if data[:1].isascii() and not data.startswith(b"RIFF"):
        return False
    with suppress(NotAnImage):
        content_type_of(data[:16])
        return True
    return False


def _text(data: bytes, what: str, charset: str = "utf-8") -> str:
    try:
        return data.decode(_SINGLE_BYTE.get(charset, "utf-8"))
    except UnicodeDecodeError:
        raise _invalid(f"{what} is not UTF-8 text.") from None


def _invalid(fault: str) -> InvalidRequest:
    return InvalidRequest(f"{fault} {_EXPECTED}", code="invalid_multipart")
