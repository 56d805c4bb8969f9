"""Tables of results: printed, kept as JSON for the charts, and judged line by line where there is a goal."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

Cell = str | float | None
# Beside a goal, its margin for what two runs on the same machine differ by would hide a miss; there is none.
MET, MISSED = "met", "missed"


@dataclass
class Table:
    """Rows under a title. The numbers of the columns `lower` have goals: those in `goals`, by the row's name."""

    title: str
    columns: Sequence[str]
    rows: list[list[Cell]] = field(default_factory=list)
    note: str = ""

    def add(self, *cells: Cell) -> None:
        """Add a row; its first cell is its name."""
        self.rows.append(list(cells))

    def judge(self, name: str, value: float, goal: float, before: float | None = None) -> None:
        """Add a row of a table with the columns VERDICTS."""
        self.add(name, value, f"<= {goal:g}", before, MET if value <= goal else MISSED)

    def text(self) -> str:
        """The table in Markdown, aligned."""
        cells = [list(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.note] if self.note else [])])


VERDICTS = ("figure", "now", "goal", "at 62fc92c", "verdict")


def save(tables: Iterable[Table], file: Path) -> None:
    """Keep tables as JSON, and as Markdown beside it."""
    kept = list(tables)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(table) for table in kept], indent=1))
    file.with_suffix(".md").write_text("\n\n".join(table.text() for table in kept) + "\n")


def load(file: Path) -> list[Table]:
    """What `save` kept."""
    return [Table(**table) for table in json.loads(file.read_text())]


def median(values: Iterable[float]) -> float:
    """The median, which a slow moment of the machine does not move."""
    return statistics.median(values)


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
