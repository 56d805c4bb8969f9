"""The `easel` command: reads arguments, calls one function, prints."""

import argparse
import json
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli import drops, keys, spending, tokens, webhooks
from cli.stack import Stack, StackError
from core import __version__
from core.callers.model import RATE_NAMES, RateName, Rates
from core.ledger.dollars import usd
from core.ledger.model import PERIODS, Budget


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 could not be done, 2 wrong arguments."""
    options = _parser().parse_args(arguments)
    try:
        stack = Stack.find(options.stack, local=options.local, profile=options.profile, region=options.region)
        return int(options.run(stack, options))
    except StackError as error:
        print(f"easel: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"easel: AWS refused: {error}", file=sys.stderr)
        return 1


def _create(stack: Stack, options: argparse.Namespace) -> int:
    budget = Budget(options.budget_day, options.budget_month, options.budget_total)
    key, caller = keys.create(
        stack, options.name, options.expires, options.model, options.origin, budget, _rates(options)
    )
    if options.json:
        print(json.dumps({"id": caller.id, "name": caller.name, "key": key, "expires_at": caller.expires_at}))
    else:
        print(f"{key}\n\n{caller.id} ({caller.name}). The key is shown this once; only its hash is kept.")
    return 0


def _list(stack: Stack, _: argparse.Namespace) -> int:
    print("\n".join(keys.table(stack)))
    return 0


def _revoke(stack: Stack, options: argparse.Namespace) -> int:
    caller = keys.revoke(stack, options.id)
    if caller is None:
        print(f"easel: there is no caller '{options.id}'; see: easel keys list", file=sys.stderr)
        return 1
    print(f"{caller.id} ({caller.name}) is revoked from now on.")
    return 0


def _set(stack: Stack, options: argparse.Namespace) -> int:
    given = {period: getattr(options, f"budget_{period}") for period in PERIODS if hasattr(options, f"budget_{period}")}
    rates = _rates(options)
    if not given and not rates:
        print(
            "easel: say what to set: --budget-day, --budget-month, --budget-total, --images-per-minute or "
            "--requests-per-minute",
            file=sys.stderr,
        )
        return 1
    caller = keys.set_budget(stack, options.id, given) if given else None
    caller = keys.set_rates(stack, options.id, rates) if rates else caller
    if caller is None:
        print(f"easel: there is no caller '{options.id}'; see: easel keys list", file=sys.stderr)
        return 1
    told = [f"{period} {'no limit' if most is None else usd(most)}" for period, most in given.items()]
    told += [f"{name.replace('_', ' ')} {'no limit' if most is None else most}" for name, most in rates.items()]
    print(f"{caller.id} ({caller.name}) has from now on: {', '.join(told)}. What it spent before counts.")
    return 0


def _rates(options: argparse.Namespace) -> Rates:
    """The limits of a minute that were given."""
    given: dict[RateName, int | None] = {}
    for name in RATE_NAMES:
        if hasattr(options, name):
            given[name] = getattr(options, name)
    return given


def _rate(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 to 1000000, nor none")
    return int(text)


def _add_rate_options(parser: argparse.ArgumentParser) -> None:
    for name, text in (("images", "buy"), ("requests", "make, for each warm function")):
        parser.add_argument(
            f"--{name}-per-minute",
            type=_rate,
            metavar="N",
            default=argparse.SUPPRESS,
            help=f"{name} it may {text}, or none",
        )


def _map(stack: Stack, options: argparse.Namespace) -> int:
    prefix = drops.map_prefix(stack, options.prefix, options.id)
    print(f"What is dropped under '{prefix or '/'}' belongs to {options.id} from now on.")
    return 0


def _list_prefixes(stack: Stack, _: argparse.Namespace) -> int:
    print("\n".join(drops.table(stack)))
    return 0


def _unmap(stack: Stack, options: argparse.Namespace) -> int:
    if not drops.unmap_prefix(stack, options.prefix):
        print(f"easel: '{options.prefix}' is not mapped; see: easel drops list", file=sys.stderr)
        return 1
    print(f"What is dropped under '{options.prefix}' belongs to nobody from now on, unless a shorter prefix is mapped.")
    return 0


def _redrive(stack: Stack, _: argparse.Namespace) -> int:
    moved = drops.redrive(stack)
    print(f"{moved} dead-lettered {'drop was' if moved == 1 else 'drops were'} put back.")
    return 0


def _webhook_secret(stack: Stack, options: argparse.Namespace) -> int:
    secrets = webhooks.secret(stack, options.id, rotate=options.rotate, overlap_seconds=options.overlap)
    if secrets is None:
        print(f"easel: there is no caller '{options.id}'; see: easel keys list", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"secret": secrets.current, "previous_until": secrets.previous_until}))
    else:
        print(secrets.current)
    return 0


def _webhook_replay(stack: Stack, options: argparse.Namespace) -> int:
    try:
        message = webhooks.replay(stack, options.job)
    except webhooks.NothingToReplay as error:
        print(f"easel: {error}", file=sys.stderr)
        return 1
    print(f"{message.id} is on its way again.")
    return 0


def _rotate(stack: Stack, options: argparse.Namespace) -> int:
    tokens.rotate(stack, end_all=options.end_all)
    what = "are refused within five minutes" if options.end_all else "stay good until they expire"
    print(f"Browser tokens are signed with a new secret from now on; those made before {what}.")
    return 0


def _duration(text: str) -> int:
    try:
        return keys.duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="easel", description="Operate an Easel deployment.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--stack", default="easel-dev", help="CloudFormation stack (default: %(default)s)")
    parser.add_argument("--local", action="store_true", help="the laptop cloud that `make up` runs here")
    parser.add_argument("--profile", help="AWS profile")
    parser.add_argument("--region", help="AWS region")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    key_commands = commands.add_parser("keys", help="API keys of callers").add_subparsers(required=True)
    create = key_commands.add_parser("create", help="make a key and show it once")
    create.add_argument("--name", required=True, help="whom the key is for")
    create.add_argument("--expires", type=_duration, metavar="DURATION", help="12h, 90d, 4w (default: never)")
    create.add_argument("--model", action="append", default=[], help="allow only this model; may be repeated")
    create.add_argument("--origin", action="append", default=[], help="allow only this web origin; may be repeated")
    spending.add_budget_options(create)
    _add_rate_options(create)
    create.add_argument("--json", action="store_true", help="print JSON for scripts")
    create.set_defaults(run=_create)
    key_commands.add_parser("list", help="list keys, never the secret part").set_defaults(run=_list)
    revoke = key_commands.add_parser("revoke", help="end a key's validity at once")
    revoke.add_argument("id", help="the caller's id, key_...")
    revoke.set_defaults(run=_revoke)
    change = key_commands.add_parser("set", help="change what a key may spend, and how fast")
    change.add_argument("id", help="the caller's id, key_...")
    spending.add_budget_options(change, default=argparse.SUPPRESS)
    _add_rate_options(change)
    change.set_defaults(run=_set)
    spending.add_commands(commands)

    drop_commands = commands.add_parser("drops", help="who owns what is dropped").add_subparsers(required=True)
    map_ = drop_commands.add_parser("map", help="let a key own what is dropped under a prefix")
    map_.add_argument("prefix", help="a folder of the inbox, such as team/; / is all of it")
    map_.add_argument("id", help="the caller's id, key_...")
    map_.set_defaults(run=_map)
    drop_commands.add_parser("list", help="list prefixes and their keys").set_defaults(run=_list_prefixes)
    unmap = drop_commands.add_parser("unmap", help="let nobody own what is dropped under a prefix")
    unmap.add_argument("prefix", help="the folder, as it was mapped")
    unmap.set_defaults(run=_unmap)
    commands.add_parser("redrive", help="put dead-lettered drops back").set_defaults(run=_redrive)
    webhook_commands = commands.add_parser("webhooks", help="webhooks of callers").add_subparsers(required=True)
    secret = webhook_commands.add_parser("secret", help="show the secret that a caller's webhooks are signed with")
    secret.add_argument("id", help="the caller's id, key_...")
    secret.add_argument("--rotate", action="store_true", help="make a new one; the old one signs beside it for a while")
    secret.add_argument(
        "--overlap", type=_duration, default="24h", metavar="DURATION", help="that while (default: 24h)"
    )
    secret.add_argument("--json", action="store_true", help="print JSON for scripts")
    secret.set_defaults(run=_webhook_secret)
    replay = webhook_commands.add_parser("replay", help="send the webhook about a job's end again")
    replay.add_argument("job", help="the job's id, job_...")
    replay.set_defaults(run=_webhook_replay)

    _add_token_commands(commands)
    return parser


def _add_token_commands(commands: Any) -> None:
    token_commands = commands.add_parser("tokens", help="browser tokens").add_subparsers(required=True)
    rotate = token_commands.add_parser("rotate", help="sign browser tokens with a new secret")
    rotate.add_argument("--end-all", action="store_true", help="and end every token there is, as after a leak")
    rotate.set_defaults(run=_rotate)
