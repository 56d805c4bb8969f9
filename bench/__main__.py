"""Runs the benchmarks: python -m bench [PART...] [--rounds N]; without a part, all of them.

Tables go to standard output and, as JSON and Markdown, into out/bench.
"""

import argparse
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from subprocess import PIPE

from bench.tables import Table, save
from bench.world import World, world
from local.cloud import OUT
from local.processes import ROOT

FOLDER = OUT / "bench"
# Modules with measure(world, rounds) -> tables.
PARTS = ("sizes", "cold", "path", "gateway", "doors", "cost")
# Modules that are programs and print tables of their own: models, which need nothing that runs.
MODELS = ("acceptance",)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS + MODELS)}; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    told = parser.parse_args()
    chosen = told.parts or [*PARTS, *MODELS]
    if unknown := set(chosen) - {*PARTS, *MODELS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if measured := [part for part in chosen if part in PARTS]:
        with world() as running:
            _run(measured, running, told.rounds)
    for model in (part for part in chosen if part in MODELS):
        printed = subprocess.run([sys.executable, "-m", f"bench.{model}"], stdout=PIPE, text=True, check=True).stdout
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{model}.txt").write_text(printed)
        print(printed)


def _run(parts: Sequence[str], running: World, rounds: int) -> None:
    for part in parts:
        before = os.getloadavg()[0]
        tables: list[Table] = importlib.import_module(f"bench.{part}").measure(running, rounds)
        load = f"load {before:.1f} to {os.getloadavg()[0]:.1f}"
        when = f"{date.today()}, {_commit()}: {rounds} rounds on {os.cpu_count()} cores ({platform.machine()}), {load}."
        tables[-1].note = f"{tables[-1].note} {when}".strip()
        save(tables, FOLDER / f"{part}.json")
        print(*(f"{table.text()}\n" for table in tables), sep="\n", flush=True)


def _commit() -> str:
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"commit {git.stdout.strip()}" if git.stdout else "no commit"


if __name__ == "__main__":
    main()
