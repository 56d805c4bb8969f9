"""The JSON that callers see: results, jobs, errors."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Protocol

from core.budgets import BudgetState, Spent
from core.callers.model import BrowserToken
from core.errors import Conflict, EaselError, Hint, Hints, JobFailed
from core.images.model import Image
from core.images.storage import ImageLinks, SignedUrl, permalink
from core.jobs.durations import Usual
from core.jobs.model import Job
from core.jobs.progress import Progress
from core.jobs.wait_estimate import Estimate
from core.pricing import Quote, Usage
from core.requests import Request, RequestWarning
from core.responses.sizes import MAX_ANSWER_BYTES, sent_size
from core.uploads.store import StoredUpload, Upload, UploadForm
from core.webhooks.message import Message

if TYPE_CHECKING:
    from core.responses import schemas

IMAGES_LOST = "images_lost"
IMAGES_DELETED = "images_deleted"

# Characters of a prompt in lists.
LISTED_PROMPT = 200

HTTP_HINTS: Hints = {
    Hint.SEND_AGAIN: "Send the request again.",
    Hint.SEND_AGAIN_LATER: "Send the request again after the seconds in Retry-After.",
    Hint.BUY_AGAIN: "To buy again on purpose, send the request with a new Idempotency-Key; without one, the same "
    "request gets this answer again for ten minutes, free of charge.",
    Hint.ASK_AGAIN: "To buy again, repeat the request, with a new Idempotency-Key if it had one.",
    Hint.NEW_KEY: "Use a new Idempotency-Key for a new request.",
    Hint.READ_JOB: "Read it with GET /v1/jobs/{job_id}.",
    Hint.LIST_JOBS: "List your jobs with GET /v1/jobs.",
    Hint.LIST_IMAGES: "List your images with GET /v1/images.",
    Hint.LIST_MODELS: "List the models with GET /v1/models.",
    Hint.CREATE_UPLOAD: "Upload files with POST /v1/uploads.",
    Hint.DO_NOT_WAIT: "Send 'Prefer: respond-async', without 'stream', to get a job at once, or send it again later.",
    Hint.WAIT_AGAIN: "Send the same request again to go on waiting, or read the job with GET /v1/jobs/{job_id}.",
}


def error_document(error: EaselError, request_id: str, hints: Hints = HTTP_HINTS) -> "schemas.ErrorResponse":
    """OpenAI's error shape with Easel's additions."""
    problem = error.problem
    document: schemas.Error = {
        "message": error.text(hints),
        "type": problem.type,
        "param": problem.param,
        "code": problem.code,
        "retryable": problem.retryable,
        "charged": problem.charged,
        "request_id": request_id,
    }
    if error.job_id:
        document["job_id"] = error.job_id
    if error.joined:
        document["joined"] = True
    if problem.moderation:
        stage, categories = problem.moderation.stage, problem.moderation.categories
        document["moderation"] = {"stage": stage, "categories": list(categories)}
    if refused := problem.budget:
        document["budget"] = {
            "scope": refused.scope,
            "period": refused.period,
            "limit_micro_usd": refused.limit,
            "left_micro_usd": refused.left,
            "asked_micro_usd": refused.asked,
            "currency": "USD",
            "renews_at": refused.renews_at,
        }
    return {"error": document}


def quote_document(request: Request, quoted: Quote, budget_left: int | None) -> "schemas.Quote":
    """A quote: what would run, what it would cost, and how much budget is left (micro-dollars; None without one)."""
    return {
        "object": "quote",
        "model": request.model,
        "n": request.n,
        "quote_micro_usd": quoted.expected,
        "upper_bound_micro_usd": quoted.upper_bound,
        "currency": "USD",
        "price_date": quoted.price_date,
        "budget_left_micro_usd": budget_left,
        "usage": _usage(quoted.expected_usage) if quoted.expected_usage else None,
        "upper_bound_usage": _usage(quoted.upper_usage) if quoted.upper_usage else None,
        "easel": {
            "requested": request.requested,
            "applied": request.applied(),
            "warnings": _warnings(request.warnings),
        },
    }


def progress_document(progress: Progress) -> "schemas.Progress":
    """How far a job is."""
    usual = progress.usual
    return {
        "stage": progress.stage,
        "elapsed_seconds": progress.elapsed,
        "usual_seconds": {"p50": usual.p50, "p90": usual.p90} if usual else None,
        "position": progress.position,
    }


def usage_report(
    states: Iterable[BudgetState], rows: Iterable[Spent], first: date, last: date
) -> "schemas.UsageReport":
    """What a key spent, by day and model, and the state of its budgets."""
    data: list[schemas.UsageRow] = [
        {
            "date": row.day,
            "model": row.model,
            "images": row.balance.images,
            "spent_micro_usd": row.balance.spent,
            "reserved_micro_usd": row.balance.reserved,
        }
        for row in rows
    ]
    return {
        "object": "usage",
        "currency": "USD",
        "budgets": [_budget(state) for state in states if state.scope == "key" or state.limit is not None],
        "date_from": first.isoformat(),
        "date_to": last.isoformat(),
        "images": sum(row["images"] for row in data),
        "spent_micro_usd": sum(row["spent_micro_usd"] for row in data),
        "reserved_micro_usd": sum(row["reserved_micro_usd"] for row in data),
        "data": data,
    }


def _budget(state: BudgetState) -> "schemas.BudgetState":
    own = state.scope == "key"
    return {
        "scope": state.scope,
        "period": state.period,
        "spent_micro_usd": state.balance.spent if own else None,
        "reserved_micro_usd": state.balance.reserved if own else None,
        "limit_micro_usd": state.limit,
        "left_micro_usd": state.remaining,
        "renews_at": state.renews_at,
    }


class Links(Protocol):
    """Where the bytes of an image can be downloaded."""

    def sign(self, image: Image, now: float) -> SignedUrl:
        """A URL of the image, and when it expires."""


class Answers:
    """Builds the JSON of jobs and images for one request.

    `base_url` is the start of permalinks, without a trailing slash; `budget_left` returns what the caller can still
    spend (micro-dollars, None without a budget), and is called at most once, by answers that show a cost. `usual`
    returns how long jobs like an unfinished one take, which is not known by default. `previews` signs the URLs of
    previews, which have no permalinks: without it, as in messages that are kept, none are shown.
    """

    def __init__(
        self,
        links: Links,
        base_url: str,
        now: float,
        budget_left: Callable[[], int | None],
        usual: Callable[[Job], Usual | None] = lambda _: None,
        previews: ImageLinks | None = None,
    ) -> None:
        self._budget_left = cache(budget_left)
        self._usual = usual
        self._links = links
        self._base_url = base_url
        self._now = now
        self._preview_links = previews

    def result(self, job: Job, *, joined: bool | None = None) -> "schemas.ImagesResponse":
        """OpenAI's ImagesResponse of a finished job, with URLs instead of base64.

        `joined` says to whoever asked for a purchase whether the job is that of an earlier, equal request.

        Raises:
            JobFailed: the job ended without a result.
            Conflict: it was canceled.
        """
        if job.error:
            raise JobFailed(job.error, job.id, joined=bool(joined))
        if job.status == "canceled":
            raise Conflict(
                "The job was canceled before anything was bought.",
                hint=Hint.ASK_AGAIN,
                code="job_canceled",
                job_id=job.id,
            )
        report = job.report
        if report is None:
            raise ValueError(f"'{job.id}' has not succeeded")
        document: schemas.ImagesResponse = {
            "created": report.created,
            "data": [self._entry(image) for image in job.images],
            "usage": _usage(report.usage) if report.usage else None,
            "easel": self._easel(job, joined),
        }
        # Absent where the provider does not say what it used.
        if report.background:
            document["background"] = report.background
        if report.output_format:
            document["output_format"] = report.output_format
        if report.quality:
            document["quality"] = report.quality
        if report.size:
            document["size"] = report.size
        return document

    def queued_job(self, job: Job, estimate: Estimate | None) -> "schemas.Job":
        """A queued job, with its estimated wait."""
        queue: schemas.Queue | None = None
        if estimate:
            queue = {"jobs_waiting": estimate.jobs_waiting, "eta_seconds": estimate.seconds}
        return {**self.job(job, estimate=estimate), "queue": queue}

    def progress(self, job: Job, estimate: Estimate | None = None) -> Progress:
        """How far an unfinished job is, with its position if its wait was estimated."""
        return Progress.of(job, self._now, self._usual(job), estimate.position if estimate else None)

    def job(
        self,
        job: Job,
        message: Message | None = None,
        *,
        joined: bool | None = None,
        estimate: Estimate | None = None,
    ) -> "schemas.Job":
        """A job as GET /v1/jobs/{id} shows it, with the webhook message about its end; `joined` as in `result`.

        With the `estimate` of its wait, it shows its position. It holds the prompt: for the caller's eyes only.
        """
        error = error_document(JobFailed(job.error, job.id), job.request_id)["error"] if job.error else None
        document: schemas.Job = {
            "id": job.id,
            "object": "job",
            "status": job.status,
            "operation": job.request.operation,
            "model": job.request.model,
            "prompt": job.request.prompt or None,
            "metadata": job.request.metadata,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "expires_at": job.expires_at,
            "url": self.job_url(job),
            "previews": list(self.previews(job)),
            "result": self.result(job) if job.status == "succeeded" else None,
            "error": error,
            "easel": self._easel(job, joined),
        }
        if not job.finished:
            document["progress"] = progress_document(self.progress(job, estimate))
        if message:
            document["webhook"] = {
                "id": message.id,
                "state": message.state,
                "attempts": message.attempts,
                "attempted_at": message.attempted_at,
                "outcome": message.outcome,
                "next_attempt_at": message.next_at if message.state == "pending" else None,
            }
        return document

    def previews(self, job: Job) -> "Iterator[schemas.Preview]":
        """The drafts of a job's image, the newest last."""
        if self._preview_links is None:
            return
        for preview in job.previews_at(self._now):
            signed = self._preview_links.sign(preview, self._now)
            yield {
                "index": preview.index,
                "url": signed.url,
                "expires_at": signed.expires_at,
                "content_type": preview.content_type,
                "width": preview.width,
                "height": preview.height,
            }

    def job_url(self, job: Job) -> str:
        """Where the job can be polled."""
        return f"{self._base_url}/jobs/{job.id}"

    def job_list(self, jobs: list[Job], next_after: str | None) -> "schemas.Page[schemas.Job]":
        """A page of jobs in OpenAI's list shape, with shortened prompts."""
        return _page([_shortened(self.job(job)) for job in jobs], next_after)

    def image(self, image: Image) -> "schemas.Image":
        """An image as GET /v1/images/{id} shows it. It holds the prompt: for the caller's eyes only."""
        purchase = image.purchase
        return {
            "object": "image",
            **self._entry(image),
            "created_at": image.created_at,
            "kept_until": image.expires_at,
            "job_id": image.job_id,
            "prompt": purchase.prompt if purchase else None,
            "metadata": purchase.metadata if purchase else {},
            "model": purchase.model if purchase else None,
            "quality": purchase.quality if purchase else None,
            "size": purchase.size if purchase else None,
            "cost_micro_usd": purchase.cost if purchase else None,
        }

    def image_list(
        self, images: list[Image], next_after: str | None, max_bytes: int = MAX_ANSWER_BYTES
    ) -> "schemas.Page[schemas.Image]":
        """A page of images in OpenAI's list shape, with shortened prompts."""
        return _page([_shortened(self.image(image)) for image in images], next_after, max_bytes)

    def _entry(self, image: Image) -> "schemas.ResultImage":
        signed = self._links.sign(image, self._now)
        return {
            "url": signed.url,
            "id": image.id,
            "link": permalink(self._base_url, image),
            "expires_at": signed.expires_at,
            "content_type": image.content_type,
            "width": image.width,
            "height": image.height,
            "bytes": image.size,
            "sha256": image.sha256,
        }

    def _easel(self, job: Job, joined: bool | None) -> "schemas.JobAdditions":
        document: schemas.JobAdditions = {
            "job_id": job.id,
            "requested": job.request.requested,
            "applied": job.request.applied(),
            "warnings": _warnings((*job.request.warnings, *_missing(job))),
            "charged": job.charged_so_far,
            "cost": self._cost(job),
        }
        if joined is not None:
            document["joined"] = joined
        return document

    def _cost(self, job: Job) -> "schemas.Cost":
        return {
            "quote_micro_usd": job.quote.expected,
            "upper_bound_micro_usd": job.quote.upper_bound,
            "actual_micro_usd": job.cost,
            "currency": "USD",
            "price_date": job.quote.price_date,
            "budget_left_micro_usd": self._budget_left(),
        }


