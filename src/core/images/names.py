"""What Easel itself calls an image: its id, the permalink and the signed URL of its bytes, and its MCP resource."""

import re

from core.images.model import IMAGE_ID

RESOURCES = "easel://images/"

_EXTENSION = r"(?:\.[a-z]{3,4})?/?"
_certain = re.compile(rf"(?:{RESOURCES}(img_\w+)|({IMAGE_ID})){_EXTENSION}").fullmatch
_url = re.compile(rf"https?://[^?#]*/(?:i|images)/({IMAGE_ID}){_EXTENSION}(?:[?#].*)?").fullmatch


def certain_id(text: str) -> str | None:
    """The id in a name that only Easel gives: the id itself, with or without an extension, or the resource's URI."""
    found = _certain(text.strip())
    return found[1] or found[2] if found else None


def possible_id(text: str) -> str | None:
    """The id in a permalink or a signed URL of an image; also in another host's URL of the same form.

    Whether it is ours, the records decide: an id is 128 random bits, so one that is in them came from our answers.
    """
    found = _url(text.strip())
    return found[1] if found else None
