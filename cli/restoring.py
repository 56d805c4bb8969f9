"""easel restore: makes a table of the deployment equal to another one, such as one restored from a backup.

DynamoDB restores only into a new table, without the stream, expiry and protection of the old one. So what was restored
is copied back into the table that the stack knows. The operator's settings in the ledger stay as they are, so buying
is stopped until the operator resumes it.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from cli.errors import CommandError
from cli.output import Result, progress, waiting
from cli.session import Context
from cli.stack import Stack, deployment
from core.ledger.model import Account
from core.ledger.store import SETTINGS

_OUTPUTS = {"jobs": "JobsTableName", "ledger": "LedgerTableName", "callers": "CallersTableName"}
_ATTEMPTS = 10
# The most writes that DynamoDB takes at once.
_BATCH = 25

app = typer.Typer()


def changes(stack: Stack, table: str, source: str) -> tuple[list[Any], list[Any]]:
    """What makes a table equal to the source: items to write, and keys of items to delete.

    Raises:
        CommandError: the tables have different keys.
    """
    dynamodb, name = stack.client("dynamodb"), stack.output(_OUTPUTS[table])
    keys = _keys_of(dynamodb, name)
    if _keys_of(dynamodb, source) != keys:
        raise CommandError(f"'{source}' has other keys than {name}; it is not a copy of the {table} table")

    def key_of(item: Any) -> tuple[str, ...]:
        return tuple(str(item[key]) for key in keys)

    wanted = {key_of(item): item for item in _items(dynamodb, source) if not _is_setting(item)}
    held = {key_of(item): item for item in _items(dynamodb, name) if not _is_setting(item)}
    writes = [item for key, item in wanted.items() if held.get(key) != item]
    deletes = [{name: item[name] for name in keys} for key, item in held.items() if key not in wanted]
    return writes, deletes


def restore(stack: Stack, table: str, writes: list[Any], deletes: list[Any]) -> None:
    """Carry out changes.

    Raises:
        CommandError: DynamoDB did not take all of them. Can be repeated.
    """
    dynamodb, name = stack.client("dynamodb"), stack.output(_OUTPUTS[table])
    requests = [{"PutRequest": {"Item": item}} for item in writes]
    requests += [{"DeleteRequest": {"Key": key}} for key in deletes]
    for start in progress(range(0, len(requests), _BATCH), f"Writing the {table} table"):
        left = {name: requests[start : start + _BATCH]}
        for _ in range(_ATTEMPTS):
            left = dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"]
            if not left:
                break
        else:
            raise CommandError("DynamoDB is too busy; run the command again")


def _is_setting(item: Any) -> bool:
    """Whether an item of the ledger is the operator's settings; items of other tables have no such keys."""
    return "name" in item and "owner" in item and Account(item["owner"]["S"], item["name"].get("S", "")) in SETTINGS


def _keys_of(dynamodb: Any, table: str) -> list[str]:
    schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    return sorted(each["AttributeName"] for each in schema)


def _items(dynamodb: Any, table: str) -> Iterator[Any]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


@app.command("restore")
def _restore(
    ctx: Context,
    table: Annotated[Literal["callers", "jobs", "ledger"], typer.Argument(help="Which table of this deployment.")],
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The name of the table that was restored.")],
    confirm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The stack's name. Without it, the command only says what would change."),
    ] = None,
) -> Result:
    """Make a table equal to one that was restored from a backup."""
    stack = deployment(ctx)
    if stack.ledger().control().stopped_at is None:
        raise CommandError("buying is not stopped; run `easel stop` first, so that nothing is bought meanwhile")
    if confirm not in (None, stack.name):
        raise CommandError(f"'{confirm}' is not the name of the stack, so nothing was changed")
    with waiting(f"Comparing the {table} table with {source}"):
        writes, deletes = changes(stack, table, source)
    document = {"table": table, "writes": len(writes), "deletes": len(deletes), "done": confirm is not None}
    planned = f"{len(writes)} items of the {table} table change or come back, {len(deletes)} newer ones go."
    if confirm is None:
        return Result(document, planned, f"Nothing was changed. To do it, add --confirm {stack.name}")
    restore(stack, table, writes, deletes)
    return Result(document, planned, "Done. When all that you need is restored: easel ledger check, then easel resume")
