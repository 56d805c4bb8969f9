"""easel webhooks: the secrets that webhooks are signed with, and sending one again."""

import time

from cli.stack import Stack
from core.callers.store import CallerStore
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.queues import JobQueue
from core.webhooks.message import Message, message_id
from core.webhooks.secret_store import SecretStore, SigningSecrets
from core.webhooks.store import MessageChanged, MessageStore


class NothingToReplay(Exception):
    """There is no webhook to send again; the message says why."""


def secret(stack: Stack, caller_id: str, *, rotate: bool, overlap_seconds: int) -> SigningSecrets | None:
    """A caller's signing secret, made if there is none yet or a new one is wanted; None if there is no such caller."""
    client = stack.session.client("dynamodb", endpoint_url=stack.endpoint_url)
    table = stack.output("CallersTableName")
    if not any(caller.id == caller_id for caller in CallerStore(client, table).list_all()):
        return None
    store = SecretStore(client, table)
    held = store.of(caller_id)
    return held if held and not rotate else store.rotate(caller_id, int(time.time()), overlap_seconds)


def replay(stack: Stack, job_id: str) -> Message:
    """Send the message about a job's end again, under its id, with a day of attempts before it.

    Raises:
        NothingToReplay: no such job, or none whose end has a message.
    """
    client = stack.session.client("dynamodb", endpoint_url=stack.endpoint_url)
    table = stack.output("JobsTableName")
    job = JobStore(client, table, LedgerStore(client, stack.output("LedgerTableName"))).get(job_id)
    if job is None:
        raise NothingToReplay(f"there is no job '{job_id}'")
    if job.webhook is None:
        raise NothingToReplay("the request of that job named no webhook")
    messages = MessageStore(client, table)
    message = messages.get(message_id(job)) if job.finished else None
    if message is None:
        raise NothingToReplay("the end of that job was not announced yet")
    try:
        message = messages.save(message.replayed(int(time.time())))
    except MessageChanged:
        raise NothingToReplay("it is being sent at this moment") from None
    sqs = stack.session.client("sqs", endpoint_url=stack.endpoint_url)
    JobQueue(sqs, stack.output("WebhooksQueueUrl")).send(message.id)
    return message
