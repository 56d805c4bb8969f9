"""The purchase: generate images, edit images, or quote the price. Every entry point makes one call of it.

A request passes these steps. The cheap ones come first, so that a refusal costs little and leaves nothing behind:

    1. what needs no bytes     the model's rules, permission, the webhook, the deadline
    2. identity                a request that was sent before finds its job and goes no further
    3. admission               the entry point's own conditions: whether the caller may wait and be answered as it asks
    4. money                   the stop switch, and whether every limit has room for the upper bound
    5. the inputs of an edit   inspected one at a time, then stored under inputs/{job id}/
    6. the job                 its money is reserved and its record written in one transaction; then it is queued

A refusal after step 5 deletes what was stored. Only a crash leaves it behind: the same request sent again writes the
same keys, and the rest expires with the bucket's lifecycle.
"""

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

from botocore.exceptions import BotoCoreError, ClientError

from core.budgets import Budgets
from core.callers.model import Caller
from core.catalog import Operation
from core.errors import InvalidRequest, PermissionDenied
from core.jobs.model import DEADLINE_SECONDS, Job, new_job
from core.pricing import Quote, quote
from core.purchases.alternatives import naming_alternatives
from core.purchases.inputs import InputCollector, InputFolder, accepts
from core.purchases.submission import JobSubmission, SubmissionContext
from core.requests import CheckedRequest
from core.requests.bodies import ImageRequest
from core.requests.resolver import Resolver
from core.webhooks.destinations import WebhookDestinations

__all__ = ["Purchases", "SubmissionContext"]


