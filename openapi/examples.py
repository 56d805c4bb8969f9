"""Sample answers, built by the code that builds the real ones from samples of what it knows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

from core import __version__, catalog
from core.budgets import BudgetState, Spent
from core.callers.model import BrowserToken
from core.errors import InvalidRequest
from core.images.model import Image
from core.images.storage import ImageLinks
from core.jobs.durations import Usual
from core.jobs.model import new_job
from core.ledger.model import Balance, renewal
from core.pricing import ProviderReport, Usage, actual_cost, quote
from core.requests import Request
from core.responses import builders, events
from core.responses.models import model_named
from core.uploads.store import Upload, UploadForm

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MODEL = "gpt-image-2"
PROVIDER = "openai"
PROMPT = "a lighthouse at dawn"
JOB_ID = "job_0fa34cee6f3ed6288fa168639aeabf2c"
IMAGE_ID = "img_9086eaf794fa80d2081fe595d69b09e5"
UPLOAD_ID = "file_5c1a7a3f6d5f4f0aa1f2b6f0c9b7d3e4"
TOKEN_ID = "tok_3d9e1f7ab04c4a0f9d1c5e8b7a6f2c10"  # noqa: S105 - an id is no secret

_NOW = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())
_DAY = 86400
_BUDGET_LEFT = 4_730_000
_CALLER = "key_1f0c8a52d7b94e36"
_REQUEST_ID = "d8ffbfd0-1bb8-4e61-b553-e6da68371fdf"
_BUCKET = "https://BUCKET.s3.REGION.amazonaws.com"


class _Signer:
    """Signs like an S3 client, the same at any time."""

    def generate_presigned_url(self, _: str, Params: Mapping[str, str], ExpiresIn: int) -> str:  # noqa: N803 - boto3's
        return f"{_BUCKET}/{Params['Key']}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={ExpiresIn}&…"


def examples() -> dict[str, Any]:
    """Samples by name."""
    parameters = {"size": "1024x1024", "quality": "low"}
    request = Request("generation", PROMPT, MODEL, parameters, requested={"model": MODEL, **parameters})
    quoted = quote(request, catalog.load().families[MODEL], 0)
    queued = new_job(
        request,
        quoted,
        job_id=JOB_ID,
        fingerprint="",
        caller_id=_CALLER,
        request_id=_REQUEST_ID,
        now=_NOW,
        retention_seconds=30 * _DAY,
    )
    image = Image(
        id=IMAGE_ID,
        caller_id=_CALLER,
        job_id=JOB_ID,
        key=f"images/{IMAGE_ID}.png",
        content_type="image/png",
        width=1024,
        height=1024,
        size=106758,
        sha256="ee9cc7964f42e4e2020d7583f193b60a82e864d3a2b16d15b83f84fe99433fa1",
        created_at=_NOW + 9,
        expires_at=_NOW + 30 * _DAY,
    )
    usage = Usage(11, 196, 11, 0)
    charge = actual_cost(usage, request, catalog.load().families[MODEL].prices)
    report = ProviderReport(_NOW + 9, "1024x1024", "low", "opaque", "png", usage, charge)
    done = (
        queued.claimed("lease", _NOW + 300, _NOW + 1)
        .calling()
        .storing((image.id,), report)
        .succeeded(_NOW + 9, (image,))
    )
    upload = Upload(UPLOAD_ID, _CALLER, "image/png", 31457280, _NOW, _NOW + _DAY, "otter.png")
    fields = {"Content-Type": "image/png", "key": upload.key, "policy": "eyJ…", "x-amz-signature": "9f2c…"}
    links = ImageLinks(cast("S3Client", _Signer()), "BUCKET", 3600)
    usual = Usual(14, 31)
    shaper = builders.Answers(links, "https://API/v1", _NOW + 10, lambda: _BUDGET_LEFT, usual=lambda _: usual)
    balance = Balance(reserved=0, spent=270_000, images=3, committed=270_000)
    states = [
        BudgetState("key", "total", balance, None, None),
        BudgetState("key", "month", balance, _BUDGET_LEFT + 270_000, renewal("month", _NOW)),
        BudgetState("key", "day", balance, None, renewal("day", _NOW)),
    ]
    spent = Spent("2026-11-22", _CALLER, MODEL, balance)
    token = BrowserToken(
        TOKEN_ID, _CALLER, "", images=3, origins=("https://shop.example",), created_at=_NOW, expires_at=_NOW + 600
    )
    refused = InvalidRequest(f"Invalid value: 11. 'n' must be from 1 to 10 for '{MODEL}'.", param="n")
    return {
        "ImagesResponse": shaper.result(done),
        "Stream": _stream(events.completed(done, shaper.result(done, joined=False))),
        "QueuedJob": shaper.job(queued),
        "CanceledJob": shaper.job(queued.canceled(_NOW + 2)),
        "Job": shaper.job(done),
        "JobList": shaper.job_list([queued], None),
        "Image": shaper.image(replace(image, purchase=done.purchase)),
        "ImageList": shaper.image_list([replace(image, purchase=done.purchase)], None),
        "Quote": builders.quote_document(request, quoted, _BUDGET_LEFT),
        "Upload": builders.upload(upload, None),
        "NewUpload": builders.new_upload(upload, UploadForm(f"{_BUCKET}/", fields, _NOW + 900)),
        "DeletedImage": builders.deleted("image.deleted", IMAGE_ID),
        "DeletedUpload": builders.deleted("upload.deleted", UPLOAD_ID),
        "Token": builders.token(token),
        "TokenList": builders.token_list([token], None),
        "NewToken": builders.new_token(token, "eyJ…"),
        "DeletedToken": builders.deleted("token.deleted", TOKEN_ID),
        "DeletedJob": builders.deleted("job.deleted", JOB_ID),
        "DeletedInputs": builders.deleted("job.inputs.deleted", JOB_ID),
        "Model": model_named(MODEL, catalog.load(), date(2026, 11, 22)),
        "UsageReport": builders.usage_report(states, [spent], date(2026, 11, 1), date(2026, 11, 22)),
        "Health": {"status": "ok", "version": __version__, "models": [MODEL]},
        "ErrorResponse": builders.error_document(refused, _REQUEST_ID),
    }


def _stream(completed: Mapping[str, object]) -> str:
    """A stream with a heartbeat and one event, whose image is cut."""
    return b"".join([events.HEARTBEAT, *events.with_image(completed, b"\x89PNG")]).decode()
