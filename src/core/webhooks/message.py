"""Webhook messages as Standard Webhooks describes them: what a receiver is told, how it is signed, how far it came.

    pending ──► delivered   the receiver answered 2xx
       │   └──► gone        it answered 410: it wants no more of this
       └──────► given_up    a day of attempts was in vain; an operator may replay it

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

State = Literal["pending", "delivered", "gone", "given_up"]

# Pauses after each attempt in vain: eleven attempts within a day.
PAUSES_SECONDS = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 21600, 36000)
# A message that is due is normally attempted within seconds; after this many it is looked for.
PATIENCE_SECONDS = 60

_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix


@dataclass(frozen=True)
class Message:
    """What one receiver is told about one end of a job. Times are Unix seconds.

    `id` is the same however often the end is announced, attempted or replayed, so that a receiver can tell repetitions.
    `body` is what is sent, to the byte; `next_at` when the next attempt is due, `check_at` when the sweep has to look,
    `outcome` what became of the last attempt, such as status_500, `version` the number of writes.
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
        """Whether it may be attempted now; not while another attempt runs."""
        return self.state == "pending" and self.next_at <= now

    def attempted(self, now: int, lease_until: int) -> "Message":
        """Being attempted until `lease_until`; whoever finds it pending after that must try again."""
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
        """The attempt was in vain: the next one comes after a pause, if there is one left."""
        if self.attempts > len(PAUSES_SECONDS):
            return replace(self, state="given_up", outcome=outcome, check_at=None)
        next_at = now + PAUSES_SECONDS[self.attempts - 1]
        return replace(self, outcome=outcome, next_at=next_at, check_at=next_at + PATIENCE_SECONDS)

    def replayed(self, now: int) -> "Message":
        """As if it was new, whatever became of it."""
        return replace(self, state="pending", attempts=0, outcome=None, next_at=now, check_at=now + PATIENCE_SECONDS)

    def rescheduled(self, check_at: int) -> "Message":
        """Unchanged, but to be looked at again later."""
        return replace(self, check_at=check_at)


def new_message(job: Job, url: str, body: str, now: int) -> Message:
    """The message about a job's end, still to be sent."""
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
    """The id of the message about this end of a job; one that ends again, after a revival say, gets another."""
    end = f"{job.id}\n{job.status}\n{job.finished_at}"
    return "msg_" + hashlib.sha256(end.encode()).hexdigest()[:32]


def new_secret() -> str:
    """A fresh signing secret of 256 random bits."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(signing_secrets: Iterable[str], message_id: str, timestamp: int, body: str) -> str:
    """The header webhook-signature: one signature for each secret that is valid, so that secrets can change."""
    content = f"{message_id}.{timestamp}.{body}".encode()
    keys = (base64.b64decode(secret.removeprefix(_SECRET_PREFIX)) for secret in signing_secrets)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