class Purchases:
    """Buys images, once per request."""

    def __init__(
        self,
        resolver: Resolver,
        inputs: InputCollector,
        budgets: Budgets,
        destinations: WebhookDestinations,
        submission: JobSubmission,
        retention_seconds: int,
    ) -> None:
        self._resolver = resolver
        self._inputs = inputs
        self._budgets = budgets
        self._destinations = destinations
        self._submission = submission
        self._retention_seconds = retention_seconds

    def generate(self, caller: Caller, asked: ImageRequest, context: SubmissionContext) -> Job:
        """The queued job of a generation, or the job that the same request started earlier.

        Raises:
            InvalidRequest, ModelNotFound: the model's rules, the deadline or the webhook's URL; or a budget applies
                and the price is not known.
            PermissionDenied: the caller is not allowed to use the model, or a browser token sets a webhook.
            Conflict: the idempotency key was used for a different request.
            BudgetExceeded, RateLimited: a limit of the caller or of the deployment has too little room.
            EaselError: whatever the context's admission raises.
            BuyingStopped: the operator has stopped all buying.
            ServiceUnavailable: the queue cannot be reached, or too many requests are being booked.
        """
        checked = self.check("generation", caller, asked, context)
        job, earlier = self._identified(caller, checked, asked, context)
        if earlier is not None and not earlier.may_be_revived_by(caller):
            return earlier
        if context.admission:
            context.admission(checked, job.quote)
        with naming_alternatives(checked, 0):
            return self._submission.submit(caller, checked, job, context)

    def edit(self, caller: Caller, asked: ImageRequest, context: SubmissionContext) -> Job:
        """The queued job of an edit, or the job that the same request started earlier.

        Raises:
            InvalidRequest: also for an input that cannot be read, or that the model does not accept.
            NotFound: an input's id is not the caller's.
            EaselError: whatever `generate` raises.
        """
        asked = self._inputs.recognised(asked)
        checked = self.check("edit", caller, asked, context)
        job, earlier = self._identified(caller, checked, asked, context)
        if earlier is not None and not earlier.may_be_revived_by(caller):
            return earlier
        if context.admission:
            context.admission(checked, job.quote)
        with naming_alternatives(checked, len(asked.sources)):
            self._budgets.precheck(caller, checked.request, job.quote, priced=checked.priced)
        folder = InputFolder.of(job.id, earlier)
        try:
            inputs, warnings = self._inputs.collect(caller, asked, checked.requested_model, folder)
            checked = checked.only_with(lambda model: accepts(model, inputs))
            request = replace(checked.request, inputs=inputs).warned(warnings)
            with naming_alternatives(checked, len(asked.sources)):
                submitted = self._submission.submit(caller, checked, replace(job, request=request), context)
        except BaseException:
            self._discard_after_refusal(folder)
            raise
        self._inputs.discard(folder, submitted)
        return submitted

    def quote(self, operation: Operation, caller: Caller, asked: ImageRequest) -> tuple[CheckedRequest, Quote]:
        """The caller's request, checked, and its price. Nothing is bought or stored.

        The upper bound is what a purchase of the same request reserves.

        Raises:
            InvalidRequest, ModelNotFound: the model's rules.
        """
        checked = self._resolver.check(operation, asked, _today(), caller)
        return checked, _quoted(checked, asked)

    def find(self, dedupe_key: str) -> Job | None:
        """The job of an earlier request with this `SubmissionContext.dedupe_key`."""
        return self._submission.find(dedupe_key)

    def find_equal(
        self, operation: Operation, caller: Caller, asked: ImageRequest, context: SubmissionContext
    ) -> Job | None:
        """The job that an equal request has by now: one with the same idempotency key, else a repeated one.

        Nothing is bought or written.

        Raises:
            EaselError: see `check`.
        """
        asked = self._inputs.recognised(asked) if operation == "edit" else asked
        checked = self.check(operation, caller, asked, context)
        return self._submission.find_equal(caller, checked.fingerprint, context)

    def expect_again(self, job: Job, context: SubmissionContext, until: float | None = None) -> bool:
        """Note that the client may send the request again: equal ones without a key find the job for some minutes.

        The minutes begin now, or `until` then (Unix seconds). Returns whether that could be noted.
        """
        return self._submission.expect_again(job, context, until)

    def delivered(self, job: Job, context: SubmissionContext) -> None:
        """Note that a request that was sent again got its images: the next equal one is a new purchase."""
        self._submission.delivered(job, context)

    def check(
        self, operation: Operation, caller: Caller, asked: ImageRequest, context: SubmissionContext
    ) -> CheckedRequest:
        """The request, checked against everything that needs neither its inputs nor the ledger.

        Raises:
            EaselError: see `generate`, apart from limits, the stop switch and what was stored.
        """
        checked = self._resolver.check(operation, asked, _today(), caller)
        if allowed := caller.allowed_models(checked.model.name):
            who = "This browser token" if caller.token else f"The API key '{caller.name}'"
            asked_for = checked.requested_model.name
            instead = f", which runs in place of '{asked_for}'" if asked_for != checked.model.name else ""
            raise PermissionDenied(
                f"{who} is not allowed to use '{checked.model.name}'{instead}. It is allowed to use: "
                f"{', '.join(allowed)}.",
                param="model",
                code="model_not_allowed",
            )
        if context.webhook is not None:
            if caller.token is not None:
                raise PermissionDenied("A browser token cannot set webhooks.", code="token_not_allowed")
            self._destinations.check(caller, context.webhook)
        if asked.deadline_seconds is not None and not 1 <= asked.deadline_seconds <= DEADLINE_SECONDS:
            raise InvalidRequest(
                f"The deadline must be from 1 to {DEADLINE_SECONDS} seconds from now.", param="deadline"
            )
        return checked

    def _identified(
        self, caller: Caller, checked: CheckedRequest, asked: ImageRequest, context: SubmissionContext
    ) -> tuple[Job, Job | None]:
        """The request as a new job, and the job that it already has from an earlier time, if any."""
        identity = self._submission.identify(caller, checked.fingerprint, context)
        job = new_job(
            checked.request,
            _quoted(checked, asked),
            job_id=identity.job_id,
            fingerprint=checked.fingerprint,
            caller_id=caller.id,
            request_id=context.request_id,
            now=time.time(),
            retention_seconds=self._retention_seconds,
            origin=context.origin,
            webhook=context.webhook,
            token_id=caller.token.id if caller.token else None,
            deadline_seconds=DEADLINE_SECONDS if asked.deadline_seconds is None else asked.deadline_seconds,
        )
        return job, None if identity.is_new else self._submission.earlier(job, context)

    def _discard_after_refusal(self, folder: InputFolder) -> None:
        """Delete what was stored, but for the inputs of a job that an equal request has; if in doubt, it stays."""
        with suppress(BotoCoreError, ClientError):
            self._inputs.discard(folder, self._submission.job(folder.job_id))


def _quoted(checked: CheckedRequest, asked: ImageRequest) -> Quote:
    """The price of the requested model, with the upper bound of the dearest one that can run instead."""
    request, images = checked.request, len(asked.sources)
    quotes = [
        quote(request.running(choice), model.rules, images)
        for choice, model in zip(request.choices, checked.models, strict=True)
    ]
    dearest = max(quotes, key=lambda each: each.upper_bound)
    return replace(quotes[0], upper_bound=dearest.upper_bound, upper_usage=dearest.upper_usage)


def _today() -> date:
    return datetime.now(UTC).date()
