"""Programs of other people against the deployed stack: each gets its picture, and pays once, whatever goes wrong.

They run in processes of their own, with nothing changed but the base URL, the key, and the key's form of answers.
"""

import base64
import io
import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.processes import ROOT, clean_environment
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.clients.table import PROGRAMS, Environment, Program
from tests.conftest import Key, MakeKey

HERE = Path(__file__).parent
COMMANDS: dict[Environment, list[str | Path]] = {
    "clients": [ROOT / ".venv-clients/bin/python", "-I", HERE / "programs.py"],
    "litellm": [ROOT / ".venv-litellm/bin/python", "-I", HERE / "programs.py"],
    "node": [shutil.which("node") or "node", HERE / "node/programs.mjs"],
}

# The provider charges, and the images do not arrive.
CHARGED = (
    "reset",
    "cut_body",
    "garbage_json",
    "bad_base64",
    "wrong_bytes",
    "empty_data",
    "server_error_charged",
)

PURCHASES = pytest.mark.parametrize(
    ("program", "is_edit"),
    [
        pytest.param(
            program,
            is_edit,
            id=f"{program.name}, {'edit' if is_edit else 'generate'}",
            marks=() if program.in_make_test else pytest.mark.nightly,
        )
        for program in PROGRAMS
        for is_edit in ((False, True) if program.edits else (False,))
    ],
)


class Programs:
    """The processes in which the programs run, each started when it is first needed."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._processes: dict[Environment, subprocess.Popen[str]] = {}

    def ask(self, environment: Environment, task: dict[str, Any]) -> dict[str, Any]:
        """What the program answers to a task."""
        process = self._processes.get(environment) or self._start(environment)
        assert process.stdin
        assert process.stdout
        print(json.dumps(task), file=process.stdin, flush=True)
        line = process.stdout.readline()
        assert line, "the programs' process has ended, see stderr; `make test-clients` installs what it needs"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self, environment: Environment) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            COMMANDS[environment], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
        )
        self._processes[environment] = self._running.enter_context(process)  # whose end closes its input, and waits
        return process


@pytest.fixture(scope="session")
def _programs(stack: Stack) -> Iterator[Programs]:
    """They end before the stack does, which would wait for their open connections."""
    with ExitStack() as running:
        yield Programs(running)


@pytest.fixture(scope="session")
def _keys(make_key: MakeKey) -> dict[str, Key]:
    return {answers: make_key("--answers", answers) for answers in ("url", "link", "b64_json")}


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "image.png"
    Image.new("RGB", (1024, 1024), "teal").save(path)
    return path


class Runner:
    """Has a program make or edit a picture."""

    def __init__(self, stack: Stack, programs: Programs, keys: dict[str, Key], picture: Path) -> None:
        self._stack = stack
        self._programs = programs
        self._keys = keys
        self._picture = picture

    def run(self, program: Program, *, is_edit: bool) -> dict[str, Any]:
        """The picture in base64 as `image`, or what its user sees instead as `error`."""
        wish = secrets.token_hex(8)
        task = {
            "program": program.name,
            "base_url": self._stack.direct_url,
            "key": self._keys[program.answers].key,
            "model": program.model,
            "prompt": f"An otter, wish {wish}",
            "wish": wish,
            "image": str(self._picture) if is_edit else None,
        }
        return self._programs.ask(program.environment, task)


@pytest.fixture
def runner(stack: Stack, _programs: Programs, _keys: dict[str, Key], picture: Path) -> Runner:
    return Runner(stack, _programs, _keys, picture)


@PURCHASES
def test_it_gets_its_picture_and_pays_once(
    program: Program, is_edit: bool, runner: Runner, simulator: SimulatorControl
) -> None:
    answer = runner.run(program, is_edit=is_edit)
    assert "image" in answer, answer
    Image.open(io.BytesIO(base64.b64decode(answer["image"]))).verify()
    (call,) = simulator.calls()
    assert (call["accepted"], call["input_images"]) == (True, int(is_edit))


@pytest.mark.nightly
@pytest.mark.parametrize("fault", CHARGED)
@PURCHASES
def test_it_pays_once_when_the_provider_charges_and_fails(
    program: Program, is_edit: bool, runner: Runner, simulator: SimulatorControl, fault: str
) -> None:
    """However often it repeats the request by itself."""
    simulator.plan(fault)
    answer = runner.run(program, is_edit=is_edit)
    assert "error" in answer, "its user learns that something is wrong"
    assert sum(call["charged_micro_usd"] > 0 for call in simulator.calls()) == 1
