"""What is printed while the local deployment starts."""

import io
import re

import pytest

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
