"""A job: one paid unit of work, and the states it can pass through.

    queued ──► running ──► succeeded | failed | unknown
       ▲          │            (unknown ──► succeeded: the answer came after all)
       └──────────┘ only while it is certain that nothing was bought

    queued | running ──► canceled, by its caller, with the same certainty

While it runs, `stage` tells how far it is: claimed (nothing was sent yet), calling (the purchase may have happened),
storing (it did happen). Every transition gives a new value; the store writes it only if nobody wrote in between.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.callers.model import Caller
from core.errors import Charged, Problem
from core.images.model import Image
from core.jobs.origin import Origin
from core.ledger.model import Movement, MovementKind, Reservation, closing
from core.pricing import ProviderReport, Quote
from core.requests import Request

Status = Literal["queued", "running", "succeeded", "failed", "canceled", "unknown"]
Stage = Literal["claimed", "calling", "storing"]

# A queued message is normally delivered within seconds; after this many it is looked for.
QUEUE_PATIENCE_SECONDS = 60
# The end of a job is normally announced within seconds; after this many it is looked for.
ANNOUNCEMENT_PATIENCE_SECONDS = 60
# Before the record of an unknown outcome expires, what it holds in the ledger is given up.
DOUBT_ENDS_BEFORE_EXPIRY_SECONDS = 3600
# Longest a job may wait for its purchase, attempts and waiting for the provider included; its caller may ask for less.
DEADLINE_SECONDS = 3600


@dataclass(frozen=True)
class Job:
    """One job. Times are Unix seconds, but for `created_ms` in milliseconds, which orders a caller's jobs.

    `check_at` is when the sweep has to look at a job that is unfinished, or whose end is not announced yet, or that is
    unknown until its record expires; `bought` how many images the provider delivered, `deleted` how many of them the
    caller has deleted since, `version` the number of writes (see JobStore.save). `reservation` is what it holds in the
    ledger, `movement` what the next write books there; that is never stored. `resolved_at` is when somebody said what
    became of an unknown purchase, `webhook` the URL that is told of the job's end, `token_id` the browser token that
    asked for it, where one did.
    """

    id: str
    caller_id: str
    request: Request
    fingerprint: str
    request_id: str
    created_ms: int
    deadline: int
    expires_at: int
    quote: Quote
    token_id: str | None = None
    webhook: str | None = None
    status: Status = "queued"
    stage: Stage | None = None
    lease_id: str | None = None
    lease_until: int | None = None
    attempts: int = 0
    check_at: int | None = None
    bought: int = 0
    deleted: int = 0
    images: tuple[Image, ...] = ()
    report: ProviderReport | None = None
    error: Problem | None = None
    charged: Charged = False
    started_at: int | None = None
    finished_at: int | None = None
    resolved_at: int | None = None
    reservation: Reservation | None = None
    movement: Movement | None = None
    origin: Origin | None = None
    version: int = 0

    @property
    def created_at(self) -> int:
        """Unix seconds."""
        return self.created_ms // 1000

    @property
    def finished(self) -> bool:
        """Whether nothing more is going to happen by itself."""
        return self.status not in ("queued", "running")

    @property
    def may_be_revived(self) -> bool:
        """Whether it failed free of charge for a reason that may have passed."""
        return self.status == "failed" and self.charged is False and self.error is not None and self.error.retryable

    def may_be_revived_by(self, caller: Caller) -> bool:
        """Whether this caller's sending the same request again tries it again."""
        return self.may_be_revived and caller.owns(self)

    @property
    def may_be_canceled(self) -> bool:
        """Whether it is certain that nothing was bought, and that whoever runs it must write it again first."""
        return not self.finished and self.stage in (None, "claimed")

    @property
    def unannounced(self) -> bool:
        """Whether it ended, and not everybody who waits for its end was told."""
        return self.finished and self.check_at not in (None, self.check_after_announcement)

    @property
    def check_after_announcement(self) -> int | None:
        """When somebody has to look at it although it ended: before the record of an open doubt expires."""
        return self.expires_at - DOUBT_ENDS_BEFORE_EXPIRY_SECONDS if self.may_be_resolved and self.reservation else None

    @property
    def may_be_resolved(self) -> bool:
        """Whether the outcome of its purchase is unknown, and nobody has said yet what it was."""
        return self.status == "unknown" and self.charged == "unknown" and self.resolved_at is None

    @property
    def cost(self) -> int | None:
        """Micro-dollars that it did cost: as booked, or as the provider counted; None while that is not known."""
        if self.charged is False:
            return 0 if self.finished else None
        if self.charged == "unknown":
            return None
        return self.reservation.spent if self.finished and self.reservation else self._counted()

    def lease_expired(self, now: float) -> bool:
        """Whether whoever ran the job must be given up."""
        return self.lease_until is not None and self.lease_until <= now

    def reserving(self, movement: Movement) -> "Job":
        """With money reserved for it, as soon as it is written."""
        return replace(self, reservation=movement.reservation, movement=movement)

    def claimed(self, lease_id: str, lease_until: int, now: int) -> "Job":
        """Taken by a worker until `lease_until`."""
        return replace(
            self,
            status="running",
            stage="claimed",
            lease_id=lease_id,
            lease_until=lease_until,
            attempts=self.attempts + 1,
            # Until it buys, it costs nothing to end it, whoever holds it.
            check_at=min(lease_until, self.deadline),
            started_at=self.started_at or now,
        )

    def calling(self) -> "Job":
        """About to buy. From here on a crash leaves the purchase in doubt."""
        return replace(self, stage="calling", check_at=self.lease_until)

    def storing(self, images: tuple[Image, ...], bought: int, report: ProviderReport) -> "Job":
        """Bought, and the result is here: what is stored now can be found again after a crash.

        `images` are the usable ones of the `bought`.
        """
        return replace(
            self,
            status="running",
            stage="storing",
            bought=bought,
            images=images,
            report=report,
            check_at=self.lease_until,
            charged=True,
        )

    def succeeded(self, now: int, images: tuple[Image, ...]) -> "Job":
        """Every image that is left is stored. One that succeeded before stays: an image may be deleted by now."""
        if self.status == "succeeded":
            return self
        return self._ended("succeeded", now, images=images, error=None, charged=True)

    def failed(self, problem: Problem, now: int, report: ProviderReport | None = None) -> "Job":
        """Ended without a result, for a known reason; `report` where the provider charged all the same."""
        return self._ended(
            "failed", now, error=problem, charged=problem.charged, images=(), report=report or self.report
        )

    def unknown(self, problem: Problem, now: int) -> "Job":
        """The purchase may have happened and no result came. The lease stays: its holder may still answer."""
        return self._ended("unknown", now, error=problem, charged="unknown")

    def resolved(self, charge: int, now: int) -> "Job":
        """An unknown one of which somebody found out what it cost, in micro-dollars: nothing, if it did not happen."""
        charged = charge > 0
        error = replace(self.error, charged=charged) if self.error else None
        check_at = self.check_at if self.unannounced else None
        resolved = replace(self, charged=charged, error=error, resolved_at=now, check_at=check_at)
        return resolved._booked("resolve", now, charge, self.request.n if charged else 0)

    def given_up_in_doubt(self, now: int) -> "Job":
        """An unknown one whose record is about to expire. What it holds counts as spent: doubt frees no money."""
        held = self.reservation.reserved if self.reservation else 0
        given_up = replace(self, resolved_at=now, check_at=None)
        return given_up._booked("resolve", now, held, self.request.n)

    def overdue(self, problem: Problem, now: int) -> "Job":
        """Ended at its deadline, before it is bought. Without the lease, its holder can write no outcome."""
        return replace(self, lease_id=None, lease_until=None).failed(problem, now)

    def canceled(self, now: int) -> "Job":
        """Given up by its caller. Only for one that may be: without the lease, its holder can write no outcome."""
        return self._ended("canceled", now, stage=None, lease_id=None, lease_until=None, charged=False)

    def without(self, image_id: str) -> "Job":
        """As it was, but for an image that its caller deletes."""
        images = tuple(image for image in self.images if image.id != image_id)
        return replace(self, images=images, deleted=self.deleted + len(self.images) - len(images))

    def requeued(self, check_at: int) -> "Job":
        """Back to waiting. Only for a job of which it is certain that nothing was bought."""
        return replace(
            self,
            status="queued",
            stage=None,
            lease_id=None,
            lease_until=None,
            check_at=min(check_at, self.deadline),
        )

    def revived(self, now: float, deadline: int) -> "Job":
        """As if it was just accepted, after a failure that cost nothing."""
        return replace(self, deadline=deadline, error=None, attempts=0, finished_at=None).requeued(
            check_at=int(now) + QUEUE_PATIENCE_SECONDS
        )

    def looked_at(self, check_at: int) -> "Job":
        """Unchanged, but to be looked at again later."""
        return replace(self, check_at=check_at)

    def _ended(self, status: Status, now: int, **changes: Any) -> "Job":
        # An end that is written twice is one end: it keeps its time, and with it the id it is announced by.
        finished_at = self.finished_at if self.status == status else now
        check_at = now + ANNOUNCEMENT_PATIENCE_SECONDS
        ended = replace(self, status=status, finished_at=finished_at, check_at=check_at, **changes)
        match ended.charged:
            case True:
                charge = ended._counted()
                if charge is None:  # Without a count, it is the most that it can have been.
                    charge = self.quote.upper_bound
                return ended._booked("settle", now, charge, ended.bought or ended.request.n)
            case False:
                return ended._booked("release", now, 0, 0)
        return ended

    def _booked(self, kind: MovementKind, now: int, spent: int, images: int) -> "Job":
        if self.reservation is None:
            return self
        movement = closing(kind, self.reservation, spent=spent, images=images, now=now)
        return replace(self, reservation=movement.reservation, movement=movement)

    def _counted(self) -> int | None:
        return self.report.charge if self.report else None


