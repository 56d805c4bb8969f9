"""What is printed while the local deployment starts."""

import io
import re
import subprocess
from pathlib import Path

import pytest

from local.processes import ROOT
from local.progress import Progress


def printed(**options: bool) -> str:
    output = io.StringIO()
    with Progress(output, **options).step("building the functions"):
        output.write("|")
    return output.getvalue()


def test_a_log_gets_each_step_as_one_plain_line() -> None:
    assert re.fullmatch(r"  building the functions +\| +\d+\.\d s\n", printed())


def test_a_terminal_shows_the_step_again_with_its_time() -> None:
    assert re.fullmatch(r"  building the functions +\|\r  building the functions + \d+\.\d s\n", printed(live=True))


def test_a_step_that_fails_is_not_reported_as_done() -> None:
    output = io.StringIO()
    with pytest.raises(ValueError, match="no"), Progress(output, live=True).step("deploying"):
        raise ValueError("no")
    assert " s\n" not in output.getvalue()


def made(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """What `make` says of a command that it runs quietly."""
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(r"^define quietly$.*?^endef$", makefile, re.DOTALL | re.MULTILINE)
    assert found
    recipe = f"all:\n\t@$(call quietly,name,{command})\n"
    shell = "SHELL := /bin/bash\n.SHELLFLAGS := -euo pipefail -c\n"
    return subprocess.run(
        ["make", "-s", "-f", "-"],
        input=shell + found[0] + "\n" + recipe,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_says_nothing_of_what_works_and_shows_what_fails(tmp_path: Path) -> None:
    quiet = made(tmp_path, "echo much")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert (tmp_path / "out/logs/name.log").read_text() == "much\n"
    failed = made(tmp_path, "echo why; exit 3")
    assert failed.returncode == 2
    assert "why" in failed.stderr
