"""The form in which an answer has its images: a signed URL, the permalink, or base64 beside the URL.

The form is about the answer, not about the purchase: the same request in another form is the same job. So what does not
fit into an answer is refused before it is bought, as far as that can be known, and never afterwards.
"""

import base64
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import InvalidRequest
from core.images.storage import ImageStore
from core.jobs.model import Job
from core.requests import CheckedRequest, Request, RequestWarning
from core.responses.sizes import MAX_ANSWER_BYTES, sent_size

if TYPE_CHECKING:
    from core.responses import schemas

log = logging.getLogger(__name__)

NOT_IN_BASE64 = "not_in_base64"
ANSWER_TOO_LARGE = "answer_too_large"

# Base64 takes 4 characters for 3 bytes, and the rest of an answer usually some kilobytes.
MAX_INLINE_BYTES = 4_500_000

# What providers usually send for each pixel, in bytes; at the default compression of 100.
_USUAL_BYTES = {"png": 1.5, "jpeg": 0.5, "webp": 0.5}
_DEFAULT_FORMAT = "png"
_DEFAULT_PIXELS = 1024 * 1024


def require_fit(checked: CheckedRequest) -> None:
    """Refuse a request for base64 whose images are usually too large for one answer, with what would fit.

    Raises:
        InvalidRequest: code `answer_too_large`.
    """
    if excess := _excess(checked):
        raise InvalidRequest(f"{excess} Nothing was bought.", param="response_format", code=ANSWER_TOO_LARGE)


def warn_of_excess(checked: CheckedRequest) -> Request:
    """The request to quote, with a warning if a purchase of it would be refused by `require_fit`."""
    request, excess = checked.request, _excess(checked)
    if excess is None:
        return request
    warning = RequestWarning(ANSWER_TOO_LARGE, f"A purchase will be refused. {excess}", "response_format")
    return replace(request, warnings=(*request.warnings, warning))


def _excess(checked: CheckedRequest) -> str | None:
    """Why images in base64 are usually too large for one answer, and what would fit; None if they fit."""
    parameters, count = checked.request.parameters, checked.request.n
    output_format = parameters.get("output_format", _DEFAULT_FORMAT)
    if output_format not in _USUAL_BYTES:  # gif and svg: from a few kilobytes to many megabytes
        return None
    pixels = _pixels(parameters.get("size"))
    usual = _usual_size(pixels, output_format)
    if count * usual <= MAX_INLINE_BYTES:
        return None
    allowed = []
    if (most := int(MAX_INLINE_BYTES // usual)) >= 1:
        allowed.append(f"'n' up to {most}")
    formats = checked.model.rules.parameters.get("output_format")
    fitting = [
        name
        for name in (formats.values if formats else ())
        if name in _USUAL_BYTES and count * _usual_size(pixels, str(name)) <= MAX_INLINE_BYTES
    ]
    if fitting:
        allowed.append(f"'output_format' {' or '.join(map(str, fitting))}")
    allowed.append("a smaller 'size'")
    allowed.append("'response_format' url or link")
    return (
        f"{count} {output_format} images of {pixels} pixels each usually have {count * usual / 1e6:.1f} MB, and an "
        f"answer in base64 can hold {MAX_INLINE_BYTES / 1e6:.1f} MB of images. Use {', or '.join(allowed)}."
    )


def add_base64(
    document: "schemas.ImagesResponse", job: Job, store: ImageStore, within: "schemas.Job | None" = None
) -> None:
    """Put the images of a job into its answer as base64; if that is impossible, a warning that says so.

    The URLs stay in either case: what was paid for never ends as an error because of its form. `within` is the answer
    if it is more than the document: it can have a long prompt.
    """
    size = sum(image.size for image in job.images)
    room = min(MAX_INLINE_BYTES, (MAX_ANSWER_BYTES - sent_size(within or document)) * 3 // 4)
    if size > room:
        reason = f"they have {size / 1e6:.1f} MB, and this answer can hold {max(room, 0) / 1e6:.1f} MB of images"
    else:
        try:
            encoded = [base64.b64encode(store.read(image)).decode() for image in job.images]
        except (BotoCoreError, ClientError) as error:
            log.warning("images cannot be read for an answer", extra={"job_id": job.id, "error": type(error).__name__})
            reason = "they could not be read from the bucket"
        else:
            for entry, text in zip(document["data"], encoded, strict=True):
                entry["b64_json"] = text
            return
    message = f"The images are not in this answer as base64: {reason}. Download them from data[].url."
    document["easel"]["warnings"].append({"code": NOT_IN_BASE64, "message": message, "param": "response_format"})


def _usual_size(pixels: int, output_format: str) -> float:
    return pixels * _USUAL_BYTES[output_format]


def _pixels(size: str | None) -> int:
    found = re.fullmatch(r"([0-9]+)x([0-9]+)", size or "")
    return int(found[1]) * int(found[2]) if found else _DEFAULT_PIXELS
