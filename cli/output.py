"""Everything that the commands print. What callers wrote is stored: it must not steer the operator's terminal."""

import json
import re
import sys
from typing import Any

# Characters without a shape of their own that str.isprintable() accepts: fillers and variation selectors.
# Source: Unicode, Default_Ignorable_Code_Point.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def visible(text: str) -> str:
    """One line of text in which a terminal shows all there is.

    Control characters and line breaks are spelled out, and so is what reorders or hides the text around it.
    """
    return "".join(char if char.isprintable() and not _INVISIBLE.match(char) else _spelled(char) for char in text)


def show(*lines: str) -> None:
    """Print lines; a break inside one is spelled out."""
    for line in lines:
        print(visible(line))


def show_json(document: Any) -> None:
    """Print a document as JSON in ASCII, which is exact and harmless."""
    print(json.dumps(document).replace("\x7f", "\\u007f"))


def show_warning(text: str) -> None:
    """Print what the operator may not expect, on one line of standard error."""
    print(f"easel: warning: {visible(text)}", file=sys.stderr)


def show_failure(why: str) -> None:
    """Print why a command failed, on one line of standard error."""
    print(f"easel: {visible(why)}", file=sys.stderr)


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
