"""easel drops and easel redrive: who owns what is dropped, and drops that were given up."""

from typing import TYPE_CHECKING

from cli.stack import Stack, StackError
from core.callers.store import CallerStore
from core.drops.prefix_store import OwnedPrefix, PrefixStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# SQS hands over no more at once.
_BATCH = 10


def map_prefix(stack: Stack, prefix: str, caller_id: str) -> str:
    """Let a caller own what is dropped under a prefix: the prefix as it is kept.

    Raises:
        StackError: there is no such caller.
    """
    key_hash = CallerStore(_dynamodb(stack), stack.output("CallersTableName")).hash_of(caller_id)
    if key_hash is None:
        raise StackError(f"There is no caller '{caller_id}'; see: easel keys list")
    mapping = OwnedPrefix(canonical(prefix), caller_id, key_hash)
    _prefixes(stack).put(mapping)
    return mapping.prefix


def unmap_prefix(stack: Stack, prefix: str) -> bool:
    """Let nobody own what is dropped under a prefix; False when nobody did."""
    return _prefixes(stack).remove(canonical(prefix))


def table(stack: Stack) -> list[str]:
    """All mappings as the lines of a table."""
    callers = {
        caller.id: caller for caller in CallerStore(_dynamodb(stack), stack.output("CallersTableName")).list_all()
    }
    lines = [f"{'PREFIX':40}{'KEY':22}NAME"]
    for mapping in _prefixes(stack).list_all():
        name = callers[mapping.caller_id].name if mapping.caller_id in callers else "-"
        lines.append(f"{mapping.prefix or '/':40}{mapping.caller_id:22}{name}")
    return lines


def canonical(prefix: str) -> str:
    """A prefix as it is kept: a folder with a slash at its end; nothing for the whole inbox."""
    folder = prefix.strip("/")
    return f"{folder}/" if folder else ""


def redrive(stack: Stack) -> int:
    """Put every dead-lettered drop back into its queue: how many there were.

    A drop that is put back twice, because this is stopped halfway, still becomes one job.
    """
    sqs = stack.session.client("sqs", endpoint_url=stack.endpoint_url)
    source, queue = stack.output("DropsDeadLetterQueueUrl"), stack.output("DropsQueueUrl")
    moved = 0
    while messages := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=1).get(
        "Messages"
    ):
        for message in messages:
            sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    return moved


def _dynamodb(stack: Stack) -> "DynamoDBClient":
    return stack.session.client("dynamodb", endpoint_url=stack.endpoint_url)


def _prefixes(stack: Stack) -> PrefixStore:
    return PrefixStore(_dynamodb(stack), stack.output("CallersTableName"))
