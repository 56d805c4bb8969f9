"""easel tokens: rotate the secret that signs browser tokens."""

import argparse
import secrets
from typing import Any

from cli.output import show
from cli.stack import Stack


def add_commands(commands: Any) -> None:
    """Add `easel tokens`."""
    group = commands.add_parser("tokens", help="rotate the secret of browser tokens").add_subparsers(required=True)
    parser = group.add_parser("rotate", help="sign browser tokens with a new secret")
    parser.add_argument("--end-all", action="store_true", help="also end all existing tokens, as after a leak")
    parser.set_defaults(run=_rotate)


def rotate(stack: Stack, *, end_all: bool) -> None:
    """Sign new tokens with a new secret. Existing tokens stay valid until they expire, unless `end_all`."""
    client = stack.client("secretsmanager")
    # Tokens of the previous secret are still accepted, so it takes two new ones to end them.
    for _ in range(2 if end_all else 1):
        client.put_secret_value(SecretId=stack.output("TokenSecretArn"), SecretString=secrets.token_hex(32))


def _rotate(stack: Stack, options: argparse.Namespace) -> None:
    rotate(stack, end_all=options.end_all)
    outcome = "are refused within five minutes" if options.end_all else "stay valid until they expire"
    show(f"New browser tokens are signed with a new secret. Existing tokens {outcome}.")
