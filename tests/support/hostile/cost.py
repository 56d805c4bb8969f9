"""The memory and the processor time of a call, in a process that has a limit of memory."""

import ctypes
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_PEAK = Path("/proc/self/clear_refs")
_C = ctypes.CDLL(None)
# Writing this resets the peak (Linux: Documentation/filesystems/proc.rst, clear_refs).
_RESET_PEAK = "5"


@dataclass(frozen=True)
class Cost:
    """`bytes` is how far the process grew at its peak; `seconds` of the processor, in all threads."""

    bytes: int
    seconds: float


def measured[Result](call: Callable[[], Result]) -> tuple[Result, Cost]:
    """What a call returns, and what it cost."""
    _C.malloc_trim(0)  # What is free, but still ours, would hide what a call takes.
    _PEAK.write_text(_RESET_PEAK)
    before, started = _kilobytes("VmRSS"), time.process_time()
    result = call()
    seconds = time.process_time() - started
    return result, Cost(1024 * max(0, _kilobytes("VmHWM") - before), seconds)


def limit_memory(more_bytes: int) -> None:
    """From now on the process may have only so much more; what asks for more gets a MemoryError."""
    limit = 1024 * _kilobytes("VmSize") + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _kilobytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
