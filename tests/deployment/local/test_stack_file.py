"""What out/stack.json tells of the laptop cloud that `make up` keeps running."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.processes import LocalCloudError
from local.stack import keeper, running


def written(folder: Path, pid: int) -> Path:
    """The file as a version of Easel wrote it that knew of little else."""
    path = folder / "stack.json"
    path.write_text(json.dumps({"pid": pid, "stack_name": "easel-local"}))
    return path


def test_where_there_is_no_file_nothing_runs(tmp_path: Path) -> None:
    assert running(tmp_path / "stack.json") is None


def test_a_file_of_a_cloud_that_was_killed_is_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert running(written(tmp_path, gone.pid)) is None


def test_a_cloud_that_another_version_started_can_be_ended(tmp_path: Path) -> None:
    path = written(tmp_path, os.getpid())
    assert keeper(path) == os.getpid()
    with pytest.raises(LocalCloudError, match="make down"):
        running(path)
