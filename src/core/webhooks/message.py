"""Webhook messages as specified by Standard Webhooks: what they contain, how they are signed, and their states.

    pending ──► delivered   the receiver answered 2xx
       │   └──► gone        it answered 410: it wants no more messages
       └──────► failed    all retries of one day failed; an operator may replay it

See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from core.jobs.model import Job

State = Literal["pending", "delivered", "gone", "failed"]

# Pauses after each failed attempt: eleven attempts within a day.
PAUSES_SECONDS = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 21600, 36000)
# A message that is due is normally attempted within seconds; after this many, the sweep checks on it.
PATIENCE_SECONDS = 60

_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix


@dataclass(frozen=True)
class Message:
    """A message to one receiver about one end of a job. Times are Unix seconds.

    `id` stays the same however often the end is announced, attempted or replayed, so that a receiver can recognize
    repetitions. `body` is exactly what is sent; `next_at` is when the next attempt is due, `check_at` when the sweep
    checks the message, `outcome` the result of the last attempt, such as status_500, `version` the number of writes.
    """

    id: str
    job_id: str
    caller_id: str
    url: str
    body: str
    created_at: int
    expires_at: int
    next_at: int
    check_at: int | None = None
    state: State = "pending"
    attempts: int = 0
    attempted_at: int | None = None
    outcome: str | None = None
    version: int = 0

    def is_due(self, now: int) -> bool:
        """Whether it may be attempted now, which is not the case while another attempt runs."""
        return self.state == "pending" and self.next_at <= now

    def attempted(self, now: int, lease_until: int) -> "Message":
        """Being attempted until `lease_until`; if it is still pending after that, it is due again."""
        return replace(
            self, attempts=self.attempts + 1, attempted_at=now, next_at=lease_until, check_at=lease_until, outcome=None
        )

    def answered(self, status: int, now: int) -> "Message":
        """The receiver answered with that status."""
        outcome = f"status_{status}"
        if 200 <= status < 300:
            return replace(self, state="delivered", outcome=outcome, check_at=None)
        if status == 410:
            return replace(self, state="gone", outcome=outcome, check_at=None)
        return self.failed(outcome, now)

    def failed(self, outcome: str, now: int) -> "Message":
        """The attempt failed: the next one follows after a pause, if any remains."""
        if self.attempts > len(PAUSES_SECONDS):
            return replace(self, state="failed", outcome=outcome, check_at=None)
        next_at = now + PAUSES_SECONDS[self.attempts - 1]
        return replace(self, outcome=outcome, next_at=next_at, check_at=next_at + PATIENCE_SECONDS)

    def replayed(self, now: int) -> "Message":
        """As if it were new, whatever its state."""
        return replace(self, state="pending", attempts=0, outcome=None, next_at=now, check_at=now + PATIENCE_SECONDS)

    def rescheduled(self, check_at: int) -> "Message":
        """Unchanged, except for when the sweep checks it."""
        return replace(self, check_at=check_at)


def new_message(job: Job, url: str, body: str, now: int) -> Message:
    """The message about a job's end, not yet sent."""
    return Message(
        id=message_id(job),
        job_id=job.id,
        caller_id=job.caller_id,
        url=url,
        body=body,
        created_at=now,
        expires_at=job.expires_at,
        next_at=now,
        check_at=now + PATIENCE_SECONDS,
    )


def message_id(job: Job) -> str:
    """The id of the message about this end of a job; a job that ends again, for example when retried, gets another."""
    end = f"{job.id}\n{job.status}\n{job.finished_at}"
    return "msg_" + hashlib.sha256(end.encode()).hexdigest()[:32]


def new_secret() -> str:
    """A fresh signing secret of 256 random bits."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(signing_secrets: Iterable[str], message_id: str, timestamp: int, body: str) -> str:
    """The header webhook-signature: one signature for each valid secret, so that secrets can be rotated."""
    content = f"{message_id}.{timestamp}.{body}".encode()
    keys = (base64.b64decode(secret.removeprefix(_SECRET_PREFIX)) for secret in signing_secrets)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
