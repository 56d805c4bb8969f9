"""easel webhooks: the secrets that sign webhooks, what became of webhooks, testing a receiver and sending again."""

import json
import secrets
import time
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from cli.errors import CommandError, no_such_key
from cli.options import duration
from cli.output import Result, Table, when
from cli.session import Context
from cli.stack import Stack, deployment
from core.jobs.filters import Filters
from core.outbound.addresses import TrustedHosts
from core.outbound.urls import ForbiddenUrl, HttpsUrl
from core.queues import JobQueue
from core.webhooks.delivery import Deliverer
from core.webhooks.message import Message, message_id
from core.webhooks.secret_store import SecretStore, SigningSecrets
from core.webhooks.store import MessageChanged, MessageStore

_DAY_SECONDS = 86400

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
    current = stored if stored and not rotate else store.rotate(caller_id, int(time.time()), overlap_seconds)
    stack.callers().set_signs_webhooks(caller_id)
    return current


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
    messages = _messages(stack)
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
    found = secret(deployment(ctx), key, rotate=new, overlap_seconds=overlap or _DAY_SECONDS)
    if found is None:
        raise no_such_key(key)
    return Result({"secret": found.current, "previous_until": found.previous_until}, found.current)


@_webhooks.command("list")
def _list(
    ctx: Context,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Only webhooks of this key, key_....")] = None,
    since: Annotated[
        int | None,
        typer.Option(parser=duration, metavar="DURATION", show_default="24h", help="Only jobs of the last 12h or 7d."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only webhooks that were not delivered.")] = False,
) -> Result:
    """List the webhooks of jobs that have ended, newest first: whether they were delivered, and what was answered."""
    stack = deployment(ctx)
    owners = [caller.id for caller in stack.callers().list_all() if key in (None, caller.id)]
    if key and not owners:
        raise no_such_key(key)
    messages, wanted = _messages(stack), Filters(created_after=int(time.time()) - (since or _DAY_SECONDS))
    jobs = (job for owner in owners for job in stack.jobs().all_of(owner, wanted) if job.webhook and job.finished)
    found = [message for job in jobs if (message := messages.get(message_id(job)))]
    rows = sorted(
        (message for message in found if not failed or message.state != "delivered"),
        key=lambda message: message.created_at,
        reverse=True,
    )
    headings = ("JOB", "KEY", "HOST", "STATE", "ATTEMPTS", "LAST ANSWER", "LAST ATTEMPT")
    documents = [_document(message) for message in rows]
    lines = [
        (
            each["job"],
            each["key"],
            each["host"],
            each["state"],
            each["attempts"],
            each["outcome"],
            when(each["attempted_at"]),
        )
        for each in documents
    ]
    return Result(documents, Table(headings, lines, numbers=("ATTEMPTS",)))


@_webhooks.command("test")
def _test(
    ctx: Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key whose secret signs, key_....")],
    url: Annotated[str, typer.Argument(metavar="URL", help="The receiver: https://, and public or trusted.")],
) -> Result:
    """Send a signed test message to a receiver, once, from this machine. It has the type `easel.test` and no job."""
    stack = deployment(ctx)
    if not stack.callers().hash_of(key):
        raise no_such_key(key)
    secrets_of_keys = SecretStore(stack.client("dynamodb"), stack.output("CallersTableName"))
    if secrets_of_keys.of(key) is None:
        raise CommandError(f"{key} has no secret yet; create it with `easel webhooks secret {key}`")
    try:
        host = HttpsUrl.parse(url).host
    except ForbiddenUrl as error:
        raise typer.BadParameter(str(error)) from None
    now = int(time.time())
    test = Message(
        id=f"msg_{secrets.token_hex(16)}",
        job_id="",
        caller_id=key,
        url=url,
        body=json.dumps({"type": "easel.test", "timestamp": when(now), "data": {}}),
        created_at=now,
        expires_at=now,
        next_at=now,
    )
    queue = JobQueue(stack.client("sqs"), stack.output("WebhooksQueueUrl"))
    trusted = TrustedHosts.parse(stack.parameters.get("TrustedWebhookHosts", "").replace(",", " ").split())
    sent = Deliverer(_messages(stack), secrets_of_keys, queue, trusted).attempt(replace(test, attempts=1))
    delivered = sent.state == "delivered"
    return Result(
        {"webhook": sent.id, "host": host, "delivered": delivered, "outcome": sent.outcome},
        *([f"{host} has accepted {sent.id}: {sent.outcome}."] if delivered else []),
        failure=None if delivered else f"{host} has not accepted the test message: {sent.outcome}",
    )


@_webhooks.command("replay")
def _replay(ctx: Context, job: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, job_...")]) -> Result:
    """Send the webhook of a finished job again, under the same id."""
    message = replay(deployment(ctx), job)
    return Result({"webhook": message.id, "job": job}, f"{message.id} is being sent again.")


def _messages(stack: Stack) -> MessageStore:
    return MessageStore(stack.client("dynamodb"), stack.output("JobsTableName"))


def _document(message: Message) -> dict[str, Any]:
    """A webhook without its body and without the path of its URL, which may hold secrets."""
    return {
        "webhook": message.id,
        "job": message.job_id,
        "key": message.caller_id,
        "host": urlsplit(message.url).hostname,
        "state": message.state,
        "attempts": message.attempts,
        "outcome": message.outcome,
        "created_at": message.created_at,
        "attempted_at": message.attempted_at,
    }
