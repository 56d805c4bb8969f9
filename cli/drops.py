"""easel drops and easel redrive: which key pays for which drops, and drops that failed for good."""

import argparse
from typing import Any

from cli.errors import CommandError, no_such_caller
from cli.output import show
from cli.stack import Stack
from core.drops.prefix_store import OwnedPrefix, PrefixStore

# The most messages that SQS returns at once.
_BATCH = 10


def add_commands(commands: Any) -> None:
    """Add `easel drops` and `easel redrive`."""
    group = commands.add_parser("drops", help="map folders of the inbox to keys").add_subparsers(required=True)
    map_ = group.add_parser("map", help="map a folder of the inbox to the key that pays for its drops")
    map_.add_argument("prefix", help="the folder, such as team/; / is the whole inbox")
    map_.add_argument("id", help="the caller's id, key_...")
    map_.add_argument("--replace", action="store_true", help="even if the folder belongs to another key")
    map_.set_defaults(run=_map)
    group.add_parser("list", help="list folders and their keys").set_defaults(run=_list)
    unmap = group.add_parser("unmap", help="remove the mapping of a folder")
    unmap.add_argument("prefix", help="the folder, as it was mapped")
    unmap.set_defaults(run=_unmap)
    commands.add_parser("redrive", help="put dead-lettered drops back into their queue").set_defaults(run=_redrive)


def map_prefix(stack: Stack, prefix: str, caller_id: str, *, replace: bool = False) -> str:
    """Make a caller the owner of what is dropped under a prefix; returns the prefix in canonical form.

    Raises:
        CommandError: the prefix is empty, the caller does not exist, or another one is the owner and is not to be
            replaced.
    """
    key_hash = stack.callers().hash_of(caller_id)
    if key_hash is None:
        raise no_such_caller(caller_id)
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


def table(stack: Stack) -> list[str]:
    """All mappings as the lines of a table."""
    names = {caller.id: caller.name for caller in stack.callers().list_all()}
    lines = [f"{'PREFIX':40}{'KEY':22}NAME"]
    for mapping in _prefixes(stack).list_all():
        lines.append(f"{mapping.prefix or '/':40}{mapping.caller_id:22}{names.get(mapping.caller_id, '-')}")
    return lines


def redrive(stack: Stack) -> int:
    """Put every dead-lettered drop back into its queue; returns how many there were.

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


def _map(stack: Stack, options: argparse.Namespace) -> None:
    before = _owner_of(stack, _canonical(options.prefix))
    prefix = map_prefix(stack, options.prefix, options.id, replace=options.replace)
    instead = f", and no longer to {before}" if before not in (None, options.id) else ""
    show(f"What is dropped under '{prefix or '/'}' now belongs to {options.id}{instead}.")


def _list(stack: Stack, _: argparse.Namespace) -> None:
    show(*table(stack))


def _unmap(stack: Stack, options: argparse.Namespace) -> None:
    if not unmap_prefix(stack, options.prefix):
        raise CommandError(f"'{options.prefix}' is not mapped; see `easel drops list`")
    show(f"'{options.prefix}' is no longer mapped. What is dropped there is refused, unless a parent folder is mapped.")


def _redrive(stack: Stack, _: argparse.Namespace) -> None:
    moved = redrive(stack)
    show(f"{moved} dead-lettered {'drop was' if moved == 1 else 'drops were'} put back.")
