"""Functions in processes of their own, as Lambda runs them, with as much of a processor as their memory buys."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

DRIVER = Path(__file__).with_name("driver.py")
MB_PER_PROCESSOR = 1769
_PERIOD_SECONDS = 0.02  # Lambda's own, by its kernel's cgroup

Used = dict[str, Any]


@dataclass(frozen=True)
class Function:
    """What a process runs: a Python, the folders of its modules, its handler, and its environment."""

    python: Path
    folders: Sequence[Path]
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def with_variables(self, **variables: str) -> Self:
        """The same with other or additional environment variables."""
        return type(self)(self.python, self.folders, self.handler, {**self.environment, **variables})


class FunctionError(Exception):
    """A function ended before it answered."""


class Process:
    """A running function. `start` is what it used up to its imported handler."""

    def __init__(self, function: Function) -> None:
        self._process = subprocess.Popen(
            [function.python, "-I", "-S", DRIVER, function.handler, *function.folders],
            env=dict(function.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # A full pipe would stop the function.
        self._said: list[str] = []
        self._listener = threading.Thread(target=lambda: self._said.extend(self._process.stderr or ()), daemon=True)
        self._listener.start()
        self.start = self._next()

    def answer(self, event: Mapping[str, Any]) -> Used:
        """What answering one event used."""
        assert self._process.stdin is not None
        print(json.dumps(event), file=self._process.stdin, flush=True)
        return self._next()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _next(self) -> Used:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._listener.join()
            raise FunctionError("".join(self._said[-40:]))
        used: Used = json.loads(line)
        return used


@contextmanager
def running(function: Function) -> Iterator[Process]:
    """A process of the function, as long as the block lasts."""
    process = Process(function)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def memory_of(megabytes: int, process: Process) -> Iterator[None]:
    """Give a process, inside the block, the share of a processor that a Lambda function of that memory has.

    Like the kernel's quota: in each period it runs until it has used its share, and then stands still. A thread looks
    every millisecond, so a share is exceeded by up to that much; the next period is shorter by it.
    """
    share = megabytes / MB_PER_PROCESSOR
    if share >= 1:
        yield
        return
    done = threading.Event()

    def throttle() -> None:
        allowed = cpu_seconds(process.pid)
        while not done.is_set():
            period_ends = time.monotonic() + _PERIOD_SECONDS
            allowed = max(allowed, cpu_seconds(process.pid) - _PERIOD_SECONDS) + share * _PERIOD_SECONDS
            while (used := cpu_seconds(process.pid)) < allowed and time.monotonic() < period_ends:
                time.sleep(0.001)
            if used >= allowed:
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(max(0.0, period_ends - time.monotonic()))
                os.kill(process.pid, signal.SIGCONT)
            else:
                allowed = used  # What was not used is lost.

    thread = threading.Thread(target=throttle)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used so far, those that have ended, too."""
    return time.clock_gettime((~pid << 3) | 2)  # its CPU clock, as clock_getcpuclockid(3) makes it on Linux
