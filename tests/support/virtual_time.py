"""Time that passes only when everybody waits: hours of concurrent invocations in seconds.

Each invocation is a thread, but only one runs at a time. It runs until it sleeps or ends; then the clock moves on to
whatever is due next.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import time_machine

_real_sleep, _real_monotonic = time.sleep, time.monotonic


class _Task:
    """A thread that runs when it is told to, until it sleeps or ends."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._go, self._rests = threading.Semaphore(0), threading.Semaphore(0)
        self._work = work
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        _current.task = self
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
            self._failed = error
        self._rests.release()

    def resume(self) -> None:
        """Let it run, and return when it sleeps or has ended."""
        self._go.release()
        self._rests.acquire()
        if self._failed:
            raise self._failed

    def rest(self) -> None:
        """Called by the thread itself: wait to be resumed."""
        self._rests.release()
        self._go.acquire()


class _Current(threading.local):
    task: _Task | None = None


_current = _Current()


class VirtualTime:
    """The clock of this process, and what is due when."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do something at a moment (Unix seconds)."""
        heapq.heappush(self._due, (moment, next(self._numbers), action))

    def start(self, work: Callable[[], None]) -> None:
        """Run something that may sleep."""
        _Task(work).resume()

    def sleep(self, seconds: float) -> None:
        """What time.sleep is meanwhile. Outside of what was started, it sleeps as ever."""
        task = _current.task
        if task is None:
            _real_sleep(seconds)
            return
        self.at(time.time() + seconds, task.resume)
        task.rest()

    def monotonic(self) -> float:
        """What time.monotonic can be meanwhile. Outside of what was started, it is right as ever."""
        return _real_monotonic() if _current.task is None else time.time()

    def run(self, until: Callable[[], bool], longest: float) -> None:
        """Let time pass until something has come true, for so many seconds at most."""
        ends_at = time.time() + longest
        while not until():
            moment, _, action = heapq.heappop(self._due)
            assert moment < ends_at, f"it did not come true within {longest:.0f} s"
            if moment > time.time():
                self._clock.move_to(moment, tick=False)
            action()


@contextmanager
def virtual_time() -> Iterator[VirtualTime]:
    """Inside the block, time stands still except in `run`."""
    with time_machine.travel(datetime.now(UTC), tick=False) as clock, pytest.MonkeyPatch.context() as patch:
        virtual = VirtualTime(clock)
        patch.setattr(time, "sleep", virtual.sleep)
        yield virtual
