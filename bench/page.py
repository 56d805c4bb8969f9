"""Puts what `python -m bench` measured into docs/performance.md, with charts: python -m bench.page, in .venv-bench.

The page has a place for each part, between two comments; what is between them is replaced.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.tables import Table, load

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "out/bench"
PAGE = ROOT / "docs/performance.md"
START, END = "<!-- measured by make bench: {} -->", "<!-- measured: end -->"
OURS, OTHERS, FLOOR = "#7a5cff", "#b8bcc8", "#5d6472"

Bars = Sequence[tuple[str, float, str]]


def main() -> None:
    """Take over each part that has been measured."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})
    page = PAGE.read_text()
    for file in sorted(MEASURED.glob("*.json")):
        part, tables = file.stem, load(file)
        shown = [table.text() for table in tables]
        if part in CHARTS:
            chart = PAGE.parent / f"images/performance-{part}.png"
            what, draw = CHARTS[part]
            figure = Figure(figsize=(7.2, 3.0), layout="constrained")
            draw(figure, tables[0])
            figure.savefig(chart, dpi=110, metadata={"Software": None})
            shown.insert(0, f"![{what}](images/{chart.name})")
        before, start, rest = page.partition(START.format(part))
        _, end, after = rest.partition(END)
        page = "".join((before, start, "\n\n", "\n\n".join(shown), "\n\n", end, after)) if start else page
    PAGE.write_text(page)


def _cold(figure: Figure, table: Table) -> None:
    names = {
        "ApiFunction": "Easel: HTTP API",
        "WorkerFunction": "Easel: worker, first image stored",
        "McpFunction": "Easel: MCP, tools listed",
        "FastAPI + Mangum": "FastAPI + Mangum, nothing to do",
        "naive: accept": "naive: HTTP API",
        "naive: purchase": "naive: worker",
        "naive: tools": "naive: MCP",
        "ancestor's set": "ancestor: import only",
    }
    rows = _rows(table)
    bars = [(shown, _number(rows[name], 1), OURS if "Easel" in shown else OTHERS) for name, shown in names.items()]
    _draw(figure.subplots(), bars, "ms of CPU from the start of the process to the first answer")


def _path(figure: Figure, table: Table) -> None:
    for axes, case in zip(figure.subplots(1, 2), ("1 x 3 MB", "10 x 4 MB"), strict=True):
        rows = {str(row[1]): row for row in table.rows if row[0] == case}
        shown = [
            ("floor: raw sockets", _number(rows["floor"], 2), FLOOR),
            ("Easel", _number(rows["Easel"], 2), OURS),
            ("Easel, with its books", _number(rows["Easel"], 4), OURS),
            ("naive", _number(rows["naive"], 2), OTHERS),
        ]
        _draw(axes, shown, f"ms of CPU, {case}")


def _gateway(figure: Figure, table: Table) -> None:
    rows = _rows(table)
    for axes, (column, label) in zip(
        figure.subplots(1, 2), ((1, "ms of CPU for an image"), (4, "peak MB")), strict=True
    ):
        bars = [(name, _number(row, column), OURS if name == "Easel" else OTHERS) for name, row in rows.items()]
        _draw(axes, bars, label)


def _doors(figure: Figure, table: Table) -> None:
    for axes, seconds in zip(figure.subplots(1, 2), ("0 s", "5 s"), strict=True):
        rows = [row for row in table.rows if row[0] == seconds]
        _draw(axes, [(str(row[1]), _number(row, 2), OURS) for row in rows], f"ms added to a provider of {seconds}, p50")


def _draw(axes: Axes, bars: Bars, label: str) -> None:
    names, values, colors = zip(*bars, strict=True)
    drawn = axes.barh(names, values, color=colors, height=0.65)
    axes.bar_label(drawn, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.margins(x=0.12)


def _rows(table: Table) -> Mapping[str, list[str | float | None]]:
    return {str(row[0]): row for row in table.rows}


def _number(row: Sequence[str | float | None], column: int) -> float:
    return float(row[column] or 0)


CHARTS = {
    "cold": ("CPU time of cold starts: Easel's functions, and what they are compared with", _cold),
    "path": ("CPU time of the data path: raw sockets, Easel with and without its books, and the naive way", _path),
    "gateway": ("CPU time and memory of Easel, LiteLLM's proxy and a pass-through", _gateway),
    "doors": ("What each door adds to the provider's time", _doors),
}

if __name__ == "__main__":
    main()
