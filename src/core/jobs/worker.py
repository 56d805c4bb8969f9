"""How a job is performed: claimed with a lease, bought at most once, stored, finished.

The stage `calling` is written before the provider is called, with the ids of the images. If a lease runs out in that
stage, the purchase may therefore have happened, and is not repeated; images in the bucket under those ids are its
result.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from tempfile import TemporaryFile
from typing import TypeGuard

from botocore.exceptions import BotoCoreError, ClientError

from core.budgets import buying_stopped
from core.catalog import Catalog, Model
from core.errors import Hint, Problem
from core.images.input_storage import InputGone, InputStore
from core.images.model import Image
from core.images.previews import PreviewStore
from core.images.storage import ImageStore
from core.jobs.arrivals import Arrivals, described
from core.jobs.breaker import Breaker
from core.jobs.concurrency import ConcurrencySlots
from core.jobs.model import QUEUE_PATIENCE_SECONDS, Job, new_lease_id
from core.jobs.previews import PreviewRecorder
from core.jobs.problems import (
    OUTCOME_UNKNOWN,
    deadline_passed,
    lost_in_crash,
    lost_while_calling,
    outcome_unknown,
)
from core.jobs.store import JobChanged, JobStore
from core.ledger.store import Health, LedgerStore
from core.ledger.transactions import StoreBusy
from core.metrics import measure
from core.pricing import ProviderReport, actual_cost
from core.providers import ImageProvider, InDoubt, InputFile, NotBought, Order, Outcome, ProviderResult, Refused
from core.queues import MAX_DELAY_SECONDS, JobQueue
from core.requests import Input

log = logging.getLogger(__name__)

# Kept free of the function's time for after the provider's answer: enough to store ten large images.
STORING_RESERVE_SECONDS = 20
# A purchase that has less time than this is left to another worker: it would be cut, and in doubt.
SHORTEST_CALL_SECONDS = 20
# A lease outlives the function that holds it, so that no two workers ever hold one job.
LEASE_MARGIN_SECONDS = 10
# While buying is stopped, jobs check so often whether it has resumed, until their deadline.
STOPPED_RETRY_SECONDS = 15.0
_DEFAULT_RETRY_SECONDS = 5.0
# A job that waits for a slot looks again after about as long as it has waited, within these bounds. So a short burst
# is done quickly, and a long one costs few messages.
_SLOT_RETRY_SECONDS = (6, 60)
_LONGEST_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True)
class _Bought:
    """Images that the provider has sent, which are being stored, and its report. `image_ids` has one for each of them,
    or for each that was asked for, if the answer broke off.
    """

    arrivals: Arrivals
    image_ids: tuple[str, ...]
    report: ProviderReport


class Worker:
    """Performs jobs, one at a time."""

    def __init__(
        self,
        jobs: JobStore,
        ledger: LedgerStore,
        images: ImageStore,
        inputs: InputStore,
        queue: JobQueue,
        catalog: Catalog,
        provider: Callable[[str], ImageProvider],
        slots: ConcurrencySlots,
        previews: Callable[[], PreviewStore],
    ) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._images = images
        self._inputs = inputs
        self._queue = queue
        self._catalog = catalog
        self._provider = provider
        self._slots = slots
        self._previews = previews
        self._breaker = Breaker(ledger)

    def perform(self, job_id: str, time_left: Callable[[], float]) -> None:
        """Do what the job needs next. Safe to call any number of times, by any number of workers.

        Args:
            job_id: the job.
            time_left: returns the seconds until this process is stopped.
        """
        job = self._jobs.get(job_id)
        if job is None or job.finished:
            log.info("nothing to do", extra={"job_id": job_id})
            return
        now = self._now()
        try:
            if job.status == "running":
                if not job.lease_expired(now):
                    log.info("another worker has the job", extra={"job_id": job_id})
                    return
                if job.may_be_bought:
                    self._restore(job)
                    return
            if now >= job.deadline:
                self._end(job.overdue(deadline_passed(), now))
                return
            lease_until = now + int(time_left()) + LEASE_MARGIN_SECONDS
            if not self._slots.acquire(job.caller_id, job.id, lease_until):
                self._wait_for_slot(job)
                return
        except JobChanged:
            log.info("another worker was faster", extra={"job_id": job_id})
            return
        try:
            claimed = self._claim(job.claimed(new_lease_id(), lease_until, now))
            if claimed:
                self._buy(claimed, time_left)
        finally:
            self._slots.release(job.caller_id, job.id, lease_until)

    def _claim(self, job: Job) -> Job | None:
        """The job as this worker's own; None if another worker was faster."""
        if not job.request.inputs:
            return job  # The purchase follows at once, and its stage is written with the claim.
        try:
            return self._jobs.save(job)
        except JobChanged:
            log.info("another worker was faster", extra={"job_id": job.id})
            return None

    def _wait_for_slot(self, job: Job) -> None:
        """Put the job back: a caller with hundreds of jobs must not block the others."""
        now = self._now()
        shortest, longest = _SLOT_RETRY_SECONDS
        delay = int(min(max(now - job.created_at, shortest), longest) * random.uniform(0.5, 1.0))
        # Otherwise the sweep would send copies, each of which would wait in the same way.
        self._jobs.save(job.requeued(now + delay + QUEUE_PATIENCE_SECONDS))
        self._queue.send(job.id, delay, group=job.caller_id)  # Should it fail, the sweep sends it.
        log.info("job waits for a slot", extra=_traced(job, seconds=delay))

    def _buy(self, job: Job, time_left: Callable[[], float]) -> None:
        """Buy from the requested model, or from a fallback if it is certain that those before it sold nothing."""
        outcomes: list[NotBought | Refused] = []
        for _ in job.request.choices:
            job, outcome = self._try(job, time_left)
            if not _may_be_bought_elsewhere(outcome):
                self._conclude(job, outcome, time_left)
                return
            outcomes.append(outcome)
            if job.request.fallbacks:  # After the last one, it is the turn of the requested model again.
                job = self._persist(job, lambda held: held.falling_back(self._now()), time_left)
            if job.finished:
                return  # It was canceled.
        waiting = [outcome for outcome in outcomes if isinstance(outcome, NotBought)]
        soonest = min(waiting, key=lambda outcome: outcome.retry_after or _DEFAULT_RETRY_SECONDS, default=outcomes[0])
        self._conclude(job, soonest, time_left)

    def _try(self, job: Job, time_left: Callable[[], float]) -> tuple[Job, Outcome | _Bought | None]:
        """One call of the provider whose turn it is: the job as it was last saved, and what came of it.

        That is None if it must not be called: the job was canceled, or another worker has it.
        """
        try:
            with ExitStack() as open_files:
                model = self._model_of(job)
                provider = self._provider(model.provider)
                with _errors_measured():
                    provider.prepare()
                inputs = [self._open(image, open_files) for image in job.request.inputs]
                health = self._check_switch(model.provider)
                self._breaker.check(model.provider, health)
                if self._now() >= job.deadline:
                    raise Refused(deadline_passed())
                try:
                    job = self._jobs.save(job.calling())
                except JobChanged:
                    log.warning("canceled, or the lease was lost, before buying", extra={"job_id": job.id})
                    return job, None
                timeout = time_left() - STORING_RESERVE_SECONDS
                if timeout < SHORTEST_CALL_SECONDS:  # Inputs, a provider before this one, or a busy table took it.
                    raise NotBought(deadline_passed(), elsewhere=False)
                previews = PreviewRecorder(
                    self._jobs, self._previews, job, lambda: time_left() - STORING_RESERVE_SECONDS
                )
                arrivals = Arrivals(job, lambda image, data: self._keep(image, data, time_left))
                order = Order(
                    job.request,
                    model,
                    inputs,
                    job.request_id,
                    job.pseudonym,
                    timeout,
                    previews.keep,
                    arrivals.take,
                )
                outcome = self._call(provider, order)
                self._breaker.note(model.provider, health, outcome)
                return previews.job, self._received(job, arrivals, outcome)
        except (NotBought, Refused) as outcome:
            return job, outcome

    def _call(self, provider: ImageProvider, order: Order) -> Outcome:
        try:
            with _errors_measured():
                started = time.monotonic()
                result = provider.buy(order)
                measure("UpstreamSeconds", time.monotonic() - started, order.model.name)
                return result
        except (NotBought, Refused, InDoubt) as outcome:
            return outcome

    def _received(self, job: Job, arrivals: Arrivals, outcome: Outcome) -> Outcome | _Bought:
        """What was bought, if anything: an image that has arrived is one, even if the provider's answer broke off."""
        if isinstance(outcome, ProviderResult):
            for data in outcome.images:
                arrivals.take(data)
            return _Bought(arrivals, arrivals.ids, self._priced(job, outcome.report))
        if not arrivals.ids:
            return outcome
        log.error("the provider's answer broke off", extra=_traced(job, arrived=len(arrivals.ids), why=str(outcome)))
        image_ids = max(job.image_ids, arrivals.ids, key=len)
        return _Bought(arrivals, image_ids, self._priced(job, ProviderReport(self._now())))

    def _conclude(self, job: Job, outcome: Outcome | _Bought | None, time_left: Callable[[], float]) -> None:
        """Write what came of a job's turn."""
        match outcome:
            case _Bought():
                self._store(job, outcome, time_left)
            case NotBought():
                self._try_again_later(job, outcome, time_left)
            case Refused():
                report = self._priced(job, outcome.report) if outcome.report else None
                self._persist(job, lambda held: held.failed(outcome.problem, self._now(), report), time_left)
            case InDoubt():
                problem = outcome_unknown(str(outcome))
                self._persist(job, lambda held: held.unknown(problem, self._now()), time_left)

    def _check_switch(self, provider: str) -> Health:
        """The last check before money is spent: is all buying stopped? Returns the provider's health, read with it."""
        control, health = self._ledger.control_and_health(provider)
        if control.stopped_at is not None:
            problem = buying_stopped(control.reason).problem
            raise NotBought(problem, retry_after=STOPPED_RETRY_SECONDS, elsewhere=False)
        return health

    def _priced(self, job: Job, report: ProviderReport) -> ProviderReport:
        """The report with the cost of what it counts."""
        model = self._catalog.find(job.request.model)
        return replace(report, charge=actual_cost(report.usage, job.request, model.rules.prices)) if model else report

    def _model_of(self, job: Job) -> Model:
        model = self._catalog.find(job.request.model)
        if model is None:
            raise Refused(
                Problem(404, "invalid_request_error", "model_not_found", "The model has been removed from the catalog.")
            )
        return model

    def _open(self, image: Input, open_files: ExitStack) -> InputFile:
        """An input as a file on disk, since sixteen large ones do not fit in memory."""
        file = open_files.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        try:
            self._inputs.download(image.key, file)
        except InputGone:
            raise Refused(
                Problem(
                    400,
                    "invalid_request_error",
                    "input_deleted",
                    "An input image of the job was deleted before it was used. Nothing was bought.",
                    param=image.role,
                )
            ) from None
        file.seek(0)
        return InputFile(image.role, f"{image.role}.{image.content_type.rpartition('/')[2]}", image.content_type, file)

    def _try_again_later(self, job: Job, outcome: NotBought, time_left: Callable[[], float]) -> None:
        """Wait in the queue, not in a running function; the deadline bounds it."""
        backoff = min(2.0**job.attempts, _LONGEST_BACKOFF_SECONDS)
        delay = max(outcome.retry_after or _DEFAULT_RETRY_SECONDS, backoff)
        delay = int(delay * random.uniform(1.0, 1.25)) + 1
        now = self._now()
        if now + delay >= job.deadline:
            self._persist(job, lambda held: held.failed(outcome.problem, now), time_left)
            return
        delay = min(delay, MAX_DELAY_SECONDS)  # A provider that asked for more is tried again by then.
        check_at = now + delay + QUEUE_PATIENCE_SECONDS
        self._persist(job, lambda held: held.requeued(check_at), time_left)
        self._queue.send(job.id, delay, group=job.caller_id)  # Should it fail, the sweep sends it.
        log.info("job waits", extra=_traced(job, code=outcome.problem.code, seconds=delay))

    def _store(self, job: Job, bought: _Bought, time_left: Callable[[], float]) -> None:
        """Record what was bought while the last images are being stored, and then the result."""
        job = self._persist(job, lambda held: held.storing(bought.image_ids, bought.report), time_left)
        images = bought.arrivals.stored()
        if images:
            self._persist(job, lambda held: held.succeeded(self._now(), images), time_left)
            return
        problem = Problem(
            502,
            "server_error",
            "provider_result_unusable",
            "The provider charged, but what it sent is not an image.",
            hint=Hint.BUY_AGAIN,
            charged=True,
        )
        self._persist(job, lambda held: held.failed(problem, self._now(), bought.report), time_left)

    def _keep(self, image: Image, data: bytes | bytearray, time_left: Callable[[], float]) -> None:
        self._retry_until_stopped(partial(self._images.put, image, data), time_left)

    def _restore(self, job: Job) -> None:
        """Finish a job whose worker died after it may have bought: what is in the bucket is its result."""
        # Older versions chose the ids after the purchase.
        image_ids = job.image_ids or tuple(image.id for image in job.images)
        found = ((image_id, self._images.find(image_id)) for image_id in image_ids)
        images = tuple(image for image_id, data in found if data and (image := described(job, image_id, data)))
        now = self._now()
        if job.stage == "storing":
            self._end(job.succeeded(now, images) if images else job.failed(lost_in_crash(), now))
        elif images:
            bought = job.storing(image_ids, self._priced(job, ProviderReport(now)))
            self._end(bought.succeeded(now, images))
        else:
            self._end(job.unknown(lost_while_calling(), now))

    def _persist(self, job: Job, change: Callable[[Job], Job], time_left: Callable[[], float]) -> Job:
        """Write the outcome of a purchase, even if the sweep has declared it unknown in the meantime."""

        def write() -> Job:
            try:
                return self._end(change(job))
            except JobChanged:
                held = self._jobs.get(job.id)
                if held is not None and held.finished and held.lease_id is None:
                    return held  # Canceled, or ended at its deadline, which is only possible before the purchase.
                if held is None or held.lease_id != job.lease_id:
                    raise
                if held == change(held):
                    return held
                return self._end(change(held))

        return self._retry_until_stopped(write, time_left)

    def _end(self, job: Job) -> Job:
        saved = self._jobs.save(job)
        log.info(
            "job moved",
            extra=_traced(
                job,
                status=job.status,
                stage=job.stage,
                code=job.error.code if job.error else None,
                charged=job.charged,
            ),
        )
        return saved

    def _retry_until_stopped[Result](self, step: Callable[[], Result], time_left: Callable[[], float]) -> Result:
        """Repeat a step after the purchase until it succeeds or time runs out: what was paid for must not be lost."""
        pause = 0.5
        while True:
            try:
                return step()
            except (BotoCoreError, ClientError, StoreBusy) as error:
                if time_left() < pause + 1:
                    raise
                log.warning("AWS call failed, trying again", extra={"error": type(error).__name__})
                time.sleep(pause)
                pause = min(pause * 2, 8.0)

    def _now(self) -> int:
        return int(time.time())


def _may_be_bought_elsewhere(outcome: Outcome | _Bought | None) -> TypeGuard[NotBought | Refused]:
    """Whether nothing was bought, for a reason that does not hold for other providers."""
    return isinstance(outcome, NotBought | Refused) and outcome.elsewhere


def _traced(job: Job, **facts: object) -> dict[str, object]:
    """What is logged about a job, with the id of its request, which the provider gets too."""
    return {"job_id": job.id, "request_id": job.request_id, **facts}


@contextmanager
def _errors_measured() -> Iterator[None]:
    """Count the provider's errors inside the block, whatever the job makes of them."""
    try:
        yield
    except (NotBought, Refused) as outcome:
        measure("UpstreamErrors", 1, outcome.problem.code)
        raise
    except InDoubt:
        measure("UpstreamErrors", 1, OUTCOME_UNKNOWN)
        raise
