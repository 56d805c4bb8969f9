"""The OpenAI Images API, and servers that speak it.

Contract: https://developers.openai.com/api/reference/resources/images (as of 2026-11-22).
"""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from core.errors import Charged, Problem
from core.jobs import Report
from core.money import Usage
from core.providers import Delivery, InDoubt, NotBought, Refused
from core.providers.body import BrokenBody, ImagesBody, ParsedBody
from core.providers.secret import KeyUnavailable, ProviderKey
from core.requests import Request

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 5.0
CONNECT_RETRY_SECONDS = 5.0
OVERLOADED_RETRY_SECONDS = 10.0
_ERROR_BODY_LIMIT = 64 * 1024

# Money is missing at the provider: no waiting helps. Source: OpenAI error codes of 429 and 400.
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
_SECRET_LIKE = re.compile(r"\b(sk|ek|org|Bearer)[-_ ][A-Za-z0-9*_-]{6,}")


class OpenAIProvider:
    """Buys images from an OpenAI-compatible server."""

    def __init__(self, http: httpx.Client, base_url: str, key: ProviderKey, organization: str | None = None) -> None:
        self._http = http
        self._base_url = base_url
        self._key = key
        self._organization = organization

    def prepare(self) -> None:
        """Read the key while it is still certain that nothing was bought."""
        self._read_key()

    def generate(self, request: Request, *, request_id: str, timeout: float) -> Delivery:
        """POST /images/generations. See ImageProvider.generate."""
        body = {"model": request.model, "prompt": request.prompt, **request.parameters}
        until = time.monotonic() + timeout
        try:
            return self._post("/images/generations", body, self._read_key(), request_id, until)
        except _KeyRefused:
            # A rotated secret is picked up here: the old key was refused, so nothing was bought.
            log.warning("provider refused the key, reading the secret again")
        try:
            return self._post("/images/generations", body, self._read_key(again=True), request_id, until)
        except _KeyRefused as refused:
            raise Refused(refused.problem) from None

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

    def _post(self, path: str, body: dict[str, Any], key: str, request_id: str, until: float) -> Delivery:
        headers = {
            "Authorization": f"Bearer {key}",
            "X-Client-Request-Id": request_id,
            # Base64 of a compressed image does not compress; inflating it would only cost time.
            "Accept-Encoding": "identity",
        }
        if self._organization:
            headers["OpenAI-Organization"] = self._organization
        with (
            _transport_errors_named(),
            self._http.stream(
                "POST", self._base_url + path, json=body, headers=headers, timeout=_timeouts(until)
            ) as response,
            _cut_off_at(until, response),
        ):
            if response.status_code == 200:
                return _delivery(_read_images(response))
            raise _error_of(response)


class _KeyRefused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@contextmanager
def _transport_errors_named() -> Iterator[None]:
    """Tell a call that surely did not reach the provider from one that perhaps did."""
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
        raise InDoubt(_in_doubt("The connection to the provider broke after the request was sent.")) from error


def _timeouts(until: float) -> httpx.Timeout:
    left = max(1.0, until - time.monotonic())
    return httpx.Timeout(left, connect=min(CONNECT_TIMEOUT_SECONDS, left))


@contextmanager
def _cut_off_at(until: float, response: httpx.Response) -> Iterator[None]:
    """End a body that comes too slowly: httpx bounds each read, not all of them together."""
    connection = response.extensions["network_stream"].get_extra_info("socket")

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
        raise InDoubt(_in_doubt(f"The provider's answer could not be read: {error}.")) from None


def _delivery(body: ParsedBody) -> Delivery:
    document = body.document
    report = Report(
        created=_whole(document.get("created")) or int(time.time()),
        size=_text(document.get("size")),
        quality=_text(document.get("quality")),
        background=_text(document.get("background")),
        output_format=_text(document.get("output_format")),
        usage=_usage(document.get("usage")),
    )
    if not body.images:
        if report.usage is None:
            raise InDoubt(_in_doubt("The provider answered without an image."))
        raise Refused(
            _problem(502, "provider_result_empty", "The provider charged but sent no image.", charged=True), report
        )
    return Delivery(body.images, report)


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
    """Decide what an error answer means for the money and for the caller."""
    error = _error_object(response)
    status, code = response.status_code, _text(error.get("code"))
    if status == 401:
        return _KeyRefused(
            _problem(
                502,
                "provider_authentication_failed",
                "The provider refuses the key of this deployment; the operator has to renew it. Nothing was bought.",
            )
        )
    if code in _QUOTA_CODES:
        return Refused(
            _problem(
                429,
                "insufficient_quota",
                "The provider account of this deployment has run out of credit or hit its limit; the operator has to "
                "raise it. Nothing was bought.",
                type="insufficient_quota",
            )
        )
    if status == 429:
        return NotBought(
            _problem(
                429,
                "rate_limit_exceeded",
                "The provider is limiting requests and the job's deadline left no time to wait.",
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
    return InDoubt(_in_doubt(f"The provider failed with HTTP {status}."))


def _forbidden(error: dict[str, Any]) -> Problem:
    if "verified" in str(error.get("message", "")):
        message = (
            "The provider asks for a verified organization before it serves this model. The operator can verify it "
            "at https://platform.openai.com/settings/organization/general; it takes up to 15 minutes to be known."
        )
        return _problem(403, "organization_not_verified", message, type="invalid_request_error")
    message = "The provider does not let this deployment use the model."
    return _problem(403, "provider_permission_denied", message, type="invalid_request_error")


def _caller_fault(status: int, code: str | None, error: dict[str, Any]) -> Problem:
    said = _SECRET_LIKE.sub("[hidden]", " ".join(str(error.get("message", "")).split()))[:300]
    return Problem(
        status=status,
        type=_text(error.get("type")) or "invalid_request_error",
        code=code or "provider_rejected",
        message=f"The provider refused the request: {said}" if said else "The provider refused the request.",
        param=_text(error.get("param")),
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
    charged: Charged = False,
) -> Problem:
    return Problem(status=status, type=type, code=code, message=message, retryable=retryable, charged=charged)


def _in_doubt(what: str) -> Problem:
    return _problem(
        502,
        "outcome_unknown",
        f"{what} It may have charged for the images; Easel does not buy them again by itself. "
        "Send the request again, with another Idempotency-Key, if you accept to pay twice.",
        charged="unknown",
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
