"""Processes of the local deployment: started with a clean environment, and ended with their parent."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUARD = Path(__file__).with_name("guard.py")
_START_SECONDS = 30
_TAIL_LINES = 40


class LocalCloudError(Exception):
    """The local deployment failed to start or to do something; the message says why."""


def clean_environment(**additions: str) -> dict[str, str]:
    """The environment of a service, without the keys, proxies and AWS profiles of this process."""
    return {"PATH": f"{ROOT}/.venv/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **additions}


@contextlib.contextmanager
def service(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in the background until the block or this process ends.

    Its home and temporary files are in a scratch folder that is removed afterwards, unless `environment` names others;
    its output goes to `log`. Yields the guard's process, which exits with the command and with its status.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        guard = subprocess.Popen(
            [sys.executable, "-I", GUARD, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=clean_environment() | dict(environment or {}),
            start_new_session=True,  # Ctrl-C in the terminal must not reach it
        )
    try:
        yield guard
    finally:
        guard.communicate()  # closes its standard input, and waits


def wait_until(ready: Callable[[], bool], guard: "subprocess.Popen[bytes]", log: Path) -> None:
    """Poll `ready` until it is true.

    Raises:
        LocalCloudError: the service has ended, or is not ready in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if guard.poll() is not None or time.monotonic() > deadline:
            raise LocalCloudError(f"{log.stem} did not start. The end of {log}:\n{tail(log)}")
        time.sleep(0.05)


def run_logged(command: Sequence[str | Path], log: Path, environment: Mapping[str, str], cwd: Path = ROOT) -> None:
    """Run a command to its end; its output goes to `log`.

    Raises:
        LocalCloudError: it fails; the message has the end of the log.
    """
    with service(command, log, environment, cwd) as guard:
        if guard.wait():
            raise LocalCloudError(f"{log.stem} failed. The end of {log}:\n{tail(log)}")


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


def free_port(preferred: int) -> int:
    """A free port of 127.0.0.1: the preferred one if possible."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise LocalCloudError("No port is free on 127.0.0.1.")


def is_alive(pid: int) -> bool:
    """Whether a process of this user exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
