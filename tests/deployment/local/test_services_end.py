"""No process of the local deployment outlives it, and the caller's environment does not reach them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import ROOT, LocalCloudError, is_alive, run_logged, service, tail, wait_until

# A service with a worker, as MiniStack has them; both write their process id. STUBBORN ignores SIGTERM.
SERVICE = "(echo $BASHPID; exec sleep 60) & echo $BASHPID; wait"
STUBBORN = f"trap '' TERM; {SERVICE}; wait"
PARENT = """
import signal, sys, time
from collections.abc import Callable
from pathlib import Path
from local.processes import service
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where pytest runs in the background
with service(["bash", "-c", sys.argv[1]], Path(sys.argv[2])):
    time.sleep(60)
"""


def eventually(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def process_ids(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


@pytest.mark.parametrize(
    ("how", "command"), [(signal.SIGKILL, SERVICE), (signal.SIGTERM, SERVICE), (signal.SIGINT, STUBBORN)]
)
def test_a_service_and_its_workers_end_however_their_parent_ends(
    how: signal.Signals, command: str, tmp_path: Path
) -> None:
    log = tmp_path / "service.log"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, command, log], cwd=ROOT, stderr=subprocess.DEVNULL)
    eventually("started", lambda: len(process_ids(log)) == 2)
    parent.send_signal(how)
    parent.wait()
    eventually("ended", lambda: not any(is_alive(pid) for pid in process_ids(log)))


def test_a_service_ends_with_its_block_and_its_scratch_folder_is_removed(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with service(["bash", "-c", "echo $TMPDIR; touch $TMPDIR/file; exec sleep 60"], log) as guard:
        eventually("started", lambda: bool(log.read_text()))
    assert guard.poll() is not None
    assert not Path(log.read_text().strip()).exists()


def test_the_callers_environment_does_not_reach_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-developers-own")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    with service(["env"], tmp_path / "env.log", {"GIVEN": "yes"}) as guard:
        guard.wait()
    names = {line.partition("=")[0] for line in (tmp_path / "env.log").read_text().splitlines()}
    assert names >= {"GIVEN", "HOME", "PATH", "TMPDIR"}
    assert not names & {"OPENAI_API_KEY", "HTTPS_PROXY"}
    assert os.environ["OPENAI_API_KEY"]


def test_the_error_of_a_failed_command_has_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match=r"(?s)noisy failed\. The end of .*noisy.log.*the reason"):
        run_logged(["bash", "-c", "seq 1000; echo the reason; exit 3"], tmp_path / "noisy.log", {})


def test_the_error_of_a_service_that_does_not_start_has_it_too(tmp_path: Path) -> None:
    log = tmp_path / "broken.log"
    with service(["bash", "-c", "echo no such module"], log) as guard, pytest.raises(LocalCloudError, match="no such"):
        wait_until(lambda: False, guard, log)
    assert tail(log) == "no such module"


def test_a_guard_that_is_terminated_while_it_starts_its_service_ends_it(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with service(["sh", "-c", "echo $$; kill $PPID; exec sleep 60"], log) as guard:
        guard.wait(timeout=15)
    eventually("ended", lambda: not any(is_alive(pid) for pid in process_ids(log)))


def test_a_guard_that_is_terminated_ends_its_service(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with service(["bash", "-c", SERVICE], log) as guard:
        eventually("started", lambda: len(process_ids(log)) == 2)
        guard.terminate()
        eventually("ended", lambda: not any(is_alive(pid) for pid in process_ids(log)))
