"""The `easel` command, run in this process: its exit code and its output, and the list of its commands."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.main import COMMANDS, command, main


class Easel:
    """Runs the command, and reads what it printed since the last time."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what went to standard output and to standard error."""
        self._capsys.readouterr()
        code = main(list(arguments))
        return code, *self._capsys.readouterr()


def leaves() -> Iterator[tuple[str, ...]]:
    """Every command, such as ("keys", "list")."""
    for name in COMMANDS:
        yield from (path for path, _ in _below(loaded(name), (name,)))


def loaded(*path: str) -> Any:
    """A command as it runs, with its parameters."""
    root = command()
    _, found, _ = root.resolve_command(typer.Context(root), [path[0]])
    for name in path[1:]:
        found = found.commands[name]
    return found


def _below(each: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(each, "commands", None)
    if children is None:
        yield path, each
    else:
        for name, child in children.items():
            yield from _below(child, (*path, name))
