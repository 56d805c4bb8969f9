"""Submission: which job a request belongs to, the job's record with the money it reserves, and its queue message."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from core.budgets import Budgets
from core.callers.model import Caller
from core.errors import Conflict, Hint, ServiceUnavailable
from core.jobs.model import Job, new_job_id
from core.jobs.origin import Origin
from core.jobs.store import (
    JobChanged,
    JobExists,
    JobPointer,
    JobStore,
    again_pointer,
    again_pointer_id,
    repeat_pointer_id,
    retry_pointer_id,
)
from core.ledger.parts import LimitReached
from core.ledger.transactions import StoreBusy
from core.pricing import Quote
from core.queues import JobQueue, QueueUnavailable
from core.requests import CheckedRequest

log = logging.getLogger(__name__)

# An SDK that got no answer sends the same request again: after its read timeout, 10 minutes by default, and a pause of
# up to 2 minutes.
RETRY_WINDOW_SECONDS = 900
# In place of a caller's id, none of which is empty.
_ANY_CALLER = ""


@dataclass(frozen=True)
class SubmissionContext:
    """How a request arrived: what decides whether it was sent before, and who is notified of its end.

    `idempotency_key` is the caller's. `sdk_attempt` counts an OpenAI SDK's attempts from 0 (its header
    x-stainless-retry-count); None for other clients. `repeat_seconds` is for clients that send a request again without
    saying so: for that long, an equal request of the caller is the same purchase. `dedupe_key` is an entry point's own
    name for the purchase, whoever pays for it, and replaces the other three. `webhook` is the URL that is notified of
    the job's end, `origin` the dropped object that the request came from. `admission` is called with a new purchase and
    its price before it costs anything, and may refuse it; a request that finds its job is not asked.
    """

    request_id: str
    idempotency_key: str | None = None
    sdk_attempt: int | None = None
    repeat_seconds: int | None = None
    dedupe_key: str | None = None
    webhook: str | None = None
    origin: Origin | None = None
    admission: Callable[[CheckedRequest, Quote], None] | None = None

    @property
    def is_recognised(self) -> bool:
        """Whether the same request finds its job in any case: by its name, or since every equal one does."""
        return any(each is not None for each in (self.idempotency_key, self.dedupe_key, self.repeat_seconds))


class Identity(NamedTuple):
    """The id of a request's job. One that `is_new` was made for this request; another may be that of an earlier one."""

    job_id: str
    is_new: bool = False