def upload(found: Upload, stored: StoredUpload | None) -> "schemas.Upload":
    """An upload as GET /v1/uploads/{id} shows it."""
    return {
        "id": found.id,
        "object": "upload",
        "status": "ready" if stored else "pending",
        "content_type": found.content_type,
        "filename": found.filename,
        "bytes": stored.size if stored else None,
        "max_bytes": found.max_bytes,
        "created_at": found.created_at,
        "kept_until": found.expires_at,
    }


def new_upload(made: Upload, form: UploadForm) -> "schemas.NewUpload":
    """A new upload, with the form that sends its bytes."""
    return {
        **upload(made, None),
        "method": "POST",
        "url": form.url,
        "fields": form.fields,
        "expires_at": form.expires_at,
    }


def token(found: BrowserToken) -> "schemas.Token":
    """A browser token, without the text that a page sends."""
    return {
        "id": found.id,
        "object": "token",
        "label": found.label,
        "images": found.images,
        "budget_micro_usd": found.budget_micro_usd,
        "models": list(found.models),
        "origins": list(found.origins),
        "created_at": found.created_at,
        "expires_at": found.expires_at,
    }


def new_token(made: BrowserToken, text: str) -> "schemas.NewToken":
    """A new browser token, with the text that a page sends."""
    return {**token(made), "token": text}


