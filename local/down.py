"""`make down`: stops the local deployment that `make up` started."""

import contextlib
import os
import signal
import sys
import time

from local.processes import is_alive
from local.stack import forget, keeper


def main() -> int:
    """Stop it and wait until all of it has ended; returns the exit code."""
    pid = keeper()
    if pid is None:
        forget()
        print("The local deployment is not running.")
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    while is_alive(pid):
        time.sleep(0.05)
    print("The local deployment is stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
