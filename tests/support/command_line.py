"""The `easel` command, run in this process: its exit code and its output, and the list of its commands."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.main import COMMANDS, command, main
from tests.support.world import World


class Easel:
    """Runs the command, and reads what it printed since the last time."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what went to standard output and to standard error."""
        self._capsys.readouterr()
        code = main(list(arguments))
        return code, *self._capsys.readouterr()

    def document(self, *arguments: str) -> Any:
        """What the command prints with --json; it must succeed."""
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)


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


def accepted(world: World, key: str | None = None) -> str:
    """The id of a job of that key, accepted and not yet run."""
    body = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024"}
    answer = world.api.call("POST", "/images/generations", body, key=key, headers={"prefer": "respond-async"})
    assert answer.status == 202, answer.text
    return str(answer.json()["id"])