def token_list(found: list[BrowserToken], next_after: str | None) -> "schemas.Page[schemas.Token]":
    """A page of browser tokens."""
    return _page([token(each) for each in found], next_after)


def deleted(what: "schemas.Deletion", item_id: str) -> "schemas.Deleted":
    """OpenAI's answer to a deletion."""
    return {"id": item_id, "object": what, "deleted": True}


def _page[Entry: (schemas.Job, schemas.Image, schemas.Token)](
    entries: list[Entry], next_after: str | None, max_bytes: int = MAX_ANSWER_BYTES
) -> "schemas.Page[Entry]":
    """A page of these entries, or of the first ones if all would not fit into an answer."""
    fitting = list(_fitting(entries, max_bytes))
    if len(fitting) < len(entries):
        entries, next_after = fitting, fitting[-1]["id"]
    return {
        "object": "list",
        "data": entries,
        "first_id": entries[0]["id"] if entries else None,
        "last_id": next_after or (entries[-1]["id"] if entries else None),
        "has_more": next_after is not None,
    }


def _fitting[Entry: Mapping[str, object]](entries: Iterable[Entry], max_bytes: int) -> Iterator[Entry]:
    """The first entries, as many as have room."""
    room = max_bytes
    for entry in entries:
        room -= sent_size(entry)
        if room < 0:
            return
        yield entry


