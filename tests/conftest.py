"""The deployed stack of the end-to-end and the SDK tests, over the wire and with IAM enforced."""

import gc
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from cli.main import main
from core import catalog
from core.jobs.store import JobChanged, JobStore
from core.ledger.store import LedgerStore
from local.cloud import running_stack
from local.processes import ROOT
from local.simulator_control import SimulatorControl
from local.stack import Stack

pytest_plugins = ["tests.support.chromium", "tests.support.internet"]


# Tests of these folders need a deployed stack; of the campaigns, most do.
_WITH_STACK = ("tests/e2e/", "tests/browser/", "tests/clients/", "tests/campaigns/")
# Each process that runs such tests deploys a stack of its own and starts it cold, so only these do.
_PROCESSES_WITH_STACK = {"gw0", "gw1"}


class Scheduling(LoadFileScheduling):
    """Lets one process run all tests of a file, and two of the processes the files that need a deployed stack."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        with_stack = node.gateway.id in _PROCESSES_WITH_STACK
        fitting = (file for file in self.workqueue if file.startswith(_WITH_STACK) == with_stack)
        if file := next(fitting, None):
            self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)


def pytest_configure() -> None:
    """Let all of botocore's sessions share what they read of AWS's services: each command of `easel` has one."""
    botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the campaigns as nightly; other folders mark what they leave to the night themselves."""
    for item in items:
        if item.path.is_relative_to(ROOT / "tests/campaigns"):
            item.add_marker(pytest.mark.nightly)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking again and again over what stays until the end: modules and tests."""
    gc.collect()
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """The scheduling of `make test` and `make test-campaigns`."""
    return Scheduling(config, log)


@dataclass(frozen=True)
class Key:
    """A caller's API key and the caller's id."""

    key: str
    id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


MakeKey = Callable[..., Key]
PROVIDERS = list(catalog.load().providers)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack that the file named by EASEL_STACK describes, else one of our own on free ports.

    When tests run in several processes, each has its own.
    """
    if named := os.environ.get("EASEL_STACK"):
        yield Stack.load(Path(named))
    else:
        with running_stack(f"e2e{os.environ.get('PYTEST_XDIST_WORKER', '')}", port=0, plain_simulator=True) as stack:
            yield stack


@pytest.fixture(scope="session")
def _control(stack: Stack) -> Iterator[SimulatorControl]:
    assert stack.simulator_url, "these tests need the simulator: the stack uses a real provider"
    control = SimulatorControl(stack.simulator_url)
    yield control
    control.close()


@pytest.fixture
def simulator(stack: Stack, _control: SimulatorControl) -> Iterator[SimulatorControl]:
    """The provider's control plane: nothing is left from another test: no calls, faults, drops or jobs."""
    _forget_drops(stack)
    _forget_unfinished_jobs(stack)
    _forget_failures(stack)
    _control.reset()
    yield _control
    _control.reset()


@pytest.fixture(scope="session")
def make_key(stack: Stack) -> MakeKey:
    """Makes a caller's key as an operator does; more options of `easel keys create` may follow.

    In this process: to start another for each of dozens of keys would take a minute.
    """
    numbers = itertools.count(1)

    def make(*options: str) -> Key:
        command = ["--stack", stack.stack_name, "keys", "create", "--name", f"test {next(numbers)}", "--json", *options]
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
            for name, value in stack.environment.items():
                patch.setenv(name, value)
            assert main(command) == 0, printed.getvalue()
        made = json.loads(printed.getvalue())
        return Key(key=made["key"], id=made["id"])

    return make


@pytest.fixture(scope="session")
def key(make_key: MakeKey) -> Key:
    """A key without limits, shared by tests that need no caller of their own."""
    return make_key()


def _forget_drops(stack: Stack) -> None:
    """Withdraw the drops that wait to be delivered again, minutes after the test that left them."""
    stack.client("sqs").purge_queue(QueueUrl=stack.drops_queue_url)


def _forget_failures(stack: Stack) -> None:
    """Let no provider look down because of the faults of other tests."""
    ledger = LedgerStore(stack.client("dynamodb"), stack.ledger_table)
    for provider in PROVIDERS:
        ledger.note_recovery(provider)


def _forget_unfinished_jobs(stack: Stack) -> None:
    """Withdraw what a test left behind, before the sweep buys it in the middle of the next; its money goes back."""
    client = stack.client("dynamodb")
    jobs = JobStore(client, stack.jobs_table, LedgerStore(client, stack.ledger_table))
    for job_id in jobs.all_open():
        job = jobs.get(job_id)
        if job and not job.finished:
            with suppress(JobChanged):
                jobs.withdraw(job.canceled(int(time.time())))
