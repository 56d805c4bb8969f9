"""The OpenAI Images API, and servers compatible with it.

Contract: https://developers.openai.com/api/reference/resources/images (as of 2026-11-22).
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from urllib3.response import HTTPResponse

from core.errors import Moderation, Problem
from core.pricing import ProviderReport, Usage
from core.providers import (
    InDoubt,
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
    GetFailed,
    HttpClient,
    KeyRefused,
    chunks,
    error_document,
    form_body,
    json_body,
    list_errors_named,
    usable_base_url,
    with_key,
)
from core.providers.image_stream import EventStream, ParsedBody, read_images, starts_after
from core.providers.outcomes import (
    no_image,
    out_of_quota,
    overloaded,
    permission_denied,
    problem,
    rate_limited,
    rejected,
    said,
    text,
    whole,
)

OPENAI_URL = "https://api.openai.com/v1"
_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_DOWNLOAD_ATTEMPTS = 3
_IMAGES = starts_after("b64_json")

# The provider account is out of money, so waiting does not help. Source: OpenAI error codes of 429 and 400.
_QUOTA_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
    }
)
# Azure's code is contentFilter; DALL-E's was content_policy_violation.
_MODERATION_CODES = frozenset({"moderation_blocked", "content_policy_violation", "contentFilter", "content_filter"})
# What an error in a stream has instead of a status.
_RATE_CODES = frozenset({"rate_limit_exceeded", "slow_down"})
_OVERLOADED_CODES = frozenset({"server_is_overloaded"})
_CALLER_FAULT_TYPES = frozenset({"invalid_request_error", "image_generation_user_error"})
_EVENTS = "text/event-stream"
_STOPS = (".", "!", "?")
_SAFETY_VIOLATIONS = re.compile(r"safety_violations=\[([^\]]*)\]")


class OpenAISettings(ProviderSettings):
    """The provider's address and credentials. The base URL may be that of OpenAI, Azure, a proxy or your own server.

    Without a secret, calls are made without a key. `key_header` is the header of the key, if the host expects another
    than OpenAI does. `leave_out` names parameters that the server does not know.
    """

    secret_arn: str = Field(alias="SECRET_ARN", default="")
    base_url: Annotated[str, AfterValidator(usable_base_url)] = Field(alias="BASE_URL", default=OPENAI_URL)
    organization: str = Field(alias="ORGANIZATION", default="")
    key_header: str = Field(alias="KEY_HEADER", default="")
    leave_out: str = Field(alias="LEAVE_OUT", default="")

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if not self.secret_arn and self.base_url == OPENAI_URL:
            raise ValueError("SECRET_ARN is missing; only a server of your own can be called without a key")
        return self

    @property
    def header_of_key(self) -> str:
        """The header that the key is sent in; Azure has one of its own, where a bearer token means Entra ID."""
        is_azure = (urlsplit(self.base_url).hostname or "").endswith(_AZURE_HOSTS)
        return self.key_header or ("api-key" if is_azure else "Authorization")


def connect(settings: Mapping[str, str], tools: Tools) -> "OpenAIProvider":
    """The adapter, from its settings."""
    read = OpenAISettings.from_environment(settings)
    return OpenAIProvider(tools.http, read, ProviderKey(tools.secrets, read.secret_arn))


class OpenAIProvider:
    """Buys images from an OpenAI-compatible server."""

    def __init__(self, http: HttpClient, settings: OpenAISettings, key: ProviderKey) -> None:
        self._http = http
        self._settings = settings
        self._key = key

    def prepare(self) -> None:
        """Read the key while it is still certain that nothing was bought."""
        self._settings.check_enabled()
        self._key.read()

    def buy(self, order: Order) -> ProviderResult:
        """POST /images/generations, or /images/edits with its inputs. See ImageProvider.buy.

        Partial images come only in a stream. A server that answers in one piece nevertheless has none.
        """
        until = time.monotonic() + order.timeout
        return with_key(self._key, lambda key: self._post(order, key, until))

    def models(self) -> dict[str, date | None]:
        """GET /models, whose rows may have a `shutdown_date`. See ImageProvider.models."""
        with list_errors_named():
            headers = self._headers(self._key.read(), "model-check")
            url, until = f"{self._settings.base_url}/models", time.monotonic() + LIST_SECONDS
            rows = json.loads(self._http.get(url, headers, until))["data"]
            ends = {row["id"]: row.get("shutdown_date") for row in rows}
            return {name: date.fromisoformat(end) if end else None for name, end in ends.items()}

    def _post(self, order: Order, key: str, until: float) -> ProviderResult:
        path, body = _content(order, self._settings.leave_out.split())
        headers = self._headers(key, order.request_id)
        with self._http.post(self._settings.base_url + path, headers, body, until) as answer:
            if answer.status != 200:
                raise _error_of(answer)
            if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == _EVENTS:
                parsed = _read_stream(chunks(answer), order.preview)
            else:
                parsed = read_images(chunks(answer), _IMAGES, order.image)
        return _delivery(parsed, self._linked_images(parsed, until))

    def _headers(self, key: str, request_id: str) -> dict[str, str]:
        headers = {"X-Client-Request-Id": request_id}
        if key:
            name = self._settings.header_of_key
            headers[name] = f"Bearer {key}" if name == "Authorization" else key
        if self._settings.organization:
            headers["OpenAI-Organization"] = self._settings.organization
        return headers

    def _linked_images(self, body: ParsedBody, until: float) -> tuple[bytes, ...]:
        """Images that a compatible server returned by URL, as DALL-E did, instead of inline."""
        rows = body.document.get("data")
        urls = [row.get("url") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return tuple(self._download(url, until) for url in urls if isinstance(url, str))

    def _download(self, url: str, until: float) -> bytes:
        for remaining in range(_DOWNLOAD_ATTEMPTS - 1, -1, -1):
            try:
                return self._http.get(url, {}, until)
            except GetFailed as error:
                if not remaining:
                    raise InDoubt("The provider made the images, but they could not be downloaded.") from error
        raise AssertionError("unreachable")


def _content(order: Order, left_out: Sequence[str]) -> tuple[str, Body]:
    """The path and body of a call: JSON for a generation, a form for an edit."""
    request, inputs = order.request, order.inputs
    fields = {"model": order.model.sent_as, "prompt": request.prompt, **request.parameters}
    if not fields.keys() & {"user", "safety_identifier"}:
        fields["user"] = order.user  # The older of the two names, which compatible servers know, too.
    if request.partial_images:
        fields["stream"] = True
    fields = {name: value for name, value in fields.items() if name not in left_out}
    if request.operation == "generation":
        return "/images/generations", json_body(fields)
    several = sum(image.role == "image" for image in inputs) > 1
    files = [("image[]" if image.role == "image" and several else image.role, image) for image in inputs]
    return "/images/edits", form_body(_form_fields(fields), files)


def _form_fields(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as form fields, named as the SDKs do: svg[reasoning][effort]."""
    for name, value in document.items():
        full_name = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, Mapping):
            yield from _form_fields(value, full_name)
        else:
            yield full_name, "true" if value is True else str(value)


