"""What a process builds once, and keeps for all its invocations."""

import gc
import os
from collections.abc import Callable
from contextlib import suppress
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


def start(*builds: Callable[[], object]) -> None:
    """End the start of a function: in Lambda, build now what the first event would have to wait for.

    Lambda lends a whole processor until the first event, and to most functions a third of one from then on. What cannot
    be built, because a setting is wrong, say, is left to the first event, which knows how to answer that.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        for build in builds:
            with suppress(Exception):
                build()
    gc.freeze()
    gc.enable()
