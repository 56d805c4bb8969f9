"""Google's Gemini API: models that draw among other things, through their native generateContent.

Facts: docs/providers.md names its sources (as of 2026-11-27). One call gives one image. The picture is the last image
of the answer: drafts come before it, whatever they are marked as. A refusal comes with HTTP 200.
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from urllib3.response import HTTPResponse

from core.pricing import ProviderReport, Usage
from core.providers import (
    InDoubt,
    InputFile,
    Order,
    ProviderResult,
    ProviderSettings,
    Refused,
    Tools,
)
from core.providers.api_key import ProviderKey
from core.providers.http import (
    LIST_SECONDS,
    Body,
    HttpClient,
    KeyRefused,
    chunks,
    error_document,
    json_body,
    list_errors_named,
    usable_base_url,
    with_key,
)
from core.providers.image_stream import ParsedBody, read_images, starts_after
from core.providers.outcomes import (
    moderated,
    no_image,
    no_such_model,
    out_of_quota,
    overloaded,
    permission_denied,
    rate_limited,
    rejected,
    text,
    whole,
)

GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta"
_IMAGES = starts_after("data")
_ALL_MODELS = "pageSize=1000"

# Source: FinishReason of Google's SDK 3.6.1.
_MODERATED = frozenset(
    {
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "SAFETY",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SPII",
        "BLOCKLIST",
    }
)
# With these an image is a draft at most.
_UNFINISHED = frozenset(
    {"NO_IMAGE", "IMAGE_OTHER", "OTHER", "MAX_TOKENS", "MALFORMED_RESPONSE", "LANGUAGE", "UNEXPECTED_TOOL_CALL"}
)
_ACCOUNT_LIMITED = "PUP_LIMITED_DISABLED"
# Whoever answers so, such as a proxy, may have sent the request on before.
_MAYBE_ACCEPTED = frozenset({408, 499})


class GeminiSettings(ProviderSettings):
    """The API's address and the secret of its key."""

    secret_arn: str = Field(alias="SECRET_ARN", min_length=1)
    base_url: Annotated[str, AfterValidator(usable_base_url)] = Field(alias="BASE_URL", default=GEMINI_URL)


def connect(settings: Mapping[str, str], tools: Tools) -> "GeminiProvider":
    """The adapter, from its settings."""
    read = GeminiSettings.from_environment(settings)
    return GeminiProvider(tools.http, read, ProviderKey(tools.secrets, read.secret_arn))


class GeminiProvider:
    """Buys images from the Gemini API."""

    def __init__(self, http: HttpClient, settings: GeminiSettings, key: ProviderKey) -> None:
        self._http = http
        self._settings = settings
        self._key = key

    def prepare(self) -> None:
        """Read the key while it is still certain that nothing was bought."""
        self._settings.check_enabled()
        self._key.read()

    def buy(self, order: Order) -> ProviderResult:
        """POST /models/{model}:generateContent. See ImageProvider.buy."""
        until = time.monotonic() + order.timeout
        body = json_body(_content(order))
        return with_key(self._key, lambda key: self._post(order, body, key, until))

    def models(self) -> dict[str, date | None]:
        """GET /models, whose rows may have a `retirementTime`. See ImageProvider.models."""
        with list_errors_named():
            url, until = f"{self._settings.base_url}/models?{_ALL_MODELS}", time.monotonic() + LIST_SECONDS
            rows = json.loads(self._http.get(url, _headers(self._key.read()), until))["models"]
            ends = {
                row["name"].removeprefix("models/"): row.get("modelStatus", {}).get("retirementTime") for row in rows
            }
            return {name: datetime.fromisoformat(end).date() if end else None for name, end in ends.items()}

    def _post(self, order: Order, body: Body, key: str, until: float) -> ProviderResult:
        url = f"{self._settings.base_url}/models/{order.model.sent_as}:generateContent"
        with self._http.post(url, _headers(key), body, until) as answer:
            if answer.status != 200:
                raise _error_of(answer)
            parsed = read_images(chunks(answer), _IMAGES)
        return _result(parsed)


def _headers(key: str) -> dict[str, str]:
    return {"x-goog-api-key": key}


def _content(order: Order) -> dict[str, Any]:
    generation: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    size, rule = order.request.parameters.get("size", "auto"), order.model.rules.size
    if size != "auto" and rule:
        ratio, scale = rule.ratio_and_scale(size)
        named = {"imageSize": scale} if order.model.rules.details["takes_image_size"] else {}
        generation["imageConfig"] = {"aspectRatio": ratio, **named}
    parts = [*map(_inline, order.inputs), {"text": order.request.prompt}]
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": generation}