def new_job(
    request: Request,
    quote: Quote,
    *,
    job_id: str,
    fingerprint: str,
    caller_id: str,
    request_id: str,
    now: float,
    retention_seconds: int,
    origin: Origin | None = None,
    webhook: str | None = None,
    token_id: str | None = None,
    deadline_seconds: int = DEADLINE_SECONDS,
) -> Job:
    """A job that was just accepted."""
    seconds = int(now)
    deadline = seconds + deadline_seconds
    return Job(
        id=job_id,
        caller_id=caller_id,
        request=request,
        fingerprint=fingerprint,
        request_id=request_id,
        token_id=token_id,
        quote=quote,
        webhook=webhook,
        created_ms=int(now * 1000),
        deadline=deadline,
        expires_at=seconds + retention_seconds,
        check_at=min(seconds + QUEUE_PATIENCE_SECONDS, deadline),
        origin=origin,
    )


def new_job_id(subject: str, idempotency_key: str | None) -> str:
    """An id of 128 bits: random, or the same one for the same caller or token (see Caller.subject) and idempotency key.

    The job itself is thereby the record of the idempotency key: two requests that race for it write one item.
    """
    if idempotency_key is None:
        return "job_" + secrets.token_hex(16)
    return "job_" + hashlib.sha256(f"{subject}\n{idempotency_key}".encode()).hexdigest()[:32]


def new_lease_id() -> str:
    """Names one attempt of one worker."""
    return secrets.token_hex(8)
