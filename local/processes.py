"""Processes of the laptop cloud: started with a clean environment, ended with whoever started them."""

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


class LocalCloudError(Exception):
    """The laptop cloud could not do what it was asked; the message says what to do."""


def clean_environment(**additions: str) -> dict[str, str]:
    """The environment of a service: none of the caller's keys, proxies or AWS profiles reach it."""
    return {"PATH": f"{ROOT}/.venv/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **additions}


@contextlib.contextmanager
def service(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in the background until the block ends, or this process does.

    Its home and its temporary files are a scratch folder that goes away with it, unless `environment`
    says otherwise; its output goes to `log`. Yields the guard's process, which ends when the command
    ends by itself, with its status.
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
            start_new_session=True,  # a Ctrl-C in the terminal is for us alone
        )
    try:
        yield guard
    finally:
        guard.communicate()  # closes its standard input and waits


def wait_until(ready: Callable[[], bool], guard: "subprocess.Popen[bytes]", log: Path, seconds: float = 30) -> None:
    """Poll `ready` until it holds; raises LocalCloudError when the service ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if guard.poll() is not None or time.monotonic() > deadline:
            raise LocalCloudError(f"{log.stem} did not start, see {log}:\n{tail(log)}")
        time.sleep(0.05)


def run_logged(command: Sequence[str | Path], log: Path, environment: Mapping[str, str], cwd: Path = ROOT) -> None:
    """Run a noisy command to its end; its output goes to `log` and is shown only on failure."""
    with service(command, log, environment, cwd) as guard:
        if guard.wait():
            raise LocalCloudError(f"{log.stem} failed, see {log}:\n{tail(log)}")


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def free_port(preferred: int = 0) -> int:
    """A port of 127.0.0.1 that nobody listens on: the preferred one, else any."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise LocalCloudError("no port is free on 127.0.0.1")


def is_alive(pid: int) -> bool:
    """Whether a process of this user exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
