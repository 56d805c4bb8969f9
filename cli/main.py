"""The `easel` command: reads arguments, runs one command, and turns failures into one line and an exit code."""

import argparse
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from cli import drops, jobs, keys, removal, restoring, spending, tokens, webhooks
from cli.errors import CommandError
from cli.output import show_failure, visible
from cli.stack import Stack
from core import __version__
from core.dynamodb import ItemUnreadable


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code: 0 for success, 1 for failure. Invalid arguments exit with 2."""
    options = _parser().parse_args(arguments)
    try:
        options.run(
            Stack.find(options.stack, local=options.local, profile=options.profile, region=options.region), options
        )
    except (CommandError, BotoCoreError, ClientError) as error:
        show_failure(str(error))
        return 1
    except ItemUnreadable as error:
        show_failure(f"this version of Easel cannot read the stored item '{error}'")
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """Repeats arguments only in visible form: ids are pasted from elsewhere."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="easel", description="Operate an Easel deployment.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--stack", default="easel-dev", help="name of the CloudFormation stack (default: %(default)s)")
    parser.add_argument("--local", action="store_true", help="use the local deployment started by `make up`")
    parser.add_argument("--profile", help="AWS profile")
    parser.add_argument("--region", help="AWS region")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (keys, spending, jobs, drops, webhooks, tokens, restoring, removal):
        module.add_commands(commands)
    return parser
