"""Sizes of the built packages: what Lambda unpacks, and what is uploaded."""

import io
import zipfile
from pathlib import Path

from bench.tables import VERDICTS, Table
from bench.world import BENCH_PYTHON, PACKAGES, PEERS_PYTHON, World, logical_ids

# MB unzipped; the other functions share a goal.
GOALS = {"ApiFunction": 50, "DirectFunction": 50, "WorkerFunction": 27, "ModelCheckFunction": 27, "McpFunction": 60}
GOAL_OF_OTHERS = 22
BEFORE = 81


def measure(world: World, rounds: int) -> list[Table]:  # noqa: ARG001 - files have sizes without a deployment, and once
    """Each function, and the environments it is compared with."""
    table = Table("Packages", ("function", "MB unzipped", "MB zipped", "files"))
    verdicts = Table("Packages against their goals", VERDICTS)
    for name in logical_ids():
        files = [path for path in (PACKAGES / name).rglob("*") if path.is_file()]
        unzipped = _megabytes(files)
        table.add(name, unzipped, _zipped(PACKAGES / name, files), str(len(files)))
        verdicts.judge(f"{name}, MB unzipped", unzipped, GOALS.get(name, GOAL_OF_OTHERS), BEFORE)
    for name, python in (("naive stack, with charts", BENCH_PYTHON), ("LiteLLM's proxy, ancestor's set", PEERS_PYTHON)):
        site = next(python.parents[1].glob("lib/python3*/site-packages"))
        files = [path for path in site.rglob("*") if path.is_file()]
        table.add(name, _megabytes(files), None, str(len(files)))
    return [table, verdicts]


def _megabytes(files: list[Path]) -> float:
    return sum(path.stat().st_size for path in files) / 1e6


def _zipped(folder: Path, files: list[Path]) -> float:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in files:
            zipped.write(path, path.relative_to(folder))
    return len(archive.getvalue()) / 1e6
