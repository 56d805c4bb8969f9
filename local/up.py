"""`make up`: starts the local deployment in the background, prints where it is, and opens the playground."""

import contextlib
import os
import signal
import subprocess
import sys
import webbrowser

from local.cloud import OUT, PYTHON, running_stack
from local.processes import ROOT, LocalCloudError
from local.progress import Progress
from local.providers import Provider
from local.stack import STACK_FILE, Stack, forget, running

LOG = OUT / "logs/local/cloud.log"


def main() -> int:
    """Start it unless it is running, and print how to call it; returns the exit code."""
    if "--stay" in sys.argv:
        return _stay()
    try:
        earlier = running()
        stack = earlier or _start()
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return 1
    if stack is None:
        return 1
    print(f"""
  Easel is running on this machine. {STACK_FILE.relative_to(ROOT)} has its URLs and a key; `make down` stops it.

  Make pictures in the browser:
  {stack.playground_url}

  Or from a program:
  curl -sS {stack.api_url}/images/generations \\
    -H 'Authorization: Bearer {stack.api_key}' \\
    -H 'Content-Type: application/json' -d '{{"prompt": "a lighthouse at dawn"}}'
""")
    if not earlier and _has_screen():
        webbrowser.open(stack.playground_url)
    return 0


def _has_screen() -> bool:
    """Whether somebody sits at a terminal of a desktop, where a browser can open."""
    desktop = sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    return bool(desktop) and sys.stdout.isatty()


def _start() -> Stack | None:
    """Start the process that keeps it running, and pass on its output until it is ready or has failed."""
    output, keeper_output = os.pipe()
    keeper = subprocess.Popen(
        [PYTHON, "-m", "local.up", "--stay", *(["--live"] if sys.stdout.isatty() else [])],
        stdin=subprocess.DEVNULL,
        stdout=keeper_output,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(keeper_output)
    try:
        while chunk := os.read(output, 4096):
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
    except KeyboardInterrupt:
        keeper.terminate()
        keeper.wait()
    return running()


def _stay() -> int:
    """Keep the local deployment running until SIGTERM. Closing the output signals that it is ready."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    provider, progress = Provider.from_environment(), Progress(live="--live" in sys.argv)
    try:
        with running_stack(provider=provider, progress=progress) as stack, contextlib.ExitStack() as at_end:
            stack.save()
            at_end.callback(forget)
            with LOG.open("wb") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            while True:
                signal.pause()
    except LocalCloudError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
