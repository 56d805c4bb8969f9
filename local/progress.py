"""The steps of something long, a line each: on a terminal with the seconds that pass."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO


class Progress:
    """Prints a line for each step, with the seconds it took.

    `live` shows the seconds while they pass, which only a terminal can; by default it does where it prints to one.
    """

    def __init__(self, output: TextIO | None = None, *, live: bool | None = None) -> None:
        self._output = output or sys.stdout
        self._live = self._output.isatty() if live is None else live

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print `what` when the step begins, and the time when it ends."""
        line, started = f"  {what:<58}", time.monotonic()
        self._print(line)
        with self._counting(line, started):
            yield
        if self._live:
            self._print(f"\r{line}")
        self._print(f"{time.monotonic() - started:6.1f} s\n")

    @contextlib.contextmanager
    def _counting(self, line: str, started: float) -> Iterator[None]:
        """Show each second of the block, if live."""
        over = threading.Event()

        def count() -> None:
            while not over.wait(1):
                self._print(f"\r{line}{time.monotonic() - started:4.0f}   s")

        counter = threading.Thread(target=count, daemon=True)
        if self._live:
            counter.start()
        try:
            yield
        finally:
            over.set()
            if self._live:
                counter.join()

    def _print(self, text: str) -> None:
        print(text, end="", flush=True, file=self._output)
