"""Web origins, which keys and browser tokens can be bound to."""

import re

# As browsers send it (RFC 6454): lower case, no path, no default port.
_WEB_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
NOT_AN_ORIGIN = (
    "is not a valid web origin. Write it as browsers send it: scheme and host in lower case, a port only if it is not "
    "the default, and no path, such as https://shop.example or http://localhost:5173"
)


def is_web_origin(text: str) -> bool:
    """Whether browsers can send this as the header Origin."""
    default_port = ":443" if text.startswith("https") else ":80"
    return _WEB_ORIGIN.fullmatch(text) is not None and not text.endswith(default_port)
