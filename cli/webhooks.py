"""easel webhooks: the secrets that sign webhooks, and sending a webhook again."""

import argparse
import time
from typing import Any

from cli.errors import CommandError, no_such_caller
from cli.options import duration
from cli.output import show, show_json
from cli.stack import Stack
from core.queues import JobQueue
from core.webhooks.message import Message, message_id
from core.webhooks.secret_store import SecretStore, SigningSecrets
from core.webhooks.store import MessageChanged, MessageStore


class NothingToReplay(CommandError):
    """The job has no webhook that can be sent again."""


def add_commands(commands: Any) -> None:
    """Add `easel webhooks`."""
    group = commands.add_parser("webhooks", help="show signing secrets, send webhooks again").add_subparsers(
        required=True
    )
    show = group.add_parser("secret", help="print the secret that signs a caller's webhooks; creates it if needed")
    show.add_argument("id", help="the caller's id, key_...")
    show.add_argument(
        "--rotate", action="store_true", help="create a new secret; for a while, the old one signs as well"
    )
    show.add_argument(
        "--overlap",
        type=duration,
        default="24h",
        metavar="DURATION",
        help="with --rotate: how long the old secret still signs (default: %(default)s)",
    )
    show.add_argument("--json", action="store_true", help="print JSON, for scripts")
    show.set_defaults(run=_secret)
    again = group.add_parser("replay", help="send the webhook of a job again")
    again.add_argument("job", help="the job's id, job_...")
    again.set_defaults(run=_replay)


def secret(stack: Stack, caller_id: str, *, rotate: bool, overlap_seconds: int) -> SigningSecrets | None:
    """A caller's signing secret, created if missing or to `rotate`; None if the caller does not exist."""
    if stack.callers().hash_of(caller_id) is None:
        return None
    store = SecretStore(stack.client("dynamodb"), stack.output("CallersTableName"))
    stored = store.of(caller_id)
    secrets = stored if stored and not rotate else store.rotate(caller_id, int(time.time()), overlap_seconds)
    stack.callers().set_signs_webhooks(caller_id)
    return secrets


def replay(stack: Stack, job_id: str) -> Message:
    """Send the webhook of a finished job again, under the same id, with retries for another day.

    Raises:
        NothingToReplay: there is no such job, or it has no webhook to send.
    """
    job = stack.jobs().get(job_id)
    if job is None:
        raise NothingToReplay(f"job '{job_id}' does not exist")
    if job.webhook is None:
        raise NothingToReplay(f"the request of {job_id} named no webhook")
    messages = MessageStore(stack.client("dynamodb"), stack.output("JobsTableName"))
    message = messages.get(message_id(job)) if job.finished else None
    if message is None:
        raise NothingToReplay(f"{job_id} has no webhook yet; it is sent when the job has ended")
    try:
        message = messages.save(message.replayed(int(time.time())))
    except MessageChanged:
        raise NothingToReplay("the webhook is being sent at this moment") from None
    JobQueue(stack.client("sqs"), stack.output("WebhooksQueueUrl")).send(message.id, group=message.caller_id)
    return message


def _secret(stack: Stack, options: argparse.Namespace) -> None:
    secrets = secret(stack, options.id, rotate=options.rotate, overlap_seconds=options.overlap)
    if secrets is None:
        raise no_such_caller(options.id)
    if options.json:
        show_json({"secret": secrets.current, "previous_until": secrets.previous_until})
    else:
        show(secrets.current)


def _replay(stack: Stack, options: argparse.Namespace) -> None:
    show(f"{replay(stack, options.job).id} is being sent again.")
