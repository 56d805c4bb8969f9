"""Every error code by status, as the tables of docs/http-api.md have them: they are written there and nowhere else."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PAGE = Path(__file__).parents[1] / "docs/http-api.md"

# Headings of the tables.
ANY_CALL = "Any call"
A_BODY = "A body"
A_MODEL = "A model"
A_MODEL_NAME = "The name of a model"
A_PURCHASE = "A purchase"
AN_INPUT = "An input image"
FOR_A_PAGE = "A browser token"
WHAT_IS_THERE = "What is there already"
RETIRED = "What is retired"
THE_JOB = "The job"
THE_GATEWAY = "Before Easel is reached"


@dataclass(frozen=True)
class ErrorCode:
    """A row: `status` is one as in "400" or a range as in "4XX"."""

    status: str
    code: str
    when: str


@cache
def error_codes() -> dict[str, list[ErrorCode]]:
    """The rows of each table, by its heading."""
    chapter = _PAGE.read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
    found: dict[str, list[ErrorCode]] = {}
    for section in chapter.split("\n### ")[1:]:
        rows = re.findall(r"^\| (\d\w\w) \| (.*?) \|(?:.*\|)? (.*) \|$", section, re.MULTILINE)
        found[section.partition("\n")[0]] = [
            ErrorCode(status.upper(), code, when)
            for status, codes, when in rows
            for code in re.findall(r"`(\w+)`", codes)
        ]
    return found


def errors_of(headings: tuple[str, ...]) -> dict[str, list[ErrorCode]]:
    """What can go wrong in these respects, by status."""
    found: dict[str, list[ErrorCode]] = {}
    for heading in headings:
        for error in error_codes()[heading]:
            found.setdefault(error.status, []).append(error)
    return dict(sorted(found.items()))
