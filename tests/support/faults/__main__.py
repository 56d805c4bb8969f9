"""Runs the campaign and prints its table: python -m tests.support.faults [part of a scenario's name]."""

import sys
import time

from tests.support.faults import table
from tests.support.faults.campaign import run_all


def main(wanted: str = "") -> int:
    """Run every scenario whose name contains `wanted`; the exit code says whether all invariants held."""
    started = time.monotonic()
    outcomes = run_all(wanted)
    bad = [outcome for outcome in outcomes if outcome.verdict.violations]
    print(table.families(outcomes))
    print("\n" + table.losses(outcomes))
    for outcome in bad:
        print(f"\n{outcome.family}: {outcome.name}", *outcome.verdict.violations, *outcome.struck, sep="\n    ")
    print(f"\n{len(outcomes)} scenarios, {len(bad)} with violations, {time.monotonic() - started:.0f} s")
    return 1 if bad or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
