"""easel tokens: rotate the secret that signs browser tokens."""

import secrets
from typing import Annotated

import typer

from cli.output import Result
from cli.session import Context
from cli.stack import Stack, deployment

app = typer.Typer()
_tokens = typer.Typer(no_args_is_help=True)
app.add_typer(_tokens, name="tokens")


def rotate(stack: Stack, *, end_all: bool) -> None:
    """Sign new tokens with a new secret. Existing tokens stay valid until they expire, unless `end_all`."""
    client = stack.client("secretsmanager")
    # Tokens of the previous secret are still accepted, so it takes two new ones to end them.
    for _ in range(2 if end_all else 1):
        client.put_secret_value(SecretId=stack.output("TokenSecretArn"), SecretString=secrets.token_hex(32))


@_tokens.command("rotate")
def _rotate(
    ctx: Context,
    end_all: Annotated[bool, typer.Option("--end-all", help="Also end all existing tokens, as after a leak.")] = False,
) -> Result:
    """Sign browser tokens with a new secret."""
    rotate(deployment(ctx), end_all=end_all)
    outcome = "are refused within five minutes" if end_all else "stay valid until they expire"
    return Result(
        {"existing_tokens_end": end_all},
        f"New browser tokens are signed with a new secret. Existing tokens {outcome}.",
    )
