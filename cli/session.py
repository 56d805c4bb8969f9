"""What the global options say: which deployment, and how to print. Every command has them in its context."""

from dataclasses import dataclass, field
from typing import Any

import typer

DEFAULT_STACK = "easel-dev"


@dataclass
class Session:
    """The global options of one command. `given` names those of the command line, as opposed to the environment."""

    stack: str = DEFAULT_STACK
    local: bool = False
    profile: str | None = None
    region: str | None = None
    json: bool = False
    given: set[str] = field(default_factory=set)

    @property
    def chooses_stack(self) -> bool:
        """Whether the command line says which deployment is meant."""
        return bool(self.given & {"stack", "local", "profile", "region"})


class Context(typer.Context):
    """A command's context; its object is the session."""

    obj: Session


def choose(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> None:
    """Take a global option, wherever it stands; the command line takes precedence over the environment."""
    source, session = ctx.get_parameter_source(param.name), ctx.obj
    if source is None or session is None:  # The shell asks for completions.
        return
    if source.name == "COMMANDLINE":
        setattr(session, param.name, value)
        session.given.add(param.name)
    elif source.name == "ENVIRONMENT" and param.name not in session.given:
        setattr(session, param.name, value)
