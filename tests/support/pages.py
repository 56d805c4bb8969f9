"""The fences of README and docs/: what each is, which are run by a test, and why others are not.

A fence says its language, and, if it is a file, its name: ```json title="src/providers.json". A comment on the line
before it says what else a test has to know:

    <!-- not run: REASON -->      its syntax is checked, nothing more
    <!-- run by: tests/… -->      another test runs it
    <!-- continues -->            a program that goes on where the last one of its language ended
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.processes import ROOT

PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *sorted((ROOT / "docs").rglob("*.md"))]

SHELL = ("sh", "console")
PROGRAMS = ("python", "js")
DATA = ("json", "toml", "yaml")
LANGUAGES = (*SHELL, *PROGRAMS, *DATA, "html", "jsx", "ts", "text")

_OPENING = re.compile(r'(?P<indent> *)```(?P<language>\w*)(?: title="(?P<file>[^"]+)")?')
_MARKER = re.compile(r" *<!-- (?P<kind>not run|run by|continues)(?:: (?P<text>.+))? -->")


@dataclass(frozen=True)
class Fence:
    """A fence of a page; `line` is that of its opening, `file` the name of the file that it shows, if any."""

    page: Path
    line: int
    heading: str
    language: str
    file: str
    text: str
    not_run: str | None = None
    run_by: str | None = None
    continues: bool = False

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether the test of all pages runs it against a stack."""
        return (self.language in SHELL or (self.language in PROGRAMS and not self.file)) and not (
            self.not_run or self.run_by
        )

    @property
    def commands(self) -> str:
        """What a shell executes: all of it, or what follows the prompts of a console."""
        if self.language != "console":
            return self.text
        return "".join(line.removeprefix("$ ") for line in self.text.splitlines(keepends=True) if line[:2] == "$ ")


def fences(page: Path) -> Iterator[Fence]:
    """Those of a page, in its order.

    Raises:
        ValueError: a fence is opened in another way than this module's, is not closed, or a marker is before none.
    """
    heading, marker = "", None
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    for number, line in lines:
        if line.lstrip().startswith("```"):
            opening = _OPENING.fullmatch(line)
            if not opening:
                raise ValueError(f"{page.name}:{number} opens a fence in its own way: {line}")
            found: dict[str, Any] = {marker["kind"].replace(" ", "_"): marker["text"] or True} if marker else {}
            text = "".join(_until_closed(lines, opening["indent"], f"{page.name}:{number}"))
            yield Fence(page, number, heading, opening["language"], opening["file"] or "", text, **found)
        elif marker:
            raise ValueError(f"{page.name}:{number - 1} marks no fence")
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
        marker = _MARKER.fullmatch(line)


def _until_closed(lines: Iterator[tuple[int, str]], indent: str, where: str) -> Iterator[str]:
    for _, line in lines:
        if line == f"{indent}```":
            return
        yield line.removeprefix(indent) + "\n"
    raise ValueError(f"{where} is not closed")


def files(page: str) -> list[Fence]:
    """The fences of a page in docs/ that show a file."""
    return [fence for fence in fences(ROOT / "docs" / page) if fence.file]


def file_in(page: str, heading: str) -> Fence:
    """The only one under a heading."""
    (found,) = (fence for fence in files(page) if fence.heading == heading)
    return found


def program_in(page: str, language: str, file: str = "") -> str:
    """The text of the only fence in that language that another test runs, or of the file of that name."""
    (found,) = (
        fence
        for fence in fences(ROOT / "docs" / page)
        if fence.language == language and (fence.file == file if file else fence.run_by)
    )
    return found.text
