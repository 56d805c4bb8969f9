"""Runs a command and ends it, with all it started, when whoever asked for it is gone.

python guard.py COMMAND…   (local/processes.py starts it; nobody else should)

The guard's standard input is a pipe whose other end only the asking process holds, so it closes
however that process ends, kill -9 included. Home and temporary files of the command are a scratch
folder that is removed at the end, unless its environment names others.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading

SECONDS_TO_END = 2.0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="easel-", ignore_cleanup_errors=True) as scratch:
        environment = {"HOME": scratch, "TMPDIR": scratch, **os.environ}
        # A session of its own makes the child the leader of a process group, which holds its workers too.
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
        threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
        try:
            return child.wait()
        finally:
            _signal_group(child, signal.SIGKILL)


def _end_with_parent(child: "subprocess.Popen[bytes]") -> None:
    sys.stdin.read()
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(SECONDS_TO_END)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main())
