"""What a process builds once, and keeps for all its invocations."""

from collections.abc import Callable
from functools import cache
from typing import cast

_forget: list[Callable[[], None]] = []


def once[**Arguments, Built](build: Callable[Arguments, Built]) -> Callable[Arguments, Built]:
    """Build at the first call with some arguments, and return the same object ever after."""
    built = cache(build)
    _forget.append(built.cache_clear)
    return cast("Callable[Arguments, Built]", built)


def restart() -> None:
    """Forget everything that was built, as a new process does, so that the settings are read again."""
    for forget in _forget:
        forget()
