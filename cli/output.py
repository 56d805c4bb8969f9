"""Everything that the commands print. What callers wrote is stored: it must not steer the operator's terminal.

Results go to standard output, everything else to standard error, so that a script reads exactly the result.
"""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from core.ledger.dollars import usd

# An API key, a browser token or access token (a JWT), a secret of webhooks, an OpenAI key.
_SECRET = re.compile(r"ek_[\w-]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]*|whsec_[\w+/=-]+|sk-[\w-]{20,}", re.ASCII)
# Characters without a shape of their own that str.isprintable() accepts: fillers and variation selectors.
# Source: Unicode, Default_Ignorable_Code_Point.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# A pipe has no width: a table that goes into one is never cut or folded.
_UNLIMITED = 100_000


@dataclass(frozen=True)
class Table:
    """Rows under headings; None is shown as a dash.

    Columns in `numbers` are aligned to the right, and so are those in `money`, of whole micro-dollars, which are shown
    in dollars with equally many decimals.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    numbers: Sequence[str] = ()
    money: Sequence[str] = ()

    def texts(self) -> Iterable[list[str]]:
        """The rows as they are shown."""
        columns = [self._column(heading, [row[at] for row in self.rows]) for at, heading in enumerate(self.headings)]
        return (list(row) for row in zip(*columns, strict=True))

    def _column(self, heading: str, cells: list[Any]) -> list[str]:
        amounts = [usd(cell) for cell in cells if heading in self.money and isinstance(cell, int)]
        decimals = max((len(amount.partition(".")[2]) for amount in amounts), default=0)
        return [_text(cell, decimals) for cell in cells]


class Result:
    """What a command found or did: a document for --json, and lines and tables for people.

    With a `failure`, the command fails after it has shown these: it found what it was asked to look for.
    """

    def __init__(self, document: Any, *text: str | Table, failure: str | None = None) -> None:
        self.document, self.text, self.failure = document, text, failure


def csv_lines(table: Table) -> Iterable[str]:
    """A table as lines of CSV, with amounts in dollars without a sign, for spreadsheets.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="")
    for row in ([heading.lower() for heading in table.headings], *table.rows):
        file.seek(0)
        file.truncate()
        writer.writerow(
            _cell_of_csv(heading in table.money, cell) for heading, cell in zip(table.headings, row, strict=True)
        )
        yield file.getvalue()


def visible(text: str) -> str:
    """One line of text in which a terminal shows all there is.

    Control characters and line breaks are spelled out, and so is what reorders or hides the text around it.
    """
    return "".join(char if char.isprintable() and not _INVISIBLE.match(char) else _spelled(char) for char in text)


def show(*lines: str) -> None:
    """Print lines; a break inside one is spelled out."""
    for line in lines:
        print(visible(line))


def show_result(result: Result, *, as_json: bool) -> None:
    """Print what a command returned."""
    if as_json:
        show_json(result.document)
    else:
        for part in result.text:
            if isinstance(part, Table):
                show_table(part)
            else:
                show(part)
    if result.failure:
        show_failure(result.failure)


def show_again(result: Result, *, as_json: bool) -> None:
    """Print what a command returned, on a terminal in place of what is there, elsewhere below it."""
    from rich.console import Console

    Console().clear()  # does nothing elsewhere
    show_result(result, as_json=as_json)
    sys.stdout.flush()


def show_json(document: Any) -> None:
    """Print a document as JSON in ASCII, which is exact and harmless."""
    print(json.dumps(document).replace("\x7f", "\\u007f"))


def show_table(table: Table) -> None:
    """Print a table: as wide as the terminal, in which long cells are folded, or as wide as it needs to be."""
    from rich import table as rich
    from rich.console import Console
    from rich.text import Text

    drawn = rich.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in table.headings:
        right = heading in table.numbers or heading in table.money
        drawn.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in table.texts():
        drawn.add_row(*(Text(visible(cell)) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_UNLIMITED)
    with console.capture() as captured:
        console.print(drawn)
    for line in captured.get().splitlines():
        print(line.rstrip())


def when(seconds: int | None, otherwise: str = "-") -> str:
    """A time in Unix seconds as people read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ") if seconds else otherwise


def progress[Item](items: Sequence[Item], what: str) -> Iterator[Item]:
    """Go through items, with a bar on standard error if that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, description=what, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show that something takes a while, on standard error if that is a terminal; call it to say how far it is."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(Text(visible(what))) as status:
        yield lambda text: status.update(Text(visible(text)))


def show_note(text: str) -> None:
    """Print what is worth knowing beside the result, on one line of standard error."""
    print(visible(text), file=sys.stderr)


def show_warning(text: str) -> None:
    """Print what the operator may not expect, on one line of standard error."""
    print(f"easel: warning: {visible(text)}", file=sys.stderr)


def show_failure(*why: str) -> None:
    """Print why a command failed, each reason on one line of standard error.

    A failure repeats what was given, which may be a secret in place of its id; terminals and CI keep what they show.
    """
    for line in why:
        print(f"easel: {_SECRET.sub('[a secret, not shown]', visible(line))}", file=sys.stderr)


def close(stream: TextIO) -> None:
    """Let what is still buffered for a reader that went away go nowhere, or Python complains when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _text(cell: Any, decimals: int) -> str:
    if cell is None:
        return "-"
    if decimals and isinstance(cell, int):
        dollars, _, cents = usd(cell).partition(".")
        return f"{dollars}.{cents:0<{decimals}}"
    return str(cell)


def _cell_of_csv(is_money: bool, cell: Any) -> Any:
    if is_money and isinstance(cell, int):
        return f"{'-' if cell < 0 else ''}{abs(cell) // 1_000_000}.{abs(cell) % 1_000_000:06d}"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
