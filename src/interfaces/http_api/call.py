"""One HTTP call, whichever gateway it came through, and the answers to it."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from math import inf
from typing import Any
from urllib.parse import parse_qs

import pybase64
from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from composition.services import Services
from core.callers.authentication import misplaced_key, require_key
from core.callers.model import Caller
from core.errors import EaselError, InvalidRequest
from core.images.model import ANSWER_FORMS, AnswerForm
from core.images.storage import Permalinks
from core.jobs.filters import STATUSES, Filters
from core.purchases import SubmissionContext
from core.requests.bodies import read_metadata
from core.responses.builders import Answers, error_document

POLL_SECONDS = 2

# A page on any origin can read the answers; the key decides which origins may use it.
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    # A wildcard does not cover Authorization.
    "Access-Control-Allow-Headers": "Authorization, *",
    "Access-Control-Expose-Headers": "Location, Retry-After, X-Request-Id, X-Should-Retry",
    "Access-Control-Max-Age": "86400",
}

# What is not public is for its caller only, whatever stands between. Public routes set their own.
PRIVATE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

# An SDK gives up after its read timeout; the answer has to leave a little before that.
_TIMEOUT_MARGIN_SECONDS = 5
# Common proxies cut a line after 30 to 60 silent seconds.
_HEARTBEAT_SECONDS = 10
# The global fetch of Node gives up when no header has come after 300 seconds (headersTimeout of undici's Agent), in an
# SDK, too, whatever its own timeout.
_FETCH_SECONDS = 295
_FETCH_AGENTS = ("node", "undici")
# The query parameters that narrow lists of jobs and of images.
FILTERS = ("model", "metadata", "created_after", "created_before")
# Clients made for Azure send it with each request.
_API_VERSION = "api-version"
_METADATA = "metadata"
_METADATA_FILTER = re.compile(r"metadata\[.*\]", re.DOTALL)
_MAX_MODEL = 128
_DAY = "%Y-%m-%d"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Call:
    """Reads what the core needs from a gateway's event.

    `accepted` are the query parameters of its route; `metadata` stands for metadata[KEY]. All others are refused when
    the caller is known, so that a filter with a typo does not list everything. Public routes ignore what they do not
    know, since mail programs and caches add parameters of their own to links.
    """

    event: BaseProxyEvent
    accepted: tuple[str, ...] = ()

    @property
    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    @property
    def started_at(self) -> float:
        """When the gateway accepted the request (Unix seconds), so that a cold start counts as waiting."""
        context = self.event["requestContext"]
        milliseconds = context.get("requestTimeEpoch") or context.get("timeEpoch")
        return min(milliseconds / 1000, self.now) if milliseconds else self.now

    @property
    def request_id(self) -> str:
        """The id of this request, which is also in the logs and in every error; `app.answer` chooses it."""
        return str(self.event["requestContext"]["requestId"])

    @property
    def body(self) -> bytes:
        """The body as it was sent.

        Raises:
            InvalidRequest: it is neither text nor bytes.
        """
        body = self.event.body or ""
        try:
            return pybase64.b64decode(body) if self.event.is_base64_encoded else body.encode()
        except ValueError:  # halves of characters, or broken base64
            raise InvalidRequest("The request body cannot be decoded. Send JSON in UTF-8, or a form.") from None

    @property
    def is_form(self) -> bool:
        """Whether the body is a multipart form rather than JSON."""
        return (self.header("content-type") or "").lower().startswith("multipart/")

    def header(self, name: str) -> str | None:
        """A header's value."""
        return self.event.headers.get(name)

    def query(self, name: str) -> str | None:
        """A query parameter's value.

        Raises:
            InvalidRequest: it is given more than once, or the query cannot be decoded.
        """
        values = self._query.get(name, [])
        if len(values) > 1:
            raise InvalidRequest(
                f"The query parameter '{name[:64]}' is given more than once.",
                param=name[:64],
                code="duplicate_parameter",
            )
        return values[0] if values else None

    @property
    def _query(self) -> Mapping[str, list[str]]:
        """All query parameters, decoded. A Function URL joins equal ones in queryStringParameters."""
        try:
            if self.on_function_url:
                return parse_qs(self.event.get("rawQueryString") or "", keep_blank_values=True, errors="strict")
            single = self.event.query_string_parameters or {}
            query = self.event.get("multiValueQueryStringParameters") or {k: [v] for k, v in single.items()}
            json.dumps(query, ensure_ascii=False).encode()
        except ValueError:  # not UTF-8
            raise InvalidRequest("The query is not percent-encoded UTF-8.", code="invalid_query") from None
        return query

    def _check_query(self) -> None:
        """Raises InvalidRequest for a parameter that is unknown here, or given more than once."""
        for name in self._query:
            if name == _API_VERSION:
                continue
            if name == _METADATA or (_METADATA if _METADATA_FILTER.fullmatch(name) else name) not in self.accepted:
                raise self._unknown(name)
            self.query(name)

    def _unknown(self, name: str) -> InvalidRequest:
        known = ", ".join(f"{each}[KEY]" if each == _METADATA else each for each in self.accepted)
        allowed = f"This path accepts: {known}." if known else "This path accepts none."
        return InvalidRequest(
            f"Unknown query parameter: '{name[:64]}'. {allowed}", param=name[:64], code="unknown_parameter"
        )

    @property
    def filters(self) -> Filters:
        """What a list is narrowed to.

        Raises:
            InvalidRequest: a filter has a value that nothing can have.
        """
        status, model = self.query("status"), self.query("model")
        if status is not None and status not in STATUSES:
            raise InvalidRequest(f"'status' must be one of {', '.join(STATUSES)}.", param="status")
        if model is not None and not 1 <= len(model) <= _MAX_MODEL:
            raise InvalidRequest(f"'model' must have 1 to {_MAX_MODEL} characters.", param="model")
        after, before = self._moment("created_after"), self._moment("created_before")
        names = [name for name in self._query if _METADATA_FILTER.fullmatch(name)]
        return Filters(
            status=status,
            model=model,
            metadata=read_metadata({name[len(_METADATA) + 1 : -1]: self.query(name) or "" for name in names}),
            created_after=after or 0,
            created_before=before,
        )

    def _moment(self, name: str) -> int | None:
        text = self.query(name)
        if text is None:
            return None
        if re.fullmatch(r"[0-9]{1,10}", text):
            return int(text)
        try:
            return int(datetime.strptime(text, _DAY).replace(tzinfo=UTC).timestamp())
        except ValueError:
            raise InvalidRequest(
                f"'{name}' must be in Unix seconds, or a date such as 2026-11-22, when its day begins in UTC.",
                param=name,
            ) from None

    @property
    def accepts_gzip(self) -> bool:
        """Whether the client says that it can read a compressed answer (RFC 9110, section 12.5.3)."""
        offers = (self.header("accept-encoding") or "").lower().split(",")
        return any(
            re.fullmatch(r"(gzip|\*)(;q=(1(\.0*)?|0?\.0*[1-9]\d*))?", re.sub(r"\s", "", each)) for each in offers
        )

    def has_version(self, etag: str) -> bool:
        """Whether the client says that it has this version (RFC 9110, section 13.1.2)."""
        known = [each.strip().removeprefix("W/") for each in (self.header("if-none-match") or "").split(",")]
        return "*" in known or etag.removeprefix("W/") in known

    @property
    def page_limit(self) -> int:
        """How many entries a page may have.

        Raises:
            InvalidRequest: it is not a whole number, or out of bounds.
        """
        return self.whole_number("limit", default=20, minimum=1, maximum=100)

    def whole_number(self, name: str, *, default: int, minimum: int, maximum: int) -> int:
        """A query parameter that is a whole number.

        Raises:
            InvalidRequest: it is not, or out of bounds.
        """
        text = self.query(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,6}", text) or not minimum <= int(text) <= maximum:
            raise InvalidRequest(f"'{name}' must be a whole number from {minimum} to {maximum}.", param=name)
        return int(text)

    def days(self, first_name: str, last_name: str, *, maximum: int) -> tuple[date, date]:
        """Two query parameters, the first and the last UTC day of a range; by default this month until today.

        Raises:
            InvalidRequest: one is not a date, or they are out of order or too far apart.
        """
        today = datetime.now(UTC).date()
        last = self._day(last_name) or today
        first = self._day(first_name) or last.replace(day=1)
        if not 0 <= (last - first).days < maximum:
            raise InvalidRequest(
                f"'{first_name}' must be a date up to '{last_name}' ({last}), for at most {maximum} days in total.",
                param=first_name,
            )
        return first, last

    def _day(self, name: str) -> date | None:
        text = self.query(name)
        if text is None:
            return None
        try:
            return datetime.strptime(text, _DAY).replace(tzinfo=UTC).date()
        except ValueError:
            raise InvalidRequest(f"'{name}' must be a date such as 2026-11-22.", param=name) from None

    @property
    def idempotency_key(self) -> str | None:
        """The caller's Idempotency-Key.

        Raises:
            InvalidRequest: it is empty, too long or not printable.
        """
        key = self.header("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidRequest(
                "'Idempotency-Key' must have 1 to 255 printable ASCII characters without spaces.",
                param="Idempotency-Key",
            )
        return key

    @property
    def sdk_attempt(self) -> int | None:
        """How many attempts at the same request an OpenAI SDK made before this one; None for other clients."""
        text = self.header("x-stainless-retry-count")
        return int(text) if text and re.fullmatch(r"[0-9]{1,3}", text) else None

    @property
    def submission_context(self) -> SubmissionContext:
        """How this request arrived.

        Raises:
            InvalidRequest: its Idempotency-Key is malformed.
        """
        return SubmissionContext(
            self.request_id,
            idempotency_key=self.idempotency_key,
            sdk_attempt=self.sdk_attempt,
            webhook=self.header("easel-webhook"),
        )

    def deadline_seconds(self, in_body: int | None) -> int | None:
        """Seconds within which the purchase must start, from the header Easel-Deadline or the body.

        Raises:
            InvalidRequest: the header is not a whole number, or both are given.
        """
        text = self.header("easel-deadline")
        if text is None:
            return in_body
        if not re.fullmatch(r"[0-9]{1,6}", text) or in_body is not None:
            raise InvalidRequest(
                "'Easel-Deadline' must be a whole number of seconds, and must not be combined with 'easel_deadline' in "
                "the body.",
                param="Easel-Deadline",
            )
        return int(text)

    def wait_seconds(self, maximum: int, *, in_silence: bool = True) -> float:
        """Seconds to wait for a job: what `Prefer` (RFC 7240) asks for, within the limits of gateway and client.

        A client that does not wait `in_silence` has no limit of its own: each piece of a stream renews its patience.
        """
        for preference in self._preferences:
            if wait := re.fullmatch(r"wait\s*=\s*\"?([0-9]{1,6})\"?", preference):
                return min(int(wait[1]), maximum)
        if "respond-async" in self._preferences:
            return 0
        patience = self._client_patience - _TIMEOUT_MARGIN_SECONDS if in_silence else inf
        return max(0.0, min(maximum, patience))

    @property
    def heartbeat_seconds(self) -> float:
        """The longest silence in a stream: shorter than a client bears, or an idle line that a proxy cuts."""
        return max(1.0, min(_HEARTBEAT_SECONDS, self._client_patience / 2))

    @property
    def waits_by_retrying(self) -> bool:
        """Whether the client expects images in any answer that is not an error, and sends a retry that finds the job.

        So do OpenAI's SDKs. Whoever sends `Prefer` knows that the answer may be a job.
        """
        return self.sdk_attempt is not None and not self._preferences

    @property
    def _preferences(self) -> list[str]:
        return [part.strip().lower() for part in (self.header("prefer") or "").split(",") if part.strip()]

    @property
    def _client_patience(self) -> float:
        """Seconds after which the client gives up without an answer, as far as it is known."""
        patience = inf
        sent = self.header("x-stainless-read-timeout") or self.header("x-stainless-timeout")
        if sent and re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", sent):
            patience = float(sent)
        agent = (self.header("user-agent") or "").lower()
        if self.header("x-stainless-lang") == "js" or agent in _FETCH_AGENTS:
            patience = min(patience, _FETCH_SECONDS)
        return patience

    def caller(self, services: Services) -> Caller:
        """The caller whose key or token came with this call.

        Raises:
            Unauthenticated: no key, or one that is unknown, revoked or expired.
            PermissionDenied: it cannot be used from this page's origin.
            InvalidRequest: the query has a parameter that this route does not accept, or has one twice.
        """
        caller = services.authentication.caller_of(
            self.header("authorization"),
            self.header("origin"),
            reads_only=self.event.http_method in ("GET", "HEAD"),
            source=source_of(self.event["requestContext"]),
            misplaced=misplaced_key(self.event.headers, self.event.query_string_parameters or {}),
        )
        self._check_query()
        return caller

    def key_holder(self, services: Services) -> Caller:
        """The caller, where a browser token is not enough; raises as `caller` does."""
        return require_key(self.caller(services))

    def answer_form(self, caller: Caller) -> AnswerForm:
        """How a job that is read has its images: as `?response_format=` says, or as the caller always wants them.

        Raises:
            InvalidRequest: there is no such form.
        """
        asked = self.query("response_format") or caller.answers
        if asked not in ANSWER_FORMS:
            allowed = ", ".join(ANSWER_FORMS)
            raise InvalidRequest(f"'response_format' must be one of {allowed}.", param="response_format")
        return asked

    def answers(self, services: Services, caller: Caller, form: AnswerForm | None = None) -> Answers:
        """Builds the documents that answer this call, in a form, or in that of the caller."""
        base_url = self.base_url(services)
        by_link = (form or caller.answers) == "link"
        links = Permalinks(base_url) if by_link else services.image_links
        budget_left = partial(services.budgets.remaining_if_known, caller)
        usual, previews = services.durations.usual, services.image_links
        return Answers(links, base_url, self.now, budget_left, usual, previews)

    @property
    def on_function_url(self) -> bool:
        """Whether the call came through the function's own URL, not through API Gateway."""
        return "http" in self.event["requestContext"]

    @property
    def sent_path(self) -> str:
        """The path as the client sent it, with its slashes: links in a page are relative to it."""
        return str(self.event["requestContext"]["sentPath"])

    def base_url(self, services: Services) -> str:
        """The base URL of links to this deployment: as the operator says, or by which it was called."""
        return services.settings.public_url or self._called_url()

    def _called_url(self) -> str:
        context = self.event["requestContext"]
        domain = context.get("domainName", "localhost")
        if self.on_function_url:  # A Function URL has no stage: its paths start with /v1 themselves.
            return f"https://{domain}/v1"
        return f"https://{domain}" + str(context.get("path", "")).removesuffix(self.event.path)


def source_of(request_context: Mapping[str, Any]) -> str | None:
    """The network address that the gateway saw."""
    address: str | None = (request_context.get("http") or request_context.get("identity") or {}).get("sourceIp")
    return address


def answer(status: int, document: Mapping[str, object], headers: dict[str, str] | None = None) -> Response[str]:
    """A JSON answer."""
    return Response(status, "application/json", json.dumps(document), headers={**(headers or {})})


def pending(status: int, document: Mapping[str, object], url: str) -> Response[str]:
    """An unfinished job: where and when to poll."""
    return answer(status, document, {"Location": url, "Retry-After": str(POLL_SECONDS)})


def redirect(url: str) -> Response[str]:
    """A redirect that nobody caches."""
    return Response(302, "text/plain", "", headers={"Location": url})


def failure(error: EaselError, request_id: str) -> Response[str]:
    """An error, with a header that tells OpenAI's SDKs whether to retry; otherwise they look only at the status."""
    headers = {"x-should-retry": "true" if error.problem.retryable else "false"}
    if error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    return answer(error.problem.status, error_document(error, request_id), headers)
