"""Draws what `python -m bench` measured into docs/images: python -m bench.charts, in .venv-bench."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.tables import Table, load

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "out/bench"
IMAGES = ROOT / "docs/images"
OURS, OTHERS, FLOOR = "#7a5cff", "#b8bcc8", "#5d6472"

Bars = Sequence[tuple[str, float, str]]


def main() -> None:
    """Draw each part that has been measured."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})
    for part, draw in DRAWINGS.items():
        file = MEASURED / f"{part}.json"
        if file.exists():
            figure = Figure(figsize=(7.2, 3.0), layout="constrained")
            draw(figure, load(file)[0])
            image = IMAGES / f"performance-{part}.png"
            figure.savefig(image, dpi=110, metadata={"Software": None})
            print(f"drawn: {image.relative_to(ROOT)}")


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


DRAWINGS = {"cold": _cold, "path": _path, "gateway": _gateway, "doors": _doors}

if __name__ == "__main__":
    main()
