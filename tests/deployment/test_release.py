"""The version is in one place, and each release has its changelog entry, its API and its support."""

import re
from pathlib import Path

import pytest

from cli.main import main
from core import __version__
from openapi.changes import RELEASED, last_release

ROOT = Path(__file__).parents[2]


def test_the_command_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"easel {__version__}\n"


def test_every_release_is_in_the_changelog_with_its_date_newest_first() -> None:
    headings = re.findall(r"^## \[(.+)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in headings[1:])
    assert {version for version, _ in headings[1:]} == {path.stem for path in RELEASED.iterdir()}
    assert headings[1][0] == last_release()[0]


def test_the_last_release_is_supported() -> None:
    major, minor, _ = last_release()[0].split(".")
    assert f"| {major}.{minor}.x | yes |" in (ROOT / "SECURITY.md").read_text()
