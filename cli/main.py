"""The `easel` command: reads arguments, runs one command, shows its result, and turns failures into one line.

A module of commands is loaded when one of its commands runs, so that `easel --help` and the completion of commands
load neither the AWS SDK nor the catalog.
"""

import errno
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from cli.errors import CommandError
from cli.output import Result, close, show, show_failure, show_result
from cli.session import DEFAULT_STACK, Context, Session, choose
from core import __version__

OK, FAILED, USAGE, INTERRUPTED, CLOSED = 0, 1, 2, 130, 141
# What keeps output from being written: a full disk, a quota, a broken device.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)

_GLOBAL = "Global options, before or after the command"
_KEYS, _MONEY, _WORK, _DEPLOYMENT = "Keys", "Money", "Jobs and images", "The deployment"


class _Entry(NamedTuple):
    """Where a command is, and what `easel --help` says about it."""

    module: str
    panel: str
    help: str


COMMANDS = {
    "keys": _Entry("cli.keys", _KEYS, "Create, list, change, rotate and revoke API keys."),
    "tokens": _Entry("cli.tokens", _KEYS, "List and revoke browser tokens, and rotate their secret."),
    "webhooks": _Entry("cli.webhooks", _KEYS, "List, test and send webhooks again, and show signing secrets."),
    "drops": _Entry("cli.drops", _KEYS, "Map folders of the inbox to the keys that pay for them."),
    "usage": _Entry("cli.spending", _MONEY, "Show what was spent, by day, key, model or browser token."),
    "budget": _Entry("cli.spending", _MONEY, "Show or change the deployment's budget."),
    "stop": _Entry("cli.spending", _MONEY, "Stop all purchases; waiting jobs wait until their deadline."),
    "resume": _Entry("cli.spending", _MONEY, "Resume purchases."),
    "ledger": _Entry("cli.spending", _MONEY, "Verify the ledger."),
    "jobs": _Entry("cli.jobs", _WORK, "List and show jobs and their log lines, and resolve those of unknown outcome."),
    "images": _Entry("cli.images", _WORK, "List, show and delete stored images."),
    "generate": _Entry("cli.purchases", _WORK, "Generate images through the API of the deployment, and save them."),
    "edit": _Entry("cli.purchases", _WORK, "Edit images through the API of the deployment, and save the results."),
    "models": _Entry("cli.models", _WORK, "List the models, with the price of one image, and their lifecycle."),
    "redrive": _Entry("cli.drops", _WORK, "Put dead-lettered drops back into their queue."),
    "doctor": _Entry("cli.doctor.command", _DEPLOYMENT, "Find what is broken, and what fixes it."),
    "status": _Entry("cli.status", _DEPLOYMENT, "Show spending, queues, errors and alarms of this moment."),
    "export": _Entry("cli.export", _DEPLOYMENT, "Export jobs, usage or images of all keys, as JSON lines or CSV."),
    "restore": _Entry("cli.restoring", _DEPLOYMENT, "Make a table equal to one that was restored from a backup."),
    "remove": _Entry("cli.removal", _DEPLOYMENT, "Delete this deployment and everything in it."),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 for success, 1 if it failed or was refused, 2 for invalid arguments, 130 if it was interrupted, and 141 if who
    read its output went away.
    """
    if sys.stdout is None:  # as `>&-` makes it
        show_failure("standard output is closed, so nothing was done")
        return FAILED
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = CLOSED
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        show_failure(f"what the command did cannot be written: {error.strerror}")
        close(sys.stdout)
        code = FAILED
    except SystemExit as ending:
        if not isinstance(ending.__context__, BrokenPipeError):
            raise
        code = CLOSED  # Rich and Typer make an exit of their own of a broken pipe.
    if code == CLOSED:
        close(sys.stdout)
    return code


def _run(arguments: list[str]) -> int:
    session = Session()
    try:
        result = command().main(arguments, prog_name="easel", standalone_mode=False, obj=session)
        if isinstance(result, Result):
            show_result(result, as_json=session.json)
            return FAILED if result.failure else OK
    except typer.Abort:
        result = INTERRUPTED
    except typer.TyperException as error:
        show_failure(*_usage(error))
        return error.exit_code
    except CommandError as error:
        show_failure(str(error))
        return FAILED
    except _failures_of_aws() as error:
        show_failure(_of_aws(error))
        return FAILED
    if result == INTERRUPTED:
        show_failure("interrupted")
    return int(result or OK)


def _usage(error: typer.TyperException) -> Iterator[str]:
    """What is wrong with the arguments, and where the right ones are listed; nothing if that was just printed."""
    text = error.format_message()
    if text:
        yield text.removeprefix("Invalid value: ").replace("Value error, ", "")
        context = getattr(error, "ctx", None)
        yield f"see `{context.command_path if context else 'easel'} --help`"


def _failures_of_aws() -> tuple[type[Exception], ...]:
    """What a command that asks AWS can raise; needed, and so loaded, only when something was raised."""
    from botocore.exceptions import BotoCoreError, ClientError

    from core.dynamodb import ItemUnreadable

    return BotoCoreError, ClientError, ItemUnreadable


def _of_aws(error: Exception) -> str:
    if type(error).__name__ == "ItemUnreadable":
        return f"this version of Easel cannot read the stored item '{error}'"
    return str(error)


class _Commands(TyperGroup):
    """The commands of `easel`, each loaded from its module when it is to run. Until then there is only its help."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.help, rich_help_panel=entry.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is to run, with the global options in each of its groups and commands."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, name and self._loaded(name, command), rest

    def _loaded(self, name: str, described: Any) -> Any:
        command = typer.main.get_group(import_module(COMMANDS[name].module).app).commands[name]
        command.help = command.help or described.help
        for each in _floors(command):
            each.params += [option for option in self.params if getattr(option, "rich_help_panel", None) == _GLOBAL]
            each.context_class = Context
            _hide_types_of_flags(each)
        return command


def _floors(command: Any) -> Iterator[Any]:
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from _floors(child)


def _hide_types_of_flags(command: Any) -> None:
    """A flag takes no value, so its help names no type of one."""
    for option in (*command.params, command.get_help_option(typer.Context(command))):
        if getattr(option, "is_flag", False):
            option.metavar = ""


def _version(wanted: bool) -> None:
    if wanted:
        show(f"easel {__version__}")
        raise typer.Exit


_app = typer.Typer(cls=_Commands, no_args_is_help=True)


@_app.callback()
def _root(
    stack: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="EASEL_STACK",
            callback=choose,
            expose_value=False,
            rich_help_panel=_GLOBAL,
            help="Name of the CloudFormation stack.",
        ),
    ] = DEFAULT_STACK,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            callback=choose,
            expose_value=False,
            rich_help_panel=_GLOBAL,
            help="Use the deployment on this machine that `make up` started.",
        ),
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", callback=choose, expose_value=False, rich_help_panel=_GLOBAL, help="AWS profile to use."
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", callback=choose, expose_value=False, rich_help_panel=_GLOBAL, help="AWS region to use."
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            callback=choose,
            expose_value=False,
            rich_help_panel=_GLOBAL,
            help="Print JSON for scripts, with amounts in micro-dollars and times in Unix seconds.",
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Operate an Easel deployment."""


def command() -> Any:
    """The whole command, as Typer builds it."""
    built = typer.main.get_command(_app)
    _hide_types_of_flags(built)
    return built
