"""The OpenAI Images API, and servers compatible with it.

Contract: https://developers.openai.com/api/reference/resources/images (as of 2026-11-22).
"""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from pydantic import Field, field_validator

from core.errors import Hint, Moderation, Problem
from core.pricing import ProviderReport, Usage
from core.providers import InDoubt, InputFile, ListUnavailable, NotBought, ProviderResult, Refused
from core.providers.api_key import KeyUnavailable, ProviderKey
from core.providers.image_stream import BrokenBody, ImagesBody, ParsedBody
from core.requests import Request
from core.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

log = logging.getLogger(__name__)

LIST_SECONDS = 20.0
CONNECT_TIMEOUT_SECONDS = 5.0
CONNECT_RETRY_SECONDS = 5.0
OVERLOADED_RETRY_SECONDS = 10.0
_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_DOWNLOAD_ATTEMPTS = 3
_ERROR_BODY_LIMIT = 64 * 1024

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
_SAFETY_VIOLATIONS = re.compile(r"safety_violations=\[([^\]]*)\]")
_SECRET_LIKE = re.compile(r"\b(sk|ek|org|Bearer)[-_ ][A-Za-z0-9*_-]{6,}")


# Networks drop connections that are silent, some after two minutes, and a purchase is silent until its images are made.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)  # Linux has all of them.
    ),
]


def http_client() -> httpx.Client:
    """A connection pool to providers."""
    transport = httpx.HTTPTransport(socket_options=KEEP_ALIVE)
    return httpx.Client(transport=transport, headers={"User-Agent": "easel"}, follow_redirects=False)


