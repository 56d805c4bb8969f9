"""Every error that callers can see, as one hierarchy.

EaselError
├── InvalidRequest        400  the request cannot be bought as it is
│   ├── ModelNotFound     404  no such model, or a retired one under the policy "reject"
│   └── EndpointRetired   400  the provider has shut down the endpoint
├── Unauthenticated       401  no key, or one that is unknown, revoked or expired
├── BudgetExceeded        402  what remains of a budget does not cover the upper bound of the request
├── PermissionDenied      403  the key does not allow this
├── NotFound              404  there is no such thing, or it is another caller's
├── MethodNotAllowed      405
├── Conflict              409  it contradicts what is stored, such as a key that belongs to another request
├── JobNotFinished        409  the wait is over before the job is; the same request sent again goes on waiting
├── RateLimited           429  the caller has reached a limit per minute, or of calls that wait at the same time
├── ServerError           500  a fault of Easel
├── ServiceUnavailable    503  nothing was bought; the same request may be sent again
├── BuyingStopped         503  the operator has stopped all buying
└── JobFailed             any  the error that ended a job, raised again

The wire shape is OpenAI's, {"error": {"message", "type", "param", "code"}}, with Easel's additions inside the
same object (SDKs pass exactly that object to their users): retryable, charged, request_id, job_id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Literal

Charged = bool | Literal["unknown"]


class Hint(StrEnum):
    """What a caller can do about an error.

    A message states the fault in neutral words, and each interface renders the hint in its own: a route of the HTTP
    API, a tool of the MCP server, another drop.
    """

    SEND_AGAIN = "send_again"
    SEND_AGAIN_LATER = "send_again_later"
    """After `EaselError.retry_after` seconds."""
    BUY_AGAIN = "buy_again"
    """On purpose, although it was or may have been charged: an equal request finds the earlier one for a while."""
    ASK_AGAIN = "ask_again"
    """As a new purchase, after one that certainly cost nothing."""
    NEW_KEY = "new_key"
    READ_JOB = "read_job"
    LIST_JOBS = "list_jobs"
    LIST_IMAGES = "list_images"
    LIST_MODELS = "list_models"
    CREATE_UPLOAD = "create_upload"
    DO_NOT_WAIT = "do_not_wait"
    WAIT_AGAIN = "wait_again"
    """Send the same request again, which waits for the job that the first one started."""


Hints = Mapping[Hint, str]
"""An interface's words for every hint; `{job_id}` in them is the job that the error is about."""


@dataclass(frozen=True)
class Moderation:
    """Why a provider's safety system refused: at which stage (input, output, unknown), for which categories."""

    stage: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class BudgetRefusal:
    """Which budget refused: whose (`key`, `deployment`) and for which period (`day`, `month`, `total`).

    Amounts are micro-dollars; `renews_at` is Unix seconds, None for a budget that does not renew.
    """

    scope: str
    period: str
    limit: int
    left: int
    asked: int
    renews_at: int | None


@dataclass(frozen=True)
class Problem:
    """An error as data, as jobs store it and answers show it.

    `hint` says what to do. It is None where the message says so itself, as in the jobs that an older version stored.
    `charged` says whether the provider was paid: True, False, or "unknown".
    `retryable` says whether sending the same request again may succeed.
    """

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    retryable: bool = False
    charged: Charged = False
    moderation: Moderation | None = None
    budget: BudgetRefusal | None = None
    hint: Hint | None = None

    def text(self, hints: Hints, job_id: str | None) -> str:
        """The message, with the hint in the words of an interface."""
        return f"{self.message} {hints[self.hint].format(job_id=job_id)}" if self.hint else self.message


class EaselError(Exception):
    """Base of all errors that reach a caller."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    charged: ClassVar[Charged] = False
    joined = False
    """Whether it is the outcome of an earlier, equal request; nothing was bought again."""

    def __init__(
        self,
        message: str,
        *,
        hint: Hint | None = None,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
        job_id: str | None = None,
        charged: Charged | None = None,
        budget: BudgetRefusal | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = Problem(
            status=self.status,
            type=self.type,
            code=code or self.code,
            message=message,
            param=param,
            retryable=self.retryable,
            charged=self.charged if charged is None else charged,
            budget=budget,
            hint=hint,
        )
        self.retry_after = retry_after
        self.job_id = job_id

    def text(self, hints: Hints) -> str:
        """The message, with the hint in the words of an interface."""
        return self.problem.text(hints, self.job_id)


class InvalidRequest(EaselError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class ModelNotFound(InvalidRequest):
    status = 404
    code = "model_not_found"


class EndpointRetired(InvalidRequest):
    code = "endpoint_retired"


class Unauthenticated(EaselError):
    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class BudgetExceeded(EaselError):
    status = 402
    type = "insufficient_quota"
    code = "budget_exceeded"


class PermissionDenied(EaselError):
    status = 403
    type = "invalid_request_error"
    code = "permission_denied"


class NotFound(EaselError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowed(EaselError):
    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class Conflict(EaselError):
    status = 409
    type = "invalid_request_error"
    code = "idempotency_key_reused"


class JobNotFinished(EaselError):
    """The answer to a client that waits by sending its request again.

    It finds the same job, unless `is_found` is False: then it would be another purchase.
    """

    status = 409
    type = "invalid_request_error"
    code = "job_not_finished"
    retryable = True
    charged = "unknown"

    def __init__(self, job_id: str, *, is_found: bool = True) -> None:
        hint = Hint.WAIT_AGAIN if is_found else Hint.READ_JOB
        super().__init__("The images are not finished yet; the job goes on.", hint=hint, job_id=job_id, retry_after=1)
        self.problem = replace(self.problem, retryable=is_found)


class RateLimited(EaselError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retryable = True


class ServerError(EaselError):
    charged = "unknown"


class ServiceUnavailable(EaselError):
    status = 503
    type = "service_unavailable_error"
    code = "unavailable"
    retryable = True


class BuyingStopped(EaselError):
    status = 503
    type = "service_unavailable_error"
    code = "buying_stopped"


class JobFailed(EaselError):
    """The problem that ended a job, raised again for those who wait for its result."""

    def __init__(self, problem: Problem, job_id: str, *, joined: bool = False) -> None:
        Exception.__init__(self, problem.message)
        self.problem = problem
        self.retry_after = None
        self.job_id = job_id
        self.joined = joined