def _shortened[Entry: (schemas.Job, schemas.Image)](entry: Entry) -> Entry:
    """For lists: a hundred long prompts would not fit into an answer."""
    prompt = entry["prompt"]
    if prompt and len(prompt) > LISTED_PROMPT:
        entry["prompt"] = prompt[: LISTED_PROMPT - 1] + "…"
    return entry


def _missing(job: Job) -> Iterator[RequestWarning]:
    """Why a result lists fewer images than were bought."""
    if job.status != "succeeded":
        return
    if lost := job.bought - len(job.images) - job.deleted:
        yield RequestWarning(
            IMAGES_LOST,
            f"{lost} of {job.bought} images were bought but not stored: they arrived corrupt or not at all, or a crash "
            "prevented it.",
        )
    if job.deleted:
        yield RequestWarning(IMAGES_DELETED, f"{job.deleted} of {job.bought} images have been deleted by their caller.")


def _warnings(warnings: Iterable[RequestWarning]) -> "list[schemas.Warning]":
    return [{"code": warning.code, "message": warning.message, "param": warning.param} for warning in warnings]


def _usage(usage: Usage) -> "schemas.Usage":
    return {
        "total_tokens": usage.total_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "input_tokens_details": {"text_tokens": usage.text_input_tokens, "image_tokens": usage.image_input_tokens},
    }
