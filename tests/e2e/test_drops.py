"""The S3 door of the deployed stack: a few drops, and the lines of the guide as they are printed."""

import json
import os
import re
import secrets
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from local.processes import ROOT
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import dropping, wire
from tests.support.pictures import picture

GUIDE = ROOT / "docs/s3-drop.md"


@pytest.fixture
def folder(stack: Stack, key: Key) -> str:
    """A prefix of the inbox that belongs to the shared key."""
    name = f"e2e-{secrets.token_hex(4)}"
    dropping.own(stack, name, key.id)
    return name


def test_a_drop_becomes_an_image_and_a_manifest(
    stack: Stack, key: Key, simulator: SimulatorControl, folder: str
) -> None:
    version = dropping.drop(stack, f"{folder}/my photo+ü.png", picture(), prompt="gr%C3%BCn", quality="low")
    result = dropping.manifest(stack, f"{folder}/my photo+ü")
    assert (result["object"], result["recipe"]["prompt"]) == ("drop.result", "grün")
    assert (result["source"]["key"], result["source"]["version_id"]) == (f"{folder}/my photo+ü.png", version)
    (image,) = result["images"]
    assert wire.get(image["link"], follow_redirects=True).content == dropping.read(stack, image["key"])
    job = wire.get(f"{stack.api_url}/jobs/{result['job_id']}", headers=key.headers).json()
    assert job["status"] == "succeeded"
    assert [call["path"] for call in simulator.calls()] == ["/v1/images/edits"]


def test_a_sidecar_may_come_later(stack: Stack, simulator: SimulatorControl, folder: str) -> None:
    dropping.drop(stack, f"{folder}/photo.png", picture())
    dropping.drop(stack, f"{folder}/photo.json", json.dumps({"prompt": "an otter", "quality": "low"}).encode())
    assert dropping.manifest(stack, f"{folder}/photo")["recipe"]["from"] == f"{folder}/photo.json"
    assert len(simulator.calls()) == 1


def test_what_is_no_image_gets_an_error_that_says_what_is_allowed(
    stack: Stack, simulator: SimulatorControl, folder: str
) -> None:
    dropping.drop(stack, f"{folder}/notes.png", b"some text", prompt="an otter")
    error = dropping.manifest(stack, f"{folder}/notes")
    assert (error["object"], error["error"]["code"]) == ("drop.error", "invalid_image_file")
    assert "PNG, JPEG and WebP" in error["error"]["message"]
    assert simulator.calls() == []


def test_the_lines_of_the_guide_work_as_they_are_printed(
    stack: Stack, simulator: SimulatorControl, tmp_path: Path
) -> None:
    """With the real `aws` where there is one, else with the few commands that tests/support/aws_command.py knows."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/stack.json").write_text(json.dumps(asdict(stack)))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "photo.png").write_bytes(picture())
    if shutil.which("aws") is None:
        command = tmp_path / "bin/aws"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {ROOT}/.venv/bin/python {ROOT}/tests/support/aws_command.py "$@"\n')
        command.chmod(0o755)
    script = "\n".join(re.findall(r"^ *```sh\n(.*?)^ *```", GUIDE.read_text(), re.MULTILINE | re.DOTALL))
    assert script.count("aws s3 cp") > 8
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert {path.name for path in (tmp_path / "out/photo").iterdir()} == {"photo.png", "result.json"}
    for name in ("one", "two", "three", "four", "watercolour/five", "watercolour/2026/six"):
        assert dropping.manifest(stack, f"team/{name}", 60)["object"] == "drop.result", name
    assert "0 dead-lettered drops were put back." in result.stdout
