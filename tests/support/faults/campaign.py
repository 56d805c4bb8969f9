"""Runs the campaign, in a few processes."""

import logging
import multiprocessing
import os
import zlib
from contextlib import redirect_stdout
from pathlib import Path

from tests.support.faults.cloud import clouds
from tests.support.faults.scenarios import Outcome, Scenario, all_scenarios, run

_PROCESSES = max(1, min(4, os.cpu_count() or 1))


def run_all(wanted: str = "") -> list[Outcome]:
    """Run every scenario whose id contains `wanted`."""
    with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool:
        parts = pool.starmap(_run_part, [(part, wanted) for part in range(_PROCESSES)])
    return [outcome for part in parts for outcome in part]


def _run_part(part: int, wanted: str) -> list[Outcome]:
    logging.disable()
    # The functions print metrics.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), clouds() as cloud:
        chosen = [scenario for scenario in all_scenarios(cloud) if wanted in scenario.id and _part_of(scenario) == part]
        return [run(cloud, scenario) for scenario in chosen]


def _part_of(scenario: Scenario) -> int:
    """By its name, not its place: each process records the steps itself, and one may see more polls than another."""
    return zlib.crc32(scenario.id.encode()) % _PROCESSES