def _read_stream(chunks: Iterable[bytes], preview: Callable[[bytes | bytearray], None]) -> ParsedBody:
    """The event that brings the finished image, in the form of an ordinary answer; partial images go to `preview`.

    Nothing is read after it: a connection that is not closed would keep the image waiting.

    Raises:
        NotBought, Refused, InDoubt: the provider reported an error, or the stream ended without the image.
    """
    events, begun = EventStream(_IMAGES), False
    for chunk in chunks:
        for event in events.feed(chunk):
            document = event.document
            kind = str(document.get("type"))
            if kind.endswith(".completed"):
                return ParsedBody(
                    {**document, "created": document.get("created_at"), "data": [document]}, event.images, event.count
                )
            if kind.endswith(".partial_image"):
                begun = True
                for image in event.images:
                    preview(image)
            elif error := document.get("error"):
                raise _error_in_stream(error if isinstance(error, dict) else {}, begun=begun or events.unreadable)
    raise InDoubt("The provider's stream ended without the image.")


def _error_in_stream(error: dict[str, Any], *, begun: bool) -> Exception:
    """Decide what an error in a stream means. Once an image has `begun`, it may be charged, whatever the error says."""
    code = text(error.get("code"))
    if not begun:
        if code in _QUOTA_CODES:
            return out_of_quota()
        if code in _RATE_CODES:
            return rate_limited(None)
        if code in _OVERLOADED_CODES:
            return overloaded(None)
        if code in _MODERATION_CODES or error.get("type") in _CALLER_FAULT_TYPES:
            return Refused(_caller_fault(400, code, error))
    why = said(error.get("message")).rstrip()
    return InDoubt(
        f"The provider ended its stream with an error{': ' if why else ''}{why}{'' if why.endswith(_STOPS) else '.'}"
    )


