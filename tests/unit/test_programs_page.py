"""The page about other people's programs lists those that are tested."""

from pathlib import Path

from tests.clients.table import PROGRAMS

PAGE = Path(__file__).parents[2] / "docs/programs.md"
HEAD = "| program | tested as | `--answers` | edits |\n|---|---|---|---|\n"


def test_the_page_lists_the_programs_that_are_tested() -> None:
    cells = (
        (each.name, "published" if each.real else "rebuilt", f"`{each.answers}`", "yes" if each.edits else "")
        for each in PROGRAMS
    )
    rows = "".join(f"| {' | '.join(row)} |\n" for row in cells)
    _, _, rest = PAGE.read_text().partition("<!-- programs -->\n")
    shown, _, _ = rest.partition("<!-- /programs -->")
    assert shown == HEAD + rows