class JobSubmission:
    """Submits jobs to the workers."""

    def __init__(self, jobs: JobStore, queue: JobQueue, budgets: Budgets) -> None:
        self._jobs = jobs
        self._queue = queue
        self._budgets = budgets

    def identify(self, caller: Caller, fingerprint: str, context: SubmissionContext) -> Identity:
        """Which job a request belongs to: the same for the same purchase, as far as the client lets us recognise it.

        A name decides alone: an entry point's own, or the caller's idempotency key. Without one, a retry finds what it
        repeats, and any equal request a job that was charged without a result a short while ago, or is still awaited.
        """
        if context.dedupe_key is not None:
            return Identity(new_job_id(_ANY_CALLER, context.dedupe_key))
        if context.idempotency_key is not None:
            return Identity(new_job_id(caller.subject, context.idempotency_key))
        if context.repeat_seconds is not None:
            return self._identify_repeat(caller, fingerprint, context.repeat_seconds)
        return self._identify_retry(caller, fingerprint, context.sdk_attempt)

    def find(self, dedupe_key: str) -> Job | None:
        """The job of an earlier request with that dedupe key."""
        return self._jobs.get(new_job_id(_ANY_CALLER, dedupe_key))

    def find_equal(self, caller: Caller, fingerprint: str, context: SubmissionContext) -> Job | None:
        """The job that a request with that idempotency key has, or one that repeats an equal request."""
        if context.idempotency_key is not None:
            return self._jobs.get(new_job_id(caller.subject, context.idempotency_key))
        job_id = self._jobs.pointed_at(repeat_pointer_id(caller.id, fingerprint), time.time())
        return self._jobs.get(job_id) if job_id else None

    def expect_again(self, job: Job, context: SubmissionContext, until: float | None = None) -> bool:
        """Let equal requests without a key find the job for some minutes: its client is likely to send one.

        The minutes begin now, or `until` then (Unix seconds). Returns whether equal requests find the job: a failure of
        the table is logged and nothing more, and then only retries find it that say they are.
        """
        if context.is_recognised:
            return True
        since = int(until or time.time())
        return self._try_to_point(job, lambda: self._jobs.point(again_pointer(job, since)))

    def delivered(self, job: Job, context: SubmissionContext) -> None:
        """Let equal requests be new purchases: the client that sent its request again has its images."""
        if not context.is_recognised:
            self._try_to_point(job, lambda: self._jobs.point_no_longer(again_pointer(job, int(time.time()))))

    def _try_to_point(self, job: Job, write: Callable[[], None]) -> bool:
        try:
            write()
        except (BotoCoreError, ClientError) as error:
            log.warning("a pointer was not written", extra={"job_id": job.id, "error": type(error).__name__})
            return False
        return True

    def job(self, job_id: str) -> Job | None:
        """The job with that id, of any caller."""
        return self._jobs.get(job_id)

    def submit(self, caller: Caller, checked: CheckedRequest, job: Job, context: SubmissionContext) -> Job:
        """Reserve a job's money, write it and queue it; or return the job that already has its id.

        Raises:
            Conflict: the job that has its id belongs to a different request.
            BudgetExceeded, RateLimited, BuyingStopped: the reservation is refused.
            InvalidRequest: a budget applies, and the price is not known.
            ServiceUnavailable: the queue cannot be reached, or too many requests are being booked; nothing is left
                behind.
        """
        try:
            return self._submit(caller, checked, job, context)
        except (BotoCoreError, ClientError):
            self.expect_again(job, context)  # It may have been written all the same.
            raise

    def _submit(self, caller: Caller, checked: CheckedRequest, job: Job, context: SubmissionContext) -> Job:
        try:
            created = self._write(caller, self._jobs.create, self._reserving(caller, checked, job))
        except JobExists:
            return self._rejoin(caller, checked, job, context)
        _log_purchase("job accepted", created)
        return self._enqueue(created)

    def earlier(self, job: Job, context: SubmissionContext) -> Job | None:
        """The job that was submitted earlier under the id of `job`.

        Raises:
            Conflict: it belongs to a different request.
        """
        existing = self._jobs.get(job.id)
        if existing is not None and existing.fingerprint != job.fingerprint:
            raise Conflict(
                "The key of this request was used before for a different one.",
                hint=Hint.NEW_KEY,
                job_id=existing.id,
            )
        if existing is not None and context.idempotency_key is not None:
            _check_same_conditions(existing, job)
        return existing

    def _rejoin(self, caller: Caller, checked: CheckedRequest, job: Job, context: SubmissionContext) -> Job:
        """The job that was submitted earlier; one that failed free of charge and may succeed now is tried again."""
        existing = self.earlier(job, context)
        if existing is None:
            raise ServiceUnavailable("The job of this request has just expired.", hint=Hint.SEND_AGAIN)
        if not existing.may_be_revived_by(caller):
            return existing
        sent = job.request  # Its caller may have deleted the stored words.
        request = replace(existing.request, prompt=sent.prompt, metadata=sent.metadata, inputs=sent.inputs)
        anew = existing.revived(time.time(), job.deadline)
        reviving = replace(anew, request=request, deadline_seconds=job.deadline_seconds)
        try:
            revived = self._write(caller, self._jobs.save, self._reserving(caller, checked, reviving))
        except JobChanged:
            return self._jobs.get(job.id) or existing
        _log_purchase("job accepted again", revived)
        try:
            self._send(revived)
        except QueueUnavailable:
            log.warning("job is left to the sweep, the queue is unavailable", extra={"job_id": job.id})
        return revived

    def _identify_retry(self, caller: Caller, fingerprint: str, sdk_attempt: int | None) -> Identity:
        """The job that the SDK's first attempt started; else one that equal requests find now; else a new one."""
        now = time.time()
        pointer_id = retry_pointer_id(caller.subject, fingerprint)
        if sdk_attempt and (first := self._jobs.pointed_at(pointer_id, now)):
            return Identity(first)
        if earlier := self._found_again(caller, fingerprint, now):
            return Identity(earlier)
        job_id = new_job_id(caller.subject, None)
        if sdk_attempt is not None:
            self._jobs.point(JobPointer(pointer_id, job_id, int(now) + RETRY_WINDOW_SECONDS))
        return Identity(job_id, is_new=True)

    def _identify_repeat(self, caller: Caller, fingerprint: str, seconds: int) -> Identity:
        """An equal request's job; a new one if that job ended free of charge, so that it can be bought.

        The pointer is moved by a conditional write, so two equal requests at the same moment find one job.
        """
        now = time.time()
        pointer_id = repeat_pointer_id(caller.id, fingerprint)
        first = self._jobs.pointed_at(pointer_id, now)
        if earlier := self._unless_free(first) or self._found_again(caller, fingerprint, now):
            return Identity(earlier)
        pointer = JobPointer(pointer_id, new_job_id(caller.id, None), int(now) + seconds)
        found = self._jobs.point_repeats(pointer, now, over=first)
        return Identity(found, is_new=found == pointer.job_id)

    def _found_again(self, caller: Caller, fingerprint: str, now: float) -> str | None:
        """The id of the job that every equal request of the caller finds now, if there is one.

        It was charged without a result, or its client has good reason to send the request again.
        """
        return self._unless_free(self._jobs.pointed_at(again_pointer_id(caller.subject, fingerprint), now))

    def _unless_free(self, job_id: str | None) -> str | None:
        """The id of a job that a pointer names, unless it ended free of charge, so that it can be bought anew."""
        job = self._jobs.get(job_id) if job_id else None
        # Without a job: a crash, or the request that started it is about to write it.
        return job_id if job is None or job.answers_equal_requests else None

    def _reserving(self, caller: Caller, checked: CheckedRequest, job: Job) -> Job:
        return job.reserving(self._budgets.reservation(caller, job.request, job.quote, priced=checked.priced))

    def _write(self, caller: Caller, write: Callable[[Job], Job], job: Job) -> Job:
        """Write a job with its reservation; a refused reservation becomes the caller's error."""
        try:
            return write(job)
        except LimitReached as reached:
            raise self._budgets.refusal(caller, reached, job.quote, job.request.n) from None
        except StoreBusy:
            raise ServiceUnavailable(
                "Too many requests are being booked at the moment. Nothing was bought.",
                hint=Hint.SEND_AGAIN,
                retry_after=2,
            ) from None

    def _enqueue(self, job: Job) -> Job:
        try:
            self._send(job)
        except QueueUnavailable:
            try:
                self._jobs.withdraw(job.canceled(int(time.time())))
            except JobChanged:
                return job  # The message went out after all, and a worker has the job.
            log.error("job withdrawn, the queue is unavailable", extra={"job_id": job.id})
            raise ServiceUnavailable(
                "The job could not be queued. Nothing was bought.", hint=Hint.SEND_AGAIN, retry_after=5
            ) from None
        return job

    def _send(self, job: Job) -> None:
        self._queue.send(job.id, group=job.caller_id)


def _log_purchase(what: str, job: Job) -> None:
    """Who may spend how much for what."""
    log.info(
        what,
        extra={
            "job_id": job.id,
            "caller_id": job.caller_id,
            "token_id": job.token_id,
            "operation": job.request.operation,
            "model": job.request.model,
            "images": job.request.n,
            "upper_bound_micro_usd": job.quote.upper_bound,
        },
    )


def _check_same_conditions(existing: Job, job: Job) -> None:
    """Raises Conflict if the same request came with another webhook or deadline before: they would be ignored."""
    conditions: list[tuple[str, str | int | None, str | int | None]] = [("webhook", existing.webhook, job.webhook)]
    if existing.deadline_seconds is not None:
        conditions.append(("deadline", existing.deadline_seconds, job.deadline_seconds))
    for name, before, now in conditions:
        if before != now:
            raise Conflict(
                f"The key of this request was used before with another {name}.", hint=Hint.NEW_KEY, job_id=existing.id
            )