def _delivery(body: ParsedBody, linked: tuple[bytes, ...]) -> ProviderResult:
    document = body.document
    report = ProviderReport(
        created=whole(document.get("created")) or int(time.time()),
        size=text(document.get("size")),
        quality=text(document.get("quality")),
        background=text(document.get("background")),
        output_format=text(document.get("output_format")),
        usage=_usage(document.get("usage")),
    )
    if not body.count and not linked:
        if report.usage is None:
            raise InDoubt("The provider answered without an image.")
        raise Refused(no_image(charged=True), report)
    return ProviderResult((*body.images, *linked), report)


def _usage(document: Any) -> Usage | None:
    if not isinstance(document, dict) or not document.get("output_tokens"):
        return None
    details = document.get("input_tokens_details") or {}
    total_in = whole(document.get("input_tokens")) or 0
    image_in = whole(details.get("image_tokens")) or 0
    return Usage(
        input_tokens=total_in,
        output_tokens=whole(document.get("output_tokens")) or 0,
        text_input_tokens=total_in - image_in,
        image_input_tokens=image_in,
    )


def _error_of(answer: HTTPResponse) -> Exception:
    """Decide what an error answer means for the purchase and for the caller."""
    document = error_document(answer)
    error = document.get("error") if isinstance(document, dict) else None
    error = error if isinstance(error, dict) else {}
    status, code = answer.status, text(error.get("code"))
    if status == 401:
        return KeyRefused()
    if code in _QUOTA_CODES:
        return out_of_quota()
    if status == 429:
        return rate_limited(_retry_after(answer))
    if status == 503:
        return overloaded(_retry_after(answer))
    if status == 403:
        return _forbidden(error)
    if 400 <= status < 500:
        return Refused(_caller_fault(status, code, error), elsewhere=status == 404)
    return InDoubt(f"The provider failed with HTTP {status}.")


def _forbidden(error: dict[str, Any]) -> Refused:
    if "verified" not in str(error.get("message", "")):
        return permission_denied()
    message = (
        "The provider serves this model only to verified organizations. The operator can verify the organization "
        "at https://platform.openai.com/settings/organization/general; this takes up to 15 minutes to take effect."
    )
    return Refused(problem(403, "organization_not_verified", message, type="invalid_request_error"), elsewhere=True)


def _caller_fault(status: int, code: str | None, error: dict[str, Any]) -> Problem:
    refused = rejected(status, error.get("message"), type=text(error.get("type")), code=code)
    return replace(refused, param=text(error.get("param")), moderation=_moderation(code, error))


def _moderation(code: str | None, error: dict[str, Any]) -> Moderation | None:
    """The safety system's reasons: in a field of their own, or only in its message."""
    if code not in _MODERATION_CODES:
        return None
    details = error.get("moderation_details")
    details = details if isinstance(details, dict) else {}
    categories = details.get("categories")
    if not isinstance(categories, list):
        named = _SAFETY_VIOLATIONS.search(str(error.get("message", "")))
        categories = [name.strip() for name in named[1].split(",")] if named else []
    return Moderation(
        stage=text(details.get("moderation_stage")) or "unknown",
        categories=tuple(name for name in categories if isinstance(name, str) and name),
    )


def _retry_after(answer: HTTPResponse) -> float | None:
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(answer.headers[header]) * unit
        except (KeyError, ValueError):
            continue
    return None
