"""Where rules attach to MiniStack: its functions, by name and parameters."""

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast


class SeamMovedError(Exception):
    """MiniStack no longer has the function that a rule builds on; the rule must be adapted to its new version."""


def seam(module: ModuleType | type, name: str, parameters: str) -> Callable[..., Any]:
    """A function of a module of MiniStack, or a method of a class.

    Raises:
        SeamMovedError: the module has no such function, or one with other parameters than these, separated by spaces.
    """
    function = getattr(module, name, None)
    actual = " ".join(inspect.signature(function).parameters) if callable(function) else "nothing"
    if not callable(function) or actual != parameters:
        raise SeamMovedError(f"{module.__name__}.{name} takes {actual}, not {parameters}")
    return cast(Callable[..., Any], function)


def wrap(module: ModuleType | type, name: str, parameters: str, rule: Callable[..., Any]) -> None:
    """Put a rule in place of a function of MiniStack; the rule gets that function as its first argument.

    Raises:
        SeamMovedError: see `seam`.
    """
    function = seam(module, name, parameters)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return rule(function, *args, **kwargs)

    setattr(module, name, wrapped)
