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
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.processes import ROOT, clean_environment
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.clients.table import PROGRAMS, Program, Runtime
from tests.conftest import Key, MakeKey

HERE = Path(__file__).parent
COMMANDS: dict[Runtime, list[str | Path]] = {
    "python": [ROOT / ".venv-clients/bin/python", "-I", HERE / "programs.py"],
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


@pytest.fixture(scope="session")
def _processes(stack: Stack) -> Iterator[dict[Runtime, "subprocess.Popen[str]"]]:
    processes = {
        runtime: subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
        )
        for runtime, command in COMMANDS.items()
    }
    yield processes
    for process in processes.values():
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def _keys(make_key: MakeKey) -> dict[str, Key]:
    return {answers: make_key("--answers", answers) for answers in ("url", "link", "b64_json")}


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.name)
def program(request: pytest.FixtureRequest) -> Program:
    found: Program = request.param
    return found


class Runner:
    """Has a program make or edit a picture."""

    def __init__(self, stack: Stack, processes: dict[Runtime, "subprocess.Popen[str]"], keys: dict[str, Key]) -> None:
        self._stack = stack
        self._processes = processes
        self._keys = keys

    def run(self, program: Program, image: Path | None = None) -> dict[str, Any]:
        """The picture in base64 as `image`, or what its user sees instead as `error`."""
        wish = secrets.token_hex(8)
        task = {
            "program": program.name,
            "base_url": self._stack.direct_url,
            "key": self._keys[program.answers].key,
            "model": program.model,
            "prompt": f"An otter, wish {wish}",
            "wish": wish,
            "image": str(image) if image else None,
        }
        process = self._processes[program.runtime]
        assert process.stdin
        assert process.stdout
        print(json.dumps(task), file=process.stdin, flush=True)
        line = process.stdout.readline()
        assert line, "the programs' process has ended, see stderr; `make test-clients` installs what it needs"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture
def runner(stack: Stack, _processes: dict[Runtime, "subprocess.Popen[str]"], _keys: dict[str, Key]) -> Runner:
    return Runner(stack, _processes, _keys)


def assert_is_a_picture(answer: dict[str, Any]) -> None:
    assert "image" in answer, answer
    Image.open(io.BytesIO(base64.b64decode(answer["image"]))).verify()


def test_it_gets_its_picture_and_pays_once(program: Program, runner: Runner, simulator: SimulatorControl) -> None:
    assert_is_a_picture(runner.run(program))
    assert [call["accepted"] for call in simulator.calls()] == [True]


@pytest.mark.parametrize("program", [each for each in PROGRAMS if each.edits], ids=lambda program: program.name)
def test_it_edits_a_picture_and_pays_once(
    program: Program, runner: Runner, simulator: SimulatorControl, tmp_path: Path
) -> None:
    image = tmp_path / "image.png"
    Image.new("RGB", (1024, 1024), "teal").save(image)
    assert_is_a_picture(runner.run(program, image))
    (call,) = simulator.calls()
    assert (call["accepted"], call["input_images"]) == (True, 1)


@pytest.mark.parametrize("fault", CHARGED)
def test_it_pays_once_when_the_provider_charges_and_fails(
    program: Program, runner: Runner, simulator: SimulatorControl, fault: str
) -> None:
    """However often it repeats the request by itself."""
    simulator.plan(fault)
    answer = runner.run(program)
    assert "error" in answer, "its user learns that something is wrong"
    assert sum(call["charged_micro_usd"] > 0 for call in simulator.calls()) == 1
