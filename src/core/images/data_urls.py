"""Data URLs: images that are part of the request."""

import binascii

import pybase64

from core.errors import Hint, InvalidRequest

# Source: OpenAI Images API, `image_url` of POST /images/edits.
MAX_CHARACTERS = 20_971_520

_URL_SAFE_TO_PLAIN = str.maketrans("-_", "+/")
_EXPECTED = "Send data:image/png;base64,… (or image/jpeg, image/webp) without whitespace."


def is_data_url(url: str) -> bool:
    """Whether the URL is a data URL."""
    return url[:5].lower() == "data:"


def decode_data_url(url: str, *, param: str) -> bytes:
    """The bytes in a base64 data URL, in the standard or the URL-safe alphabet, padded or not.

    The media type is ignored: the bytes decide (see `inspection`).

    Raises:
        InvalidRequest: it is not a base64 data URL (code invalid_image_url), its base64 is invalid
            (invalid_base64_image), or it is too long (image_file_too_large).
    """
    if len(url) > MAX_CHARACTERS:
        raise InvalidRequest(
            f"The data URL in '{param}' has {len(url)} characters; at most {MAX_CHARACTERS} are allowed.",
            hint=Hint.CREATE_UPLOAD,
            param=param,
            code="image_file_too_large",
        )
    head, comma, payload = url.partition(",")
    if not is_data_url(url) or not comma or not head.lower().endswith(";base64"):
        raise InvalidRequest(f"'{param}' is not a base64 data URL. {_EXPECTED}", param=param, code="invalid_image_url")
    plain = payload.rstrip("=").translate(_URL_SAFE_TO_PLAIN)
    try:
        return pybase64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: a character beyond ASCII
        raise InvalidRequest(
            f"The base64 in '{param}' is invalid. {_EXPECTED}", param=param, code="invalid_base64_image"
        ) from None
