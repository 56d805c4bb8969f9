"""What came out of the hostile set: the faults, and the requests that cost most."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.processes import ROOT

# What no request may cost beyond what its bytes justify; none of the set has more than 6 MB of them.
MAX_BYTES = 150 * 10**6
MAX_SECONDS = 2.0
_WORST = 5


@dataclass(frozen=True)
class Outcome:
    """One request, what was wrong with its answer, and its cost in bytes of memory and seconds of the processor."""

    request: str
    fault: str | None
    bytes: int
    seconds: float

    def __str__(self) -> str:
        """One line of the report."""
        cost = f"{self.bytes / 10**6:4.0f} MB {self.seconds:5.2f} s  {self.request}"
        return f"{cost}: {self.fault}" if self.fault else cost

    @property
    def failed(self) -> bool:
        """Whether it broke something, or cost too much."""
        return self.fault is not None or self.bytes > MAX_BYTES or self.seconds > MAX_SECONDS


def attacked(folder: Path, kind: str = "all", step: int = 1) -> list[Outcome]:
    """The outcomes of the requests of a kind, every `step`-th of them, sent in a process of its own.

    The folder gets the list of them.

    A request that kills the process, or raises out of a handler, fails the test that asked.
    """
    file = folder / "outcomes.jsonl"
    # fmt: off
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile.process", file, kind, str(step)],
        cwd=ROOT, env={"PYTHONPATH": "src:.", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )
    # fmt: on
    outcomes = [Outcome(*json.loads(line)) for line in file.read_text().splitlines()]
    last = outcomes[-1].request if outcomes else "none"
    assert run.returncode == 0, f"after {last}:\n{run.stdout[-1000:]}\n{run.stderr[-3000:]}"
    return outcomes


def worst(outcomes: list[Outcome]) -> str:
    """A table of the requests that cost most."""
    most = sorted(outcomes, key=lambda each: -each.bytes)[:_WORST]
    longest = sorted(outcomes, key=lambda each: -each.seconds)[:_WORST]
    return "\n".join([f"{len(outcomes)} requests; the worst:", *map(str, dict.fromkeys([*most, *longest]))])
