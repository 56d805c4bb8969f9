"""What out/stack.json says about the local deployment that `make up` keeps running."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.processes import LocalCloudError
from local.stack import keeper, running


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
