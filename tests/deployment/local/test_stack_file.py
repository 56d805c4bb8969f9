"""What out/stack.json and out/stack.env say about the local deployment that `make up` keeps running."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import stack
from local.processes import LocalCloudError
from local.stack import Stack, forget, keeper, running


def written(folder: Path, pid: int) -> Path:
    """The file, as a version of Easel with fewer fields wrote it."""
    path = folder / "stack.json"
    path.write_text(json.dumps({"pid": pid, "stack_name": "easel-local"}))
    return path


def test_without_a_file_nothing_is_running(tmp_path: Path) -> None:
    assert running(tmp_path / "stack.json") is None


def test_the_file_of_a_killed_deployment_is_ignored(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert running(written(tmp_path, gone.pid)) is None


def test_a_deployment_of_another_version_can_be_stopped(tmp_path: Path) -> None:
    path = written(tmp_path, os.getpid())
    assert keeper(path) == os.getpid()
    with pytest.raises(LocalCloudError, match="make down"):
        running(path)


def test_a_shell_takes_the_urls_and_the_key_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "STACK_FILE", tmp_path / "stack.json")
    monkeypatch.setattr(stack, "SHELL_FILE", tmp_path / "stack.env")
    values: dict[str, Any] = dict.fromkeys(Stack.__dataclass_fields__, "text") | {"parameters": {}, "pid": 1}
    written = Stack(**values | {"api_url": "http://127.0.0.1:1/v1", "api_key": "ek_$HOME 'x'"})
    written.save()
    script = 'source stack.env; env | grep "^EASEL_" | sort'
    printed = subprocess.run(["bash", "-c", script], cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == [
        "EASEL_DIRECT_URL=text",
        "EASEL_KEY=ek_$HOME 'x'",
        "EASEL_MCP_URL=text",
        "EASEL_SIMULATOR_URL=text",
        "EASEL_URL=http://127.0.0.1:1/v1",
    ]
    forget()
    assert list(tmp_path.iterdir()) == []
