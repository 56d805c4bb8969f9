"""The rules for every workflow of GitHub Actions. `make check` also runs zizmor on them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
MAKEFILE = (ROOT / "Makefile").read_text()

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


def test_there_is_one_for_each_change_and_one_for_every_night() -> None:
    events = {path.name: set(yaml.safe_load(path.read_text())[True]) for path in WORKFLOWS}  # YAML 1.1 reads on as true
    assert events == {"ci.yml": {"push", "pull_request"}, "nightly.yml": {"schedule", "workflow_dispatch"}}


@each_workflow
def test_actions_are_pinned_by_commit_and_name_its_version(path: Path) -> None:
    used = re.findall(r"uses:(.*)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r" [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@each_workflow
def test_the_only_permission_is_to_read_the_code(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in jobs(path).values())
    assert "secrets." not in path.read_text()


@each_workflow
def test_runs_are_limited_in_time_and_do_not_overlap(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["concurrency"]["group"]
    assert all(0 < job["timeout-minutes"] <= 180 for job in jobs(path).values())


@each_workflow
def test_jobs_run_existing_targets_of_make(path: Path) -> None:
    for job in jobs(path).values():
        targets = [step["run"].removeprefix("make ") for step in job["steps"] if step.get("run", "").startswith("make")]
        assert targets
        for target in targets:
            assert re.search(rf"^{re.escape(target)}:.* ## ", MAKEFILE, re.MULTILINE), target
