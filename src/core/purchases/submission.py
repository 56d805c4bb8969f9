"""How a job is accepted: checked before, written once, queued, and waited for."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.budgets import Spending, buying_stopped
from core.callers.model import Caller
from core.catalog import Catalog
from core.errors import Conflict, InvalidRequest, ModelNotFound, NotFound, PermissionDenied, ServiceUnavailable
from core.jobs.model import DEADLINE_SECONDS, Job, new_job, new_job_id
from core.jobs.origin import Origin
from core.jobs.store import (
    JobChanged,
    JobExists,
    JobStore,
    RetryPointer,
    StoreBusy,
    repeat_pointer_id,
    retry_pointer_id,
)
from core.ledger.store import BoundReached, Stopped
from core.pricing import quote
from core.queues import JobQueue, QueueUnavailable
from core.requests import Request
from core.webhooks.destinations import Receivers

log = logging.getLogger(__name__)

# An SDK that got no answer sends the same request again: after its read time-out, 10 minutes by default, and a pause of
# up to 2 minutes.
RETRY_WINDOW_SECONDS = 900
_FIRST_POLL_SECONDS = 0.2
_LAST_POLL_SECONDS = 1.0
# In place of a caller's id, none of which is empty.
_ANYBODY = ""


@dataclass(frozen=True)
class Delivery:
    """How a request arrived, as far as it matters for accepting it once.

    `sdk_attempt` counts an OpenAI SDK's tries from 0 (its header x-stainless-retry-count); None for other clients.
    `origin` is the dropped object that a request was made from. `purchase` is a door's own name for what is bought: in
    place of the caller's `idempotency_key`, and the same purchase whoever pays.
    `repeat_seconds` is for clients that call again without saying so: for so long an equal request of the caller is the
    same purchase. `deadline_seconds` bounds how long it may take until the purchase begins, `webhook` is a URL that is
    told when the job ends.
    """

    request_id: str
    idempotency_key: str | None = None
    sdk_attempt: int | None = None
    origin: Origin | None = None
    purchase: str | None = None
    repeat_seconds: int | None = None
    webhook: str | None = None
    deadline_seconds: int | None = None


class Acceptor:
    """Turns checked requests into queued jobs."""

    def __init__(
        self,
        jobs: JobStore,
        queue: JobQueue,
        catalog: Catalog,
        spending: Spending,
        retention_seconds: int,
        receivers: Receivers,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._catalog = catalog
        self._spending = spending
        self._retention_seconds = retention_seconds
        self._receivers = receivers
        self._clock = clock
        self._sleep = sleep

    def accept(self, caller: Caller, request: Request, delivery: Delivery) -> Job:
        """Accept a request as a new job, or find the job it already is.

        Raises:
            PermissionDenied: the caller may not use the model.
            InvalidRequest: the webhook's URL is not allowed.
            Conflict: the idempotency key stands for another request.
            BudgetExceeded: a budget has too little left.
            InvalidRequest: a budget applies, and the price is not known; or the deadline is out of bounds.
            BuyingStopped: the operator has stopped all buying.
            ServiceUnavailable: the queue is out of reach, or too much happens at once; nothing is left behind.
        """
        if allowed := caller.allowed_models((request.model, request.requested["model"])):
            who = "This browser token" if caller.token else f"The API key '{caller.name}'"
            raise PermissionDenied(
                f"{who} may not use '{request.model}'. It may use: {', '.join(allowed)}.",
                param="model",
                code="model_not_allowed",
            )
        if delivery.webhook is not None:
            if caller.token is not None:
                raise PermissionDenied("A browser token may not set webhooks.", code="token_not_allowed")
            self._receivers.check(caller, delivery.webhook)
        deadline_seconds = DEADLINE_SECONDS if delivery.deadline_seconds is None else delivery.deadline_seconds
        if not 1 <= deadline_seconds <= DEADLINE_SECONDS:
            raise InvalidRequest(
                f"The deadline must be from 1 to {DEADLINE_SECONDS} seconds from now.", param="deadline"
            )
        now = self._clock()
        model = self._catalog.find(request.model)
        quoted = quote(request, model.rules, len(request.inputs)) if model else None
        job = new_job(
            request,
            quoted,
            job_id=self._job_id(caller, request, delivery),
            caller_id=caller.id,
            request_id=delivery.request_id,
            now=now,
            retention_seconds=self._retention_seconds,
            origin=delivery.origin,
            webhook=delivery.webhook,
            token_id=caller.token.id if caller.token else None,
            deadline_seconds=deadline_seconds,
        )
        try:
            job = self._write(caller, self._jobs.create, self._reserving(caller, job))
        except JobExists:
            return self._rejoin(caller, job)
        return self._enqueue(job)

    def find(self, purchase: str) -> Job | None:
        """The job that a door's name for a purchase (`Delivery.purchase`) stands for already."""
        return self._jobs.get(new_job_id(_ANYBODY, purchase))

    def read(self, caller: Caller, job_id: str) -> Job:
        """A caller's job.

        Raises:
            NotFound: no such job, or another caller's.
        """
        job = self._jobs.get(job_id) if job_id.startswith("job_") else None
        if job is None or not caller.owns(job):
            raise NotFound(f"There is no job '{job_id[:64]}'. Ids of your jobs are listed by GET /v1/jobs.", param="id")
        return job

    def wait(self, job: Job, until: float, watch: Callable[[Job], None] | None = None) -> Job:
        """The job once it is finished, or as it is at `until` (Unix seconds); `watch` sees it each time it is read."""
        pause = _FIRST_POLL_SECONDS
        while not job.finished and (left := until - self._clock()) > 0:
            self._sleep(min(pause, left))
            pause = min(pause * 1.3, _LAST_POLL_SECONDS)
            job = self._jobs.get(job.id) or job
            if watch:
                watch(job)
        return job

    def _job_id(self, caller: Caller, request: Request, delivery: Delivery) -> str:
        """The same id for the same purchase: by its name, else by what is known of its client's retries."""
        if delivery.purchase is not None:
            return new_job_id(_ANYBODY, delivery.purchase)
        if delivery.idempotency_key is None and delivery.repeat_seconds is not None:
            return self._repeated_job_id(caller, request, delivery.repeat_seconds)
        if delivery.idempotency_key is not None or delivery.sdk_attempt is None:
            return new_job_id(caller.subject, delivery.idempotency_key)
        pointer = retry_pointer_id(caller.subject, request.fingerprint())
        now = self._clock()
        first = self._jobs.job_of_retry(pointer, now) if delivery.sdk_attempt > 0 else None
        if first:
            return first
        job_id = new_job_id(caller.subject, None)
        self._jobs.point_retries(RetryPointer(pointer, job_id, expires_at=int(now) + RETRY_WINDOW_SECONDS))
        return job_id

    def _repeated_job_id(self, caller: Caller, request: Request, seconds: int) -> str:
        """The id of an equal request's job; a new one if that ended free of charge, so that it can be bought after all.

        The pointer is moved by a conditional write: two equal requests at the same moment find one job.
        """
        now = self._clock()
        pointer = RetryPointer(
            repeat_pointer_id(caller.id, request.fingerprint()), new_job_id(caller.id, None), int(now) + seconds
        )
        first = self._jobs.job_of_retry(pointer.id, now)
        job = self._jobs.get(first) if first else None
        if first and (job is None or not job.finished or job.charged is not False or job.may_be_revived):
            return first  # Without a job: a crash, or the other request is about to write it.
        return self._jobs.point_repeats(pointer, now, over=first)

    def _reserving(self, caller: Caller, job: Job) -> Job:
        model = self._catalog.find(job.request.model)
        if model is None or job.quote is None:
            raise ModelNotFound(f"The model '{job.request.model}' is not known any more.", param="model")
        # An unknown model is priced by a guess, and the author of an SVG by a list that Easel does not have.
        priced = model.known and "svg" not in job.request.parameters
        return job.reserving(self._spending.reservation(caller, job.request, job.quote, priced=priced))

    def _write(self, caller: Caller, write: Callable[[Job], Job], job: Job) -> Job:
        """Write a job that reserves; what refuses the reservation becomes the caller's error."""
        try:
            return write(job)
        except BoundReached as reached:
            asked = job.quote.upper_bound if job.quote else 0
            raise self._spending.refusal(caller, reached, asked, job.request.n) from None
        except Stopped as stopped:
            raise buying_stopped(stopped.reason) from None
        except StoreBusy:
            raise ServiceUnavailable(
                "Too many requests are being booked at this moment. Nothing was bought; send the request again.",
                retry_after=2,
            ) from None

    def _rejoin(self, caller: Caller, job: Job) -> Job:
        """The job that was accepted before under the same id; a failure that was free and may pass is tried again."""
        existing = self._jobs.get(job.id)
        if existing is None:
            raise ServiceUnavailable("The job of this Idempotency-Key has just expired. Send the request again.")
        if existing.fingerprint != job.fingerprint:
            raise Conflict(
                "This Idempotency-Key was used for a different request. Use a new key for a new request.",
                job_id=existing.id,
            )
        if existing.may_be_revived and caller.owns(existing):
            try:
                reviving = self._reserving(caller, existing.revived(self._clock(), job.deadline))
                revived = self._write(caller, self._jobs.save, reviving)
            except JobChanged:
                return self._jobs.get(job.id) or existing
            self._queue_again(revived)
            return revived
        return existing

    def _queue_again(self, job: Job) -> None:
        try:
            self._queue.send(job.id, group=job.caller_id)
        except QueueUnavailable:
            log.warning("job is left to the sweep, the queue is unavailable", extra={"job_id": job.id})

    def _enqueue(self, job: Job) -> Job:
        try:
            self._queue.send(job.id, group=job.caller_id)
        except QueueUnavailable:
            try:
                self._jobs.withdraw(job.canceled(int(self._clock())))
            except JobChanged:
                return job  # The message went out after all, and a worker has the job.
            log.error("job withdrawn, the queue is unavailable", extra={"job_id": job.id})
            raise ServiceUnavailable(
                "The job could not be queued. Nothing was bought; send the request again.", retry_after=5
            ) from None
        return job
