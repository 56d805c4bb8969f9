"""Runs the benchmarks: python -m bench [PART...] [--rounds N]; without a part, all of them.

Tables go to standard output and, as JSON and Markdown, into out/bench.
"""

import argparse
import importlib
import os
import platform
from collections.abc import Sequence

from bench.tables import Table, save
from bench.world import World, world
from local.cloud import OUT

FOLDER = OUT / "bench"
# Each is a module with measure(world, rounds) -> tables, in the order of their times.
PARTS = ("sizes", "cold", "path", "gateway", "doors", "cost")


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=9)
    told = parser.parse_args()
    with world() as running:
        _run(told.parts or PARTS, running, told.rounds)


def _run(parts: Sequence[str], running: World, rounds: int) -> None:
    for part in parts:
        before = os.getloadavg()[0]
        tables: list[Table] = importlib.import_module(f"bench.{part}").measure(running, rounds)
        tables[-1].note += f" Medians of {rounds}; load {before:.1f} to {os.getloadavg()[0]:.1f}; {platform.machine()}."
        save(tables, FOLDER / f"{part}.json")
        print(*(f"{table.text()}\n" for table in tables), sep="\n", flush=True)


if __name__ == "__main__":
    main()
