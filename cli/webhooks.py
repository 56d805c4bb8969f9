"""easel webhooks: the secrets that sign webhooks, and sending a webhook again."""

import time
from typing import Annotated

import typer

from cli.errors import CommandError, no_such_key
from cli.options import duration
from cli.output import Result
from cli.session import Context
from cli.stack import Stack, deployment
from core.queues import JobQueue
from core.webhooks.message import Message, message_id
from core.webhooks.secret_store import SecretStore, SigningSecrets
from core.webhooks.store import MessageChanged, MessageStore

_OVERLAP_SECONDS = 86400

app = typer.Typer()
_webhooks = typer.Typer(no_args_is_help=True)
app.add_typer(_webhooks, name="webhooks")


class NothingToReplay(CommandError):
    """The job has no webhook that can be sent again."""


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


@_webhooks.command("secret")
def _secret(
    ctx: Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, key_...")],
    new: Annotated[
        bool, typer.Option("--rotate", help="Create a new secret; for a while, the old one signs as well.")
    ] = False,
    overlap: Annotated[
        int | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="With --rotate: how long the old secret still signs, such as 12h or 7d.",
            show_default="24h",
        ),
    ] = None,
) -> Result:
    """Print the secret that signs a key's webhooks; it is created if needed."""
    if overlap is not None and not new:
        raise typer.BadParameter("--overlap needs --rotate")
    secrets = secret(deployment(ctx), key, rotate=new, overlap_seconds=overlap or _OVERLAP_SECONDS)
    if secrets is None:
        raise no_such_key(key)
    return Result({"secret": secrets.current, "previous_until": secrets.previous_until}, secrets.current)


@_webhooks.command("replay")
def _replay(ctx: Context, job: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, job_...")]) -> Result:
    """Send the webhook of a finished job again, under the same id."""
    message = replay(deployment(ctx), job)
    return Result({"webhook": message.id, "job": job}, f"{message.id} is being sent again.")