class OpenAISettings(Settings):
    """The provider's address and credentials. The base URL may be that of OpenAI, Azure, a proxy or your own server."""

    secret_arn: str = Field(alias="PROVIDERS__OPENAI__SECRET_ARN", min_length=1)
    base_url: str = Field(alias="PROVIDERS__OPENAI__BASE_URL", default="https://api.openai.com/v1")
    organization: str = Field(alias="PROVIDERS__OPENAI__ORGANIZATION", default="")
    enabled: bool = Field(alias="PROVIDERS__OPENAI__ENABLED", default=True)

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or (parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost")):
            raise ValueError("must start with https:// (plain http only to loopback)")
        return url.rstrip("/")

    @property
    def wants_api_key_header(self) -> bool:
        """Azure expects keys in a header of its own; a bearer token there means Entra ID."""
        return (urlsplit(self.base_url).hostname or "").endswith(_AZURE_HOSTS)


def connect(environment: Mapping[str, str], http: httpx.Client, secrets: "SecretsManagerClient") -> "OpenAIProvider":
    """The adapter, from its environment variables."""
    settings = OpenAISettings.from_environment(environment)
    return OpenAIProvider(http, settings, ProviderKey(secrets, settings.secret_arn))


class OpenAIProvider:
    """Buys images from an OpenAI-compatible server."""

    def __init__(self, http: httpx.Client, settings: OpenAISettings, key: ProviderKey) -> None:
        self._http = http
        self._settings = settings
        self._key = key

    def prepare(self) -> None:
        """Read the key while it is still certain that nothing was bought."""
        if not self._settings.enabled:
            raise Refused(
                _problem(503, "provider_disabled", "The operator has switched off this provider.", retryable=True)
            )
        self._read_key()

    def buy(
        self, request: Request, inputs: Sequence[InputFile], *, request_id: str, user: str, timeout: float
    ) -> ProviderResult:
        """POST /images/generations, or /images/edits with its inputs. See ImageProvider.buy."""
        until = time.monotonic() + timeout
        if not request.parameters.keys() & {"user", "safety_identifier"}:
            # The older of the two names, which compatible servers know, too.
            request = replace(request, parameters={**request.parameters, "user": user})
        try:
            return self._post(request, inputs, self._read_key(), request_id, until)
        except _KeyRefused:
            # The secret may have been rotated. The old key was refused, so nothing was bought.
            log.warning("provider refused the key, reading the secret again")
        for image in inputs:
            image.file.seek(0)
        try:
            return self._post(request, inputs, self._read_key(again=True), request_id, until)
        except _KeyRefused as refused:
            raise Refused(refused.problem) from None

    def shutdown_dates(self) -> dict[str, date]:
        """GET /models, whose rows may have a `shutdown_date`. See ImageProvider.shutdown_dates."""
        try:
            url = f"{self._settings.base_url}/models"
            answer = self._http.get(url, headers=self._headers(self._read_key(), "model-check"), timeout=LIST_SECONDS)
            answer.raise_for_status()
            rows = answer.json()["data"]
            return {row["id"]: date.fromisoformat(row["shutdown_date"]) for row in rows if row.get("shutdown_date")}
        except (NotBought, Refused) as error:
            raise ListUnavailable(error.problem.code) from error
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ListUnavailable(type(error).__name__) from error

    def _read_key(self, *, again: bool = False) -> str:
        try:
            return self._key.read(again=again)
        except KeyUnavailable as error:
            if error.may_pass:
                problem = _problem(503, "provider_key_unavailable", f"Try again: {error}.", retryable=True)
                raise NotBought(problem) from error
            raise Refused(
                _problem(
                    502,
                    "provider_key_unavailable",
                    f"The operator has to repair this deployment: {error}. Nothing was bought.",
                )
            ) from error

    def _post(
        self, request: Request, inputs: Sequence[InputFile], key: str, request_id: str, until: float
    ) -> ProviderResult:
        path, content = _content(request, inputs)
        call = self._http.stream(
            "POST",
            self._settings.base_url + path,
            headers=self._headers(key, request_id),
            timeout=_timeouts(until),
            **content,
        )
        with _transport_errors_named(), call as response, _cut_off_at(until, response):
            if response.status_code != 200:
                raise _error_of(response)
            body = _read_images(response)
        return _delivery(body, self._linked_images(body, until))

    def _headers(self, key: str, request_id: str) -> dict[str, str]:
        headers = {
            "X-Client-Request-Id": request_id,
            # Base64 of a compressed image hardly compresses; inflating it would only cost time.
            "Accept-Encoding": "identity",
        }
        if self._settings.wants_api_key_header:
            headers["api-key"] = key
        else:
            headers["Authorization"] = f"Bearer {key}"
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
                return self._http.get(url, timeout=_timeouts(until)).raise_for_status().content
            except httpx.HTTPError as error:
                if not remaining:
                    raise InDoubt("The provider made the images, but they could not be downloaded.") from error
        raise AssertionError("unreachable")


class _KeyRefused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@contextmanager
def _transport_errors_named() -> Iterator[None]:
    """Distinguish calls that certainly did not reach the provider from those that may have."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotBought(
            _problem(503, "provider_unreachable", "The provider could not be reached.", retryable=True),
            retry_after=CONNECT_RETRY_SECONDS,
        ) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Refused(_problem(502, "provider_misconfigured", "The provider's base URL is not usable.")) from error
    except httpx.TransportError as error:
        raise InDoubt("The connection to the provider broke after the request was sent.") from error


def _timeouts(until: float) -> httpx.Timeout:
    remaining = max(1.0, until - time.monotonic())
    return httpx.Timeout(remaining, connect=min(CONNECT_TIMEOUT_SECONDS, remaining))


@contextmanager
def _cut_off_at(until: float, response: httpx.Response) -> Iterator[None]:
    """Cut off a body that arrives too slowly: httpx limits each read, not all of them together."""
    stream = response.extensions.get("network_stream")
    if stream is None:  # Not every transport of httpx has a socket.
        yield
        return
    connection = stream.get_extra_info("socket")

    def cut() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _read_images(response: httpx.Response) -> ParsedBody:
    body = ImagesBody()
    try:
        for chunk in response.iter_bytes():
            body.feed(chunk)
        return body.parse()
    except BrokenBody as error:
        raise InDoubt(f"The provider's answer could not be read: {error}.") from None


def _content(request: Request, inputs: Sequence[InputFile]) -> tuple[str, dict[str, Any]]:
    """The path and body of a call: JSON for a generation, a form for an edit."""
    fields = {"model": request.model, "prompt": request.prompt, **request.parameters}
    if request.operation == "generation":
        return "/images/generations", {"json": fields}
    several = sum(image.role == "image" for image in inputs) > 1
    files = [
        (
            "image[]" if image.role == "image" and several else image.role,
            (image.filename, image.file, image.content_type),
        )
        for image in inputs
    ]
    return "/images/edits", {"data": dict(_form_fields(fields)), "files": files}


def _form_fields(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as form fields, named as the SDKs do: svg[reasoning][effort]."""
    for name, value in document.items():
        full_name = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, Mapping):
            yield from _form_fields(value, full_name)
        else:
            yield full_name, str(value)


