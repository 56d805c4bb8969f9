"""easel tokens: list and revoke browser tokens, and rotate the secret that signs them."""

import secrets
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.errors import CommandError, no_such_key
from cli.output import Result, Table, when
from cli.session import Context
from cli.stack import Stack, deployment
from core.callers.browser_token_store import TokenStore
from core.callers.model import BrowserToken, is_token_id
from core.ledger.model import Balance, account_of

_PAGE = 100

app = typer.Typer()
_tokens = typer.Typer(no_args_is_help=True)
app.add_typer(_tokens, name="tokens")


def rotate(stack: Stack, *, end_all: bool) -> None:
    """Sign new tokens with a new secret. Existing tokens stay valid until they expire, unless `end_all`."""
    client = stack.client("secretsmanager")
    # Tokens of the previous secret are still accepted, so it takes two new ones to end them.
    for _ in range(2 if end_all else 1):
        client.put_secret_value(SecretId=stack.output("TokenSecretArn"), SecretString=secrets.token_hex(32))


@_tokens.command("list")
def _list(
    ctx: Context,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Only tokens of this key, key_...")] = None,
) -> Result:
    """List the valid browser tokens, with what each has bought of what it may."""
    stack = deployment(ctx)
    callers = [caller.id for caller in stack.callers().list_all() if key in (None, caller.id)]
    if key and not callers:
        raise no_such_key(key)
    tokens = [token for caller_id in callers for token in _of(stack, caller_id)]
    accounts = {token.id: account_of(token.id, "total", 0) for token in tokens}
    balances = stack.ledger().balances(accounts.values())
    documents = [_document(token, balances.get(accounts[token.id], Balance())) for token in tokens]
    headings = ("TOKEN", "KEY", "LABEL", "EXPIRES", "IMAGES", "SPENT", "BUDGET", "ORIGINS")
    rows = [
        (
            each["id"],
            each["key"],
            each["label"],
            when(each["expires_at"]),
            f"{each['images_bought']} of {each['images']}",
            each["spent_micro_usd"],
            each["budget_micro_usd"],
            ", ".join(each["origins"]),
        )
        for each in documents
    ]
    return Result(documents, Table(headings, rows, money=("SPENT", "BUDGET")))


@_tokens.command("revoke")
def _revoke(
    ctx: Context, token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, tok_...")]
) -> Result:
    """Revoke a browser token, effective within seconds. What it bought still belongs to its key."""
    store = _store(deployment(ctx))
    found = store.get(token) if is_token_id(token) else None
    if found is None:
        raise CommandError(
            f"token '{token}' does not exist, or has ended; `easel tokens list` lists the valid ones. Give the id, "
            "tok_ and 32 hex digits, not the token itself"
        )
    store.delete(found.id)
    return Result({"id": found.id, "key": found.caller_id}, f"{found.id} of {found.caller_id} is revoked.")


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


def _store(stack: Stack) -> TokenStore:
    return TokenStore(stack.client("dynamodb"), stack.output("JobsTableName"))


def _of(stack: Stack, caller_id: str) -> Iterator[BrowserToken]:
    store, last = _store(stack), None
    while True:
        page, more = store.list_of(caller_id, _PAGE, time.time(), last)
        yield from page
        last = store.get(more) if more else None
        if last is None:
            return


def _document(token: BrowserToken, balance: Balance) -> dict[str, Any]:
    return {
        "id": token.id,
        "key": token.caller_id,
        "label": token.label,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "images": token.images,
        "images_bought": balance.images,
        "budget_micro_usd": token.budget_micro_usd,
        "spent_micro_usd": balance.spent,
        "reserved_micro_usd": balance.reserved,
        "origins": list(token.origins),
        "models": list(token.models),
    }
