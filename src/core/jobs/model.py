"""A job: one paid unit of work, and the states it can pass through.

    queued ──► running ──► succeeded | failed | unknown
       ▲          │            (unknown ──► succeeded: the answer arrived after all)
       └──────────┘ only while it is certain that nothing was bought

    queued | running ──► canceled, by its caller, with the same certainty

While it runs, `stage` says how far it is: claimed (nothing has been sent), calling (the purchase may have happened),
storing (it did happen). Every transition returns a new value; the store writes it only if no other write came between.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

from core.callers.model import Caller
from core.errors import Charged, Problem
from core.images.model import Image, Purchase, image_keys, new_image_id
from core.images.previews import Preview, preview_keys
from core.jobs.origin import Origin
from core.ledger.model import Movement, MovementKind, Reservation, closing, moving, tally_of
from core.pricing import ProviderReport, Quote
from core.requests import Request

Status = Literal["queued", "running", "succeeded", "failed", "canceled", "unknown"]
Stage = Literal["claimed", "calling", "storing"]

# A queued message is normally delivered within seconds; after this many, the sweep checks on its job.
QUEUE_PATIENCE_SECONDS = 60
# The end of a job is normally announced within seconds; after this many, the sweep checks on it.
ANNOUNCEMENT_PATIENCE_SECONDS = 60
# For so long, a job that was charged without a result answers equal requests that have no key.
AGAIN_SECONDS = 600
# So long before the record of an unknown outcome expires, what it holds in the ledger is counted as spent.
DOUBT_ENDS_BEFORE_EXPIRY_SECONDS = 3600
# The longest that a job may wait for its purchase, retries and back-off included; its caller may ask for less.
DEADLINE_SECONDS = 3600


@dataclass(frozen=True)
class Job:
    """One job. Times are Unix seconds, except `created_ms` in milliseconds, which orders a caller's jobs.

    `check_at` is when the sweep checks the job next, None if it never has to; `announced` whether the end of a
    finished job has been announced. `bought` is how many images the provider delivered, `deleted` how many of them the
    caller has deleted since, `version` the number of writes (see JobStore.save). `reservation` is what the job holds in
    the ledger, `movements` what the next write books there; those are never stored. `resolved_at` is when an operator
    resolved an unknown purchase, `webhook` the URL that is notified of the job's end, `token_id` the browser token that
    requested the job, if any. `deadline_seconds` is what its deadline was computed from; None in old records.
    `previews` are what the provider has sent of the image before it was finished; see `preview_keys`. `image_ids` are
    chosen for its images before anything is bought; of a finished job, they are those under which it lists no image.
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
    announced: bool = False
    bought: int = 0
    deleted: int = 0
    image_ids: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    previews: tuple[Preview, ...] = ()
    report: ProviderReport | None = None
    error: Problem | None = None
    charged: Charged = False
    started_at: int | None = None
    finished_at: int | None = None
    resolved_at: int | None = None
    reservation: Reservation | None = None
    movements: tuple[Movement, ...] | None = None
    origin: Origin | None = None
    deadline_seconds: int | None = None
    version: int = 0

    @property
    def created_at(self) -> int:
        """Unix seconds."""
        return self.created_ms // 1000

    @property
    def began_at(self) -> int:
        """When it was first started or, before that, accepted (Unix seconds); a revived job begins anew."""
        accepted_at = self.created_at if self.deadline_seconds is None else self.deadline - self.deadline_seconds
        return max(accepted_at, self.started_at or 0)

    @property
    def subject(self) -> str:
        """Who asked for it: the browser token's id or the caller's (see Caller.subject)."""
        return self.token_id or self.caller_id

    @property
    def pseudonym(self) -> str:
        """Who asked for it, as the provider may know: a hash of the subject."""
        return hashlib.sha256(self.subject.encode()).hexdigest()

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status not in ("queued", "running")

    @property
    def charged_without_result(self) -> bool:
        """Whether it ended without images, and was charged or may have been."""
        return self.status in ("failed", "unknown") and self.charged is not False

    @property
    def answers_equal_requests(self) -> bool:
        """Whether a request that is sent again should find it: it goes on, it cost something, or it is tried again."""
        return not self.finished or self.charged is not False or self.may_be_revived

    @property
    def may_be_revived(self) -> bool:
        """Whether it failed without charge, for a reason that may be temporary."""
        return self.status == "failed" and self.charged is False and self.error is not None and self.error.retryable

    def may_be_revived_by(self, caller: Caller) -> bool:
        """Whether it is tried again when this caller repeats the request."""
        return self.may_be_revived and caller.owns(self)

    @property
    def may_be_canceled(self) -> bool:
        """Whether it is certain that nothing was bought, and that its worker must write the job before it buys."""
        return not self.finished and self.stage in (None, "claimed")

    @property
    def unannounced(self) -> bool:
        """Whether it has ended, and its end still has to be announced."""
        return self.finished and not self.announced

    @property
    def check_after_announcement(self) -> int | None:
        """When the sweep checks it again after the announcement: shortly before the record of an open doubt expires."""
        return self.expires_at - DOUBT_ENDS_BEFORE_EXPIRY_SECONDS if self.may_be_resolved and self.reservation else None

    @property
    def may_be_resolved(self) -> bool:
        """Whether the outcome of its purchase is unknown and has not been resolved."""
        return self.status == "unknown" and self.charged == "unknown" and self.resolved_at is None

    @property
    def cost(self) -> int | None:
        """Its actual cost in micro-dollars, as booked or as the provider counted; None while it is not known."""
        if self.charged is False:
            return 0 if self.finished else None
        if self.charged == "unknown":
            return None
        return self.reservation.spent if self.finished and self.reservation else self._counted()

    @property
    def charged_so_far(self) -> Charged | None:
        """Whether the provider was paid; None as long as that can still change from no to yes."""
        return self.charged if self.finished or self.charged is not False else None

    @property
    def purchase(self) -> Purchase:
        """What each of its images shows of it."""
        request, report = self.request, self.report
        return Purchase(
            prompt=request.prompt,
            model=request.model,
            quality=(report and report.quality) or request.parameters.get("quality"),
            size=(report and report.size) or request.parameters.get("size"),
            cost=None if self.cost is None else self.cost // max(self.bought, 1),
            metadata=request.metadata,
        )

    @property
    def preview_keys(self) -> tuple[str, ...]:
        """Where its previews are stored, those too that it does not list because of a crash."""
        keys = (preview_keys(self.id, choice.parameters) for choice in self.request.choices)
        return tuple(dict.fromkeys(chain.from_iterable(keys)))

    @property
    def unlisted_keys(self) -> tuple[str, ...]:
        """Where a crash can have left images, and previews, that it does not list."""
        return (*chain.from_iterable(map(image_keys, self.image_ids)), *self.preview_keys)

    @property
    def may_be_bought(self) -> bool:
        """Whether it is unfinished, and its purchase has or may have happened: it is in the bucket, if anywhere."""
        return not self.finished and self.stage in ("calling", "storing")

    def previews_at(self, now: float) -> tuple[Preview, ...]:
        """Its previews that have not expired."""
        return tuple(preview for preview in self.previews if preview.expires_at > now)

    def lease_expired(self, now: float) -> bool:
        """Whether its worker must be presumed dead."""
        return self.lease_until is not None and self.lease_until <= now

    def reserving(self, movement: Movement) -> "Job":
        """With money reserved for it as soon as it is written."""
        return replace(self, reservation=movement.reservation, movements=(movement,))

    def claimed(self, lease_id: str, lease_until: int, now: int) -> "Job":
        """Taken by a worker until `lease_until`."""
        return replace(
            self,
            status="running",
            stage="claimed",
            lease_id=lease_id,
            lease_until=lease_until,
            attempts=self.attempts + 1,
            # Until the purchase, it can be ended free of charge, whoever holds it.
            check_at=min(lease_until, self.deadline),
            started_at=self.started_at or now,
        )

    def calling(self) -> "Job":
        """About to buy, and each image has its id. From here on, a crash leaves the purchase in doubt."""
        image_ids = self.image_ids or tuple(new_image_id() for _ in range(self.request.n))
        return replace(self, stage="calling", check_at=self.lease_until, image_ids=image_ids, previews=())

    def previewing(self, preview: Preview) -> "Job":
        """Still buying, and one more preview is stored."""
        return replace(self, previews=(*self.previews, preview))

    def falling_back(self, now: int) -> "Job":
        """Claimed for the next of its request's choices, since the present one certainly sold nothing."""
        request = self.request.with_next_choice()
        following = replace(self, request=request, stage="claimed", check_at=self.lease_until)
        if self.reservation is None:
            return following
        old, new = (tally_of(self.reservation.day, self.caller_id, each.model) for each in (self.request, request))
        movements = moving(self.reservation, old, new, now)
        return (
            replace(following, reservation=movements[-1].reservation, movements=movements) if movements else following
        )

    def storing(self, image_ids: tuple[str, ...], report: ProviderReport) -> "Job":
        """Bought: the images have arrived, and are being stored under these ids.

        A job that has succeeded stays as it is: another worker has found the images.
        """
        if self.status == "succeeded":
            return self
        return replace(
            self,
            status="running",
            stage="storing",
            bought=len(image_ids),
            image_ids=image_ids,
            report=report,
            check_at=self.lease_until,
            announced=False,
            charged=True,
        )

    def succeeded(self, now: int, images: tuple[Image, ...]) -> "Job":
        """All its images are stored. A job that has succeeded stays as it is: its caller may have deleted an image."""
        if self.status == "succeeded":
            return self
        return self._ended("succeeded", now, images=images, error=None, charged=True)

    def failed(self, problem: Problem, now: int, report: ProviderReport | None = None) -> "Job":
        """Ended without a result, for a known reason; with a `report` if the provider charged nevertheless."""
        return self._ended(
            "failed", now, error=problem, charged=problem.charged, images=(), report=report or self.report
        )

    def unknown(self, problem: Problem, now: int) -> "Job":
        """The purchase may have happened, but no result arrived. The lease stays: its worker may still bring one."""
        return self._ended("unknown", now, error=problem, charged="unknown")

    def resolved(self, cost: int, now: int) -> "Job":
        """An unknown one, resolved: it cost `cost` micro-dollars, 0 if nothing was bought."""
        charged = cost > 0
        error = replace(self.error, charged=charged) if self.error else None
        check_at = None if self.announced else self.check_at
        resolved = replace(self, charged=charged, error=error, resolved_at=now, check_at=check_at)
        return resolved._booked("resolve", now, cost, self.request.n if charged else 0)

    def closed_in_doubt(self, now: int) -> "Job":
        """An unknown one whose record is about to expire. What it holds counts as spent: doubt never frees money."""
        held = self.reservation.reserved if self.reservation else 0
        closed = replace(self, resolved_at=now, check_at=None)
        return closed._booked("resolve", now, held, self.request.n)

    def overdue(self, problem: Problem, now: int) -> "Job":
        """Ended at its deadline, before the purchase. Without the lease, its worker cannot write an outcome."""
        return replace(self, lease_id=None, lease_until=None).failed(problem, now)

    def canceled(self, now: int) -> "Job":
        """Canceled by its caller, if `may_be_canceled`. Without the lease, its worker cannot write an outcome."""
        return self._ended("canceled", now, stage=None, lease_id=None, lease_until=None, charged=False)

    def without(self, image_id: str) -> "Job":
        """Without an image that its caller has deleted; with the last one go the previews and the caller's words."""
        images = tuple(image for image in self.images if image.id != image_id)
        rest = replace(self, images=images, deleted=self.deleted + len(self.images) - len(images))
        return rest if images else rest.without_private()

    def without_private(self) -> "Job":
        """Without prompt, metadata and previews, which its caller has deleted."""
        return replace(self, request=replace(self.request, prompt="", metadata={}), previews=())

    def requeued(self, check_at: int) -> "Job":
        """Waiting again. Only for a job that certainly bought nothing."""
        return replace(
            self,
            status="queued",
            stage=None,
            lease_id=None,
            lease_until=None,
            check_at=min(check_at, self.deadline),
        )

    def revived(self, now: float, deadline: int) -> "Job":
        """As if it had just been accepted, after a failure that cost nothing."""
        fresh = replace(self, deadline=deadline, error=None, attempts=0, finished_at=None, announced=False)
        return fresh.requeued(check_at=int(now) + QUEUE_PATIENCE_SECONDS)

    def rescheduled(self, check_at: int) -> "Job":
        """Unchanged, except for when the sweep checks it."""
        return replace(self, check_at=check_at)

    def _ended(self, status: Status, now: int, **changes: Any) -> "Job":
        # An end that is written twice is one end: it keeps its time, and with it the id of its announcement.
        finished_at = self.finished_at if self.status == status else now
        check_at = now + ANNOUNCEMENT_PATIENCE_SECONDS
        ended = replace(self, status=status, finished_at=finished_at, check_at=check_at, announced=False, **changes)
        listed = {image.id for image in ended.images}
        unlisted = tuple(each for each in self.image_ids if ended.charged is not False and each not in listed)
        ended = replace(ended, image_ids=unlisted)
        match ended.charged:
            case True:
                cost = ended._counted()
                if cost is None:  # Without a count, assume the most that it can have been.
                    cost = self.quote.upper_bound
                return ended._booked("settle", now, cost, ended.bought or ended.request.n)
            case False:
                return ended._booked("release", now, 0, 0)
        return ended

    def _booked(self, kind: MovementKind, now: int, spent: int, images: int) -> "Job":
        if self.reservation is None:
            return self
        movement = closing(kind, self.reservation, spent=spent, images=images, now=now)
        return replace(self, reservation=movement.reservation, movements=(movement,))

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
    """A job that has just been accepted."""
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
        deadline_seconds=deadline_seconds,
    )


def new_job_id(subject: str, idempotency_key: str | None) -> str:
    """An id of 128 bits: random, or the same one for the same caller or token (see Caller.subject) and idempotency key.

    The job itself thus records the idempotency key: two requests that race for it write the same item.
    """
    if idempotency_key is None:
        return "job_" + secrets.token_hex(16)
    return "job_" + hashlib.sha256(f"{subject}\n{idempotency_key}".encode()).hexdigest()[:32]


JOB_ID = r"job_[0-9a-f]{32}"
_is_job_id = re.compile(JOB_ID).fullmatch


def is_job_id(text: str) -> bool:
    """Whether the text has the shape of a job's id, so that nothing else costs a look-up."""
    return _is_job_id(text) is not None


def new_lease_id() -> str:
    """Names one attempt of one worker."""
    return secrets.token_hex(8)
