"""Runs a command, and ends it and everything it started when the process that asked for it has ended.

python guard.py COMMAND…   (only local/processes.py should start it)

The guard's standard input is a pipe of which only the asking process has the other end. So the pipe closes however
that process ends, even by kill -9. The command's home and temporary files are in a scratch folder that is removed at
the end, unless its environment names other folders.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading

GRACE_SECONDS = 2.0


def main() -> int:
    # An exit while Popen is at work would leave the child running, so until then SIGTERM is only noted.
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    with tempfile.TemporaryDirectory(prefix="easel-", ignore_cleanup_errors=True) as scratch:
        environment = {"HOME": scratch, "TMPDIR": scratch, **os.environ}
        # A session of its own makes the child the leader of a process group, which includes its workers.
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
        threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
        try:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
            return 1 if terminated.is_set() else child.wait()
        finally:
            _signal_group(child, signal.SIGKILL)


def _end_with_parent(child: "subprocess.Popen[bytes]") -> None:
    sys.stdin.read()
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main())
