"""Runs the campaign and prints its table: python -m tests.faults [part of a scenario's name]."""

import sys
import time

from tests.faults.campaign import run_all


def main(wanted: str = "") -> int:
    """Run every scenario whose name contains `wanted`; the exit code says whether all invariants held."""
    time.monotonic()
    outcomes = run_all(wanted)
    bad = [outcome for outcome in outcomes if outcome.verdict.violations]
    for _outcome in bad:
        pass
    return 1 if bad or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
