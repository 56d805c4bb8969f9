"""Moves the time of day for everything in this process: time.time and datetime.now, threads included.

time.monotonic goes on as ever: it measures how long something really takes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import time_machine


class Clock:
    """The time of this process, which runs on from wherever it was moved to."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller

    def forward(self, seconds: float) -> None:
        """Let so many seconds have passed."""
        self._traveller.shift(seconds)

    def stop_at(self, moment: float) -> None:
        """Stand still at a moment (Unix seconds) until moved."""
        self._traveller.move_to(moment, tick=False)


@contextmanager
def moved_time() -> Iterator[Clock]:
    """A clock that runs as ever until it is moved, and is right again afterwards."""
    with time_machine.travel(time.time(), tick=True) as traveller:
        yield Clock(traveller)
