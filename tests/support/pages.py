"""The code blocks of a page in docs/ that say which file they belong to: ```json src/core/catalog/openai.json"""

import re
from dataclasses import dataclass

from local.processes import ROOT

_BLOCK = re.compile(r"^```(?P<language>\w+) (?P<file>\S+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block with the heading it is under."""

    heading: str
    file: str
    text: str


def blocks(page: str) -> list[Block]:
    """Those of a page, in its order."""
    text = (ROOT / "docs" / page).read_text()
    return [
        Block(re.findall(r"^## (.*)$", text[: found.start()], re.MULTILINE)[-1], found["file"], found["text"])
        for found in _BLOCK.finditer(text)
    ]


def block(page: str, heading: str) -> Block:
    """The only one under a heading."""
    (found,) = (each for each in blocks(page) if each.heading == heading)
    return found
