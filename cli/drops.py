"""easel drops and easel redrive: which key pays for which drops, and drops that failed for good."""

from collections.abc import Callable
from typing import Annotated

import typer

from cli.errors import CommandError, no_such_key
from cli.output import Result, Table, waiting
from cli.session import Context
from cli.stack import Stack, deployment
from core.drops.prefix_store import OwnedPrefix, PrefixStore

# The most messages that SQS returns at once.
_BATCH = 10

app = typer.Typer()
_drops = typer.Typer(no_args_is_help=True)
app.add_typer(_drops, name="drops")


def map_prefix(stack: Stack, prefix: str, caller_id: str, *, replace: bool = False) -> str:
    """Make a caller the owner of what is dropped under a prefix; returns the prefix in canonical form.

    Raises:
        CommandError: the prefix is empty, the caller does not exist, or another one is the owner and is not to be
            replaced.
    """
    key_hash = stack.callers().hash_of(caller_id)
    if key_hash is None:
        raise no_such_key(caller_id)
    mapping = OwnedPrefix(_canonical(prefix), caller_id, key_hash)
    owner = _owner_of(stack, mapping.prefix)
    if owner not in (None, caller_id) and not replace:
        raise CommandError(
            f"'{mapping.prefix or '/'}' belongs to {owner}, which pays for what is dropped there; use --replace to let "
            f"{caller_id} pay from now on"
        )
    _prefixes(stack).put(mapping)
    return mapping.prefix


def unmap_prefix(stack: Stack, prefix: str) -> bool:
    """Remove the mapping of a prefix; False if there was none.

    Raises:
        CommandError: the prefix is empty.
    """
    return _prefixes(stack).remove(_canonical(prefix))


def redrive(stack: Stack, say: Callable[[str], None] = lambda _: None) -> int:
    """Put every dead-lettered drop back into its queue; returns how many there were. `say` is told how far it is.

    If this is interrupted, a drop may be put back twice; it still becomes one job.
    """
    sqs = stack.client("sqs")
    source, queue = stack.output("DropsDeadLetterQueueUrl"), stack.output("DropsQueueUrl")
    moved = 0
    while messages := sqs.receive_message(
        QueueUrl=source,
        MaxNumberOfMessages=_BATCH,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["MessageGroupId"],
    ).get("Messages"):
        for message in messages:
            # S3 names no group; what Easel sent has that of its owner.
            sqs.send_message(QueueUrl=queue, MessageBody=message["Body"], **message.get("Attributes", {}))
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
        say(f"Put back so far: {moved}")
    return moved


def _canonical(prefix: str) -> str:
    """A prefix as it is stored: a folder with a trailing slash, empty for the whole inbox.

    Raises:
        CommandError: the prefix is empty, as a shell variable without a value is.
    """
    if not prefix.strip():
        raise CommandError("the folder is empty; use a name such as team/, or / for the whole inbox")
    folder = prefix.strip("/")
    return f"{folder}/" if folder else ""


def _prefixes(stack: Stack) -> PrefixStore:
    return PrefixStore(stack.client("dynamodb"), stack.output("CallersTableName"))


def _owner_of(stack: Stack, prefix: str) -> str | None:
    """The caller that a prefix in canonical form is mapped to; None if it is not."""
    return next((each.caller_id for each in _prefixes(stack).list_all() if each.prefix == prefix), None)


@_drops.command("map")
def _map(
    ctx: Context,
    prefix: Annotated[str, typer.Argument(metavar="FOLDER", help="Such as team/; / is the whole inbox.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key that pays, key_...")],
    replace: Annotated[bool, typer.Option("--replace", help="Even if another key pays for the folder now.")] = False,
) -> Result:
    """Map a folder of the inbox to the key that pays for what is dropped there."""
    stack = deployment(ctx)
    before = _owner_of(stack, _canonical(prefix))
    folder = map_prefix(stack, prefix, key, replace=replace) or "/"
    instead = f", and no longer to {before}" if before not in (None, key) else ""
    return Result(
        {"folder": folder, "key": key, "previous_key": before},
        f"What is dropped under '{folder}' now belongs to {key}{instead}.",
    )


@_drops.command("list")
def _list(ctx: Context) -> Result:
    """List folders and the keys that pay for them."""
    stack = deployment(ctx)
    names = {caller.id: caller.name for caller in stack.callers().list_all()}
    mapped = [(each.prefix or "/", each.caller_id, names.get(each.caller_id)) for each in _prefixes(stack).list_all()]
    return Result(
        [{"folder": folder, "key": key, "name": name} for folder, key, name in mapped],
        Table(("FOLDER", "KEY", "NAME"), [(folder, key, name or "-") for folder, key, name in mapped]),
    )


@_drops.command("unmap")
def _unmap(
    ctx: Context, prefix: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder, as it was mapped.")]
) -> Result:
    """Remove the mapping of a folder."""
    if not unmap_prefix(deployment(ctx), prefix):
        raise CommandError(f"'{prefix}' is not mapped; see `easel drops list`")
    return Result(
        {"folder": _canonical(prefix) or "/"},
        f"'{prefix}' is no longer mapped. What is dropped there is refused, unless a parent folder is mapped.",
    )


@app.command("redrive")
def _redrive(ctx: Context) -> Result:
    """Put dead-lettered drops back into their queue."""
    with waiting("Looking for dead-lettered drops") as say:
        moved = redrive(deployment(ctx), say)
    return Result({"drops": moved}, f"{moved} dead-lettered {'drop was' if moved == 1 else 'drops were'} put back.")
