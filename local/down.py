"""`make down`: ends the laptop cloud that `make up` started."""

import contextlib
import os
import signal
import sys
import time

from local.processes import is_alive
from local.stack import STACK_FILE, keeper


def main() -> int:
    """End it and wait until nothing of it is left; returns the exit code."""
    pid = keeper()
    if pid is None:
        STACK_FILE.unlink(missing_ok=True)
        print("The laptop cloud is not running.")
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    while is_alive(pid):
        time.sleep(0.05)
    print("The laptop cloud has ended.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
