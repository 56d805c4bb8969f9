"""The events of a stream, as OpenAI's SDKs read them, with Easel's additions; and how server-sent events are written.

Source: OpenAI's types ImageGenStreamEvent and ImageEditStreamEvent, which require all fields but Easel's.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from core.errors import EaselError
from core.jobs.model import Job
from core.responses.builders import error_document

if TYPE_CHECKING:
    from core.catalog import Operation
    from core.responses import schemas

# A comment (WHATWG HTML, section 9.2.5), which readers of events ignore: it only keeps the line from idling.
HEARTBEAT = b": keep-alive\n\n"

_NAMES: "Mapping[Operation, str]" = {"generation": "image_generation", "edit": "image_edit"}
# Bytes of an image that are encoded at once: a multiple of 3, so that the parts of the base64 fit together.
_SLICE_BYTES = 3 * 256 * 1024
_NO_TOKENS: "schemas.Usage" = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


def partial_image(job: Job, preview: "schemas.Preview", now: float) -> "schemas.PartialImageEvent":
    """The event of a preview, still without its base64."""
    applied = job.request.applied()
    return {
        "type": cast("schemas.Partial", f"{_NAMES[job.request.operation]}.partial_image"),
        "partial_image_index": preview["index"],
        "created_at": int(now),
        "size": f"{preview['width']}x{preview['height']}",
        "quality": applied.get("quality", "auto"),
        "background": applied.get("background", "auto"),
        "output_format": preview["content_type"].removeprefix("image/"),
        "url": preview["url"],
        "link": None,
        "expires_at": preview["expires_at"],
    }


def completed(job: Job, result: "schemas.ImagesResponse") -> "schemas.CompletedEvent":
    """The event of a finished image, still without its base64; `result` has exactly one image."""
    (image,) = result["data"]
    return {
        "type": cast("schemas.Completed", f"{_NAMES[job.request.operation]}.completed"),
        "created_at": result["created"],
        # OpenAI requires these where other providers do not say what they used.
        "size": result.get("size") or f"{image['width']}x{image['height']}",
        "quality": result.get("quality") or "auto",
        "background": result.get("background") or "auto",
        "output_format": image["content_type"].removeprefix("image/"),
        "usage": result["usage"] or _NO_TOKENS,
        **image,
        "easel": result["easel"],
    }


def with_image(event: Mapping[str, object], image: bytes) -> Iterator[bytes]:
    """An event with the base64 of its image, in parts, since all of it can have more than 40 MB."""
    yield f'event: {event["type"]}\ndata: {json.dumps(event)[:-1]}, "b64_json": "'.encode()
    for start in range(0, len(image), _SLICE_BYTES):
        yield base64.b64encode(memoryview(image)[start : start + _SLICE_BYTES])
    yield b'"}\n\n'


def failed(error: EaselError, request_id: str) -> bytes:
    """The event of an error, which ends a stream: OpenAI's SDKs raise it."""
    document = {"type": "error", **error_document(error, request_id)}
    return f"event: error\ndata: {json.dumps(document)}\n\n".encode()