def _inline(image: InputFile) -> dict[str, Any]:
    image.file.seek(0)
    data = base64.b64encode(image.file.read()).decode()
    return {"inlineData": {"mimeType": image.content_type, "data": data}}


def _result(body: ParsedBody) -> ProviderResult:
    document = body.document
    usage = _usage(document.get("usageMetadata"))
    report = ProviderReport(created=int(time.time()), usage=usage)
    # What it counted is charged, also when it refused; what it does not count is not.
    charged = usage is not None
    candidates = document.get("candidates")
    candidate = candidates[0] if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict) else {}
    finished = text(candidate.get("finishReason"))
    blocked = _member(document.get("promptFeedback"), "blockReason")
    if blocked and not candidate:
        raise Refused(moderated("input", (blocked,), charged=charged), report if charged else None)
    if finished in _MODERATED:
        raise Refused(moderated("output", (str(finished),), charged=charged), report if charged else None)
    if not candidate:
        raise InDoubt("The provider answered without an image and without a reason.")
    if finished == _ACCOUNT_LIMITED and not charged:
        raise permission_denied()
    pictures = list(_pictures(candidate, body))
    if not pictures or finished in _UNFINISHED:
        raise Refused(no_image(charged=charged), report if charged else None)
    return ProviderResult((pictures[-1],), report)


def _pictures(candidate: dict[str, Any], body: ParsedBody) -> Iterator[bytes | bytearray]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    for part in parts if isinstance(parts, list) else []:
        inline = part.get("inlineData") if isinstance(part, dict) else None
        index = inline.get("data") if isinstance(inline, dict) else None
        if isinstance(index, int) and index < len(body.images):
            yield body.images[index]


def _usage(document: Any) -> Usage | None:
    """The counted tokens; None if nothing was counted. What is no image is text, thoughts included."""
    if not isinstance(document, dict):
        return None
    prompt, drawn = (whole(document.get(name)) or 0 for name in ("promptTokenCount", "candidatesTokenCount"))
    thoughts = whole(document.get("thoughtsTokenCount")) or 0
    image_in = _of_images(document.get("promptTokensDetails"), or_else=0)
    image_out = _of_images(document.get("candidatesTokensDetails"), or_else=drawn)
    prompt, drawn = max(prompt, image_in), max(drawn, image_out)
    if not prompt and not drawn and not thoughts:
        return None
    return Usage(
        input_tokens=prompt,
        output_tokens=drawn + thoughts,
        text_input_tokens=prompt - image_in,
        image_input_tokens=image_in,
        text_output_tokens=drawn - image_out + thoughts,
    )


def _of_images(details: Any, *, or_else: int) -> int:
    """The tokens of images among these; `or_else` if they are not told apart."""
    if not isinstance(details, list) or not details:
        return or_else
    counts = [whole(row.get("tokenCount")) or 0 for row in details if _member(row, "modality") == "IMAGE"]
    return sum(counts)


def _error_of(answer: HTTPResponse) -> Exception:
    """Decide what an error answer means for the purchase and for the caller."""
    document = error_document(answer)
    document = document[0] if isinstance(document, list) and document else document
    error = document.get("error") if isinstance(document, dict) else None
    error = error if isinstance(error, dict) else {}
    details = error.get("details")
    details = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    status = answer.status
    if status in (401, 403) or any(each.get("reason") == "API_KEY_INVALID" for each in details):
        return KeyRefused()
    if status == 404:
        return no_such_model("The provider has no such model, or no longer.")
    if status == 429:
        return out_of_quota() if _is_daily(details) else rate_limited(_retry_after(details))
    if status == 503:
        return overloaded(_retry_after(details))
    if error.get("status") == "FAILED_PRECONDITION":  # of the account: its billing or its country
        return permission_denied()
    if 400 <= status < 500 and status not in _MAYBE_ACCEPTED:
        return Refused(rejected(status, error.get("message")))
    return InDoubt(f"The provider failed with HTTP {status}.")


def _is_daily(details: list[dict[str, Any]]) -> bool:
    """Whether a quota of the day is used up, which only the next day mends."""
    listed = [each for each in (detail.get("violations") for detail in details) if isinstance(each, list)]
    return any("PerDay" in (_member(violation, "quotaId") or "") for each in listed for violation in each)


def _retry_after(details: list[dict[str, Any]]) -> float | None:
    """Seconds, from google.rpc.RetryInfo: "58.5s"."""
    for detail in details:
        delay = text(detail.get("retryDelay"))
        if delay:
            try:
                return float(delay.removesuffix("s"))
            except ValueError:
                continue
    return None


def _member(document: Any, name: str) -> str | None:
    return text(document.get(name)) if isinstance(document, dict) else None