def _delivery(body: ParsedBody, linked: tuple[bytes, ...]) -> ProviderResult:
    document = body.document
    images = (*body.images, *linked)
    report = ProviderReport(
        created=_whole(document.get("created")) or int(time.time()),
        size=_text(document.get("size")),
        quality=_text(document.get("quality")),
        background=_text(document.get("background")),
        output_format=_text(document.get("output_format")),
        usage=_usage(document.get("usage")),
    )
    if not images:
        if report.usage is None:
            raise InDoubt("The provider answered without an image.")
        raise Refused(
            Problem(
                502,
                "server_error",
                "provider_result_empty",
                "The provider charged but sent no image.",
                hint=Hint.BUY_AGAIN,
                charged=True,
            ),
            report,
        )
    return ProviderResult(images, report)


def _usage(document: Any) -> Usage | None:
    if not isinstance(document, dict) or not document.get("output_tokens"):
        return None
    details = document.get("input_tokens_details") or {}
    total_in = _whole(document.get("input_tokens")) or 0
    image_in = _whole(details.get("image_tokens")) or 0
    return Usage(
        input_tokens=total_in,
        output_tokens=_whole(document.get("output_tokens")) or 0,
        text_input_tokens=total_in - image_in,
        image_input_tokens=image_in,
    )


def _error_of(response: httpx.Response) -> Exception:
    """Decide what an error answer means for the purchase and for the caller."""
    error = _error_object(response)
    status, code = response.status_code, _text(error.get("code"))
    if status == 401:
        return _KeyRefused(
            _problem(
                502,
                "provider_authentication_failed",
                "The provider refuses this deployment's API key; the operator has to renew it. Nothing was bought.",
            )
        )
    if code in _QUOTA_CODES:
        return Refused(
            _problem(
                429,
                "insufficient_quota",
                "The provider account is out of credit or has hit its limit; the operator has to raise it. "
                "Nothing was bought.",
                type="insufficient_quota",
            )
        )
    if status == 429:
        return NotBought(
            _problem(
                429,
                "rate_limit_exceeded",
                "The provider is limiting requests, and the job's deadline leaves no time to wait.",
                type="rate_limit_error",
                retryable=True,
            ),
            retry_after=_retry_after(response),
        )
    if status == 503:
        return NotBought(
            _problem(503, "provider_overloaded", "The provider is overloaded.", retryable=True),
            retry_after=_retry_after(response) or OVERLOADED_RETRY_SECONDS,
        )
    if status == 403:
        return Refused(_forbidden(error))
    if 400 <= status < 500:
        return Refused(_caller_fault(status, code, error))
    return InDoubt(f"The provider failed with HTTP {status}.")


def _forbidden(error: dict[str, Any]) -> Problem:
    if "verified" in str(error.get("message", "")):
        message = (
            "The provider serves this model only to verified organizations. The operator can verify the organization "
            "at https://platform.openai.com/settings/organization/general; this takes up to 15 minutes to take effect."
        )
        return _problem(403, "organization_not_verified", message, type="invalid_request_error")
    message = "The provider does not allow this deployment to use the model."
    return _problem(403, "provider_permission_denied", message, type="invalid_request_error")


def _caller_fault(status: int, code: str | None, error: dict[str, Any]) -> Problem:
    said = _SECRET_LIKE.sub("[hidden]", " ".join(str(error.get("message", "")).split()))[:300]
    return Problem(
        status=status,
        type=_text(error.get("type")) or "invalid_request_error",
        code=code or "provider_rejected",
        message=f"The provider refused the request: {said}" if said else "The provider refused the request.",
        param=_text(error.get("param")),
        moderation=_moderation(code, error),
    )


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
        stage=_text(details.get("moderation_stage")) or "unknown",
        categories=tuple(name for name in categories if isinstance(name, str) and name),
    )


def _error_object(response: httpx.Response) -> dict[str, Any]:
    raw = bytearray()
    for chunk in response.iter_bytes():
        raw += chunk
        if len(raw) > _ERROR_BODY_LIMIT:
            return {}
    try:
        error = json.loads(raw).get("error")
    except (ValueError, AttributeError):
        return {}
    return error if isinstance(error, dict) else {}


def _retry_after(response: httpx.Response) -> float | None:
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(response.headers[header]) * unit
        except (KeyError, ValueError):
            continue
    return None


def _problem(
    status: int,
    code: str,
    message: str,
    *,
    type: str = "server_error",
    retryable: bool = False,
) -> Problem:
    return Problem(status, type, code, message, retryable=retryable)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
