"""The JSON that callers see, as types: `answers` builds it, and the OpenAPI description is made from it.

Only type checkers and the generator of the description load this module; a function that answers requests does not.
"""

from typing import Any, Literal, NotRequired, TypedDict

from core.catalog import LifecycleState, Operation
from core.errors import Charged
from core.jobs.model import Status
from core.webhooks.message import State

Deletion = Literal["image.deleted", "upload.deleted", "job.inputs.deleted", "token.deleted"]


class Moderation(TypedDict):
    """What a safety system objected to, as far as the provider says."""

    stage: str
    """Whether the prompt (`input`) or the picture (`output`) was refused, or `unknown`."""
    categories: list[str]


class BudgetRefusal(TypedDict):
    """Why a request was refused for its price, in micro-dollars: millionths of a US dollar."""

    scope: str
    """Whose budget it is: that of the `key`, of the whole `deployment`, or of the browser `token`."""
    period: str
    """`day` or `month` (both of UTC), or `total`."""
    limit_micro_usd: int
    left_micro_usd: int
    """What is neither spent nor reserved."""
    asked_micro_usd: int
    """The most that the request can cost."""
    currency: Literal["USD"]
    renews_at: int | None
    """When the next period begins, in Unix seconds; null for a budget that does not renew."""


class Error(TypedDict):
    """What went wrong: OpenAI's four fields, so that an SDK raises its own typed exception, and Easel's additions."""

    message: str
    """What was wrong, what is allowed, and what to do."""
    type: str
    """OpenAI's class of the error, such as `invalid_request_error`."""
    param: str | None
    """The parameter at fault, where it is one."""
    code: str
    """The error by name, for programs."""
    retryable: bool
    """Whether the same request, as a new job, may succeed."""
    charged: Charged
    """Whether the provider was paid."""
    request_id: str
    """The request to look for in the logs; also in the header X-Request-Id."""
    job_id: NotRequired[str]
    """The job, where there is one."""
    moderation: NotRequired[Moderation]
    """Why it was refused, where a safety system did."""
    budget: NotRequired[BudgetRefusal]
    """Which budget has too little left, where one has."""


class ErrorResponse(TypedDict):
    """The body of every error."""

    error: Error


class Warning(TypedDict):
    """Something that was done differently from what was asked, or that may surprise."""

    code: str
    """The warning by name, for programs."""
    message: str
    """What it means."""
    param: str | None
    """The parameter it is about, where it is one."""


class InputTokensDetails(TypedDict):
    """The input tokens by kind."""

    text_tokens: int
    image_tokens: int


class Usage(TypedDict):
    """Tokens, as the provider counts them."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_tokens_details: InputTokensDetails


class Cost(TypedDict):
    """Money in micro-dollars: millionths of a US dollar."""

    quote_micro_usd: int | None
    """What the purchase was expected to cost."""
    upper_bound_micro_usd: int | None
    """What it could not pass."""
    actual_micro_usd: int | None
    """What it did cost, from the provider's own count; null while that is not known."""
    currency: Literal["USD"]
    price_date: str | None
    """The day of the price list that was used."""
    budget_left_micro_usd: int | None
    """What may be spent from now on, by the tightest budget; null if there is none."""


class JobAdditions(TypedDict):
    """What Easel adds to OpenAI's answer."""

    job_id: str
    requested: dict[str, Any]
    """The parameters as they were sent, without the prompt."""
    applied: dict[str, Any]
    """The parameters that reach the provider, without the prompt."""
    warnings: list[Warning]
    charged: Charged
    """Whether the provider was paid."""
    cost: Cost


class ResultImage(TypedDict):
    """An image with a URL that was signed for this answer."""

    url: str
    """A signed download URL; anybody who has it may use it."""
    id: str
    link: str
    """The lasting link, which redirects to a freshly signed URL and needs no key."""
    expires_at: int
    """When `url` ends, in Unix seconds."""
    content_type: str
    """From the bytes themselves, not from what was asked."""
    width: int
    """Pixels, read from the bytes."""
    height: int
    """Pixels, read from the bytes."""
    bytes: int
    """Length of what is stored."""
    sha256: str
    """Digest of what is stored, in hex."""


class ImagesResponse(TypedDict):
    """OpenAI's ImagesResponse, with URLs instead of base64."""

    created: int
    """Unix seconds, as the provider says."""
    data: list[ResultImage]
    background: NotRequired[str]
    """What the provider says it used."""
    output_format: NotRequired[str]
    """What the provider says it used."""
    quality: NotRequired[str]
    """What the provider says it used."""
    size: NotRequired[str]
    """What the provider says it used."""
    usage: Usage | None
    easel: JobAdditions


class Webhook(TypedDict):
    """How far the webhook message about the end of a job came."""

    id: str
    """What the receiver sees as webhook-id."""
    state: State
    """`gone`: the receiver answered 410; `given_up`: a day of attempts was in vain."""
    attempts: int
    attempted_at: int | None
    """When the last attempt was made, in Unix seconds."""
    outcome: str | None
    """What became of the last attempt, such as `status_200` or `timeout`."""
    next_attempt_at: int | None
    """When the next one is due, in Unix seconds; null if there is none."""


class Queue(TypedDict):
    """How long a queued job may have to wait; both numbers are estimates."""

    jobs_waiting: int
    """Roughly how many jobs of all callers wait, this one among them."""
    eta_seconds: int
    """Roughly the seconds until this one is done, if the others take as long as most do."""


class Job(TypedDict):
    """One paid unit of work."""

    id: str
    object: Literal["job"]
    status: Status
    """`unknown`: the purchase may have happened and no image came; it is never bought again by itself."""
    operation: Operation
    model: str
    """The model that runs."""
    created_at: int
    """Unix seconds."""
    started_at: int | None
    """Unix seconds."""
    finished_at: int | None
    """Unix seconds."""
    expires_at: int
    """When the record and its images are given up, in Unix seconds."""
    url: str
    """Where to poll."""
    result: ImagesResponse | None
    """The images, once it succeeded."""
    error: Error | None
    """Why it failed, or is unknown."""
    easel: JobAdditions
    queue: NotRequired[Queue | None]
    """What it waits for, where it is queued and was asked for by its id; null when that cannot be told just now."""
    webhook: NotRequired[Webhook]
    """Where the request named a webhook and the job has ended; not in lists."""


class Image(ResultImage):
    """A stored image."""

    object: Literal["image"]
    created_at: int
    """Unix seconds."""
    kept_until: int
    """When the image itself is given up, in Unix seconds."""
    job_id: str
    """The job that bought it."""


class Page[Entry](TypedDict):
    """A page of a list, newest first."""

    object: Literal["list"]
    data: list[Entry]
    first_id: str | None
    last_id: str | None
    """What `after` takes for the next page."""
    has_more: bool


class QuoteAdditions(TypedDict):
    """What would be sent to the provider."""

    requested: dict[str, Any]
    """The parameters as they were sent, without the prompt."""
    applied: dict[str, Any]
    """The parameters that would reach the provider, without the prompt."""
    warnings: list[Warning]


class Quote(TypedDict):
    """What a request would cost, in micro-dollars: millionths of a US dollar."""

    object: Literal["quote"]
    model: str
    """The model that would run."""
    n: int
    quote_micro_usd: int
    """What it is expected to cost."""
    upper_bound_micro_usd: int
    """What it cannot pass."""
    currency: Literal["USD"]
    price_date: str
    """The day of the price list that was used."""
    budget_left_micro_usd: int | None
    """What may be spent from now on, by the tightest budget; null if there is none."""
    usage: Usage | None
    """Expected tokens; null for a model that is sold by the image."""
    upper_bound_usage: Usage | None
    """The most tokens it can take."""
    easel: QuoteAdditions


class BudgetState(TypedDict):
    """A budget and where it stands, in micro-dollars."""

    scope: str
    """Whose it is: that of the `key`, or of the whole `deployment`."""
    period: str
    """`day` or `month` (both of UTC), or `total`."""
    spent_micro_usd: int | None
    """null for the deployment's, which other keys spend as well."""
    reserved_micro_usd: int | None
    """For jobs that are not finished, or whose outcome is unknown; null for the deployment's."""
    limit_micro_usd: int | None
    """null if there is none."""
    left_micro_usd: int | None
    """What is neither spent nor reserved; null without a limit."""
    renews_at: int | None
    """When the next period begins, in Unix seconds; null for one that never ends."""


class UsageRow(TypedDict):
    """What was spent on a model on a day."""

    date: str
    """The UTC day on which it was reserved."""
    model: str
    images: int
    """Bought, or about to be."""
    spent_micro_usd: int
    reserved_micro_usd: int
    """For jobs that are not finished, or whose outcome is unknown."""


class UsageReport(TypedDict):
    """What a key spent, in micro-dollars: millionths of a US dollar."""

    object: Literal["usage"]
    currency: Literal["USD"]
    budgets: list[BudgetState]
    """The key's for the day, the month and ever, and those of the deployment that have a limit."""
    date_from: str
    date_to: str
    """The last day of the report, which is included."""
    images: int
    """All of `data` together."""
    spent_micro_usd: int
    """All of `data` together."""
    reserved_micro_usd: int
    """All of `data` together."""
    data: list[UsageRow]
    """By day and model, oldest first."""


class Upload(TypedDict):
    """An input image that is sent apart from the request that uses it."""

    id: str
    object: Literal["upload"]
    status: Literal["pending", "ready"]
    """`ready` once the bytes have arrived."""
    content_type: str
    filename: str | None
    bytes: int | None
    """Length of what has arrived."""
    max_bytes: int
    created_at: int
    """Unix seconds."""
    kept_until: int
    """When it is given up, in Unix seconds."""


class NewUpload(Upload):
    """A new upload, with the form that sends its bytes: `fields`, then a field `file`, as multipart/form-data."""

    method: Literal["POST"]
    url: str
    """Where the form is sent."""
    fields: dict[str, str]
    """To be sent before `file`, as they are."""
    expires_at: int
    """When the form ends, in Unix seconds."""


class Token(TypedDict):
    """A browser token, without its secret part."""

    id: str
    object: Literal["token"]
    label: str | None
    images: int
    """How many images it may buy in its whole life."""
    budget_micro_usd: int | None
    """How much it may spend in its whole life, in micro-dollars; null where its key's budget counts alone."""
    models: list[str]
    """The models it may use; empty for all that its key may."""
    origins: list[str]
    """The web origins that it may be used from."""
    created_at: int
    """Unix seconds."""
    expires_at: int
    """Unix seconds."""


class NewToken(Token):
    """A browser token that was just made."""

    token: str
    """What the page sends as `Authorization: Bearer …`, or hands to an OpenAI SDK as its API key; shown this once."""


class Deleted(TypedDict):
    """OpenAI's answer to a deletion."""

    id: str
    object: Deletion
    deleted: Literal[True]


class FlexibleSize(TypedDict):
    """Any WIDTHxHEIGHT inside these bounds."""

    multiple_of: int
    """What width and height are both divisible by."""
    max_edge: int
    """Pixels."""
    max_ratio: int
    """The longer edge to the shorter one."""
    min_pixels: int
    max_pixels: int


class Size(TypedDict):
    """Which sizes a model draws: those listed, or all inside flexible bounds."""

    auto: bool
    """Whether the model may choose."""
    fixed: list[str]
    flexible: FlexibleSize | None


class Parameter(TypedDict):
    """What a parameter may be: one of `values`, or a whole number from `min` to `max`."""

    values: list[str] | None
    min: int | None
    max: int | None
    preview: list[str]
    """Values that the provider documents but may still refuse."""
    operations: list[Operation]


class Inputs(TypedDict):
    """Which images a model edits."""

    max_count: int
    max_bytes: int
    """Of one image."""
    formats: list[str]
    square: bool
    """Whether only square images are taken."""
    mask: bool
    """Whether a mask may say what to edit."""
    markup: bool
    """Whether a marked-up copy may say what to edit."""


class Capabilities(TypedDict):
    """What a model can do."""

    operations: list[Operation]
    prompt_max: int
    """Characters."""
    n_max: int
    """Images of one request."""
    size: Size
    parameters: dict[str, Parameter]
    """By name, beside `prompt`, `n` and `size`."""
    inputs: Inputs | None
    """null for a model that does not edit."""


class TokenPrices(TypedDict):
    """Micro-dollars for a million tokens."""

    text_input: int
    image_input: int
    image_output: int


class Prices(TypedDict):
    """What a model costs, by the token or by the image."""

    currency: Literal["USD"]
    price_date: str
    """The day of the price list."""
    micro_usd_per_million_tokens: TokenPrices | None
    micro_usd_per_image: dict[str, dict[str, int]] | None
    """By quality and size."""


class Lifecycle(TypedDict):
    """How long a model lives."""

    state: LifecycleState
    retired_on: str | None
    """The day it is, or was, shut down; null while none is known."""
    days_left: int | None
    """Until that day; null while none is known."""
    successor: str | None
    """The model that takes over."""


class Model(TypedDict):
    """OpenAI's Model, and what Easel knows of it."""

    id: str
    object: Literal["model"]
    created: int
    """When it was released, in Unix seconds."""
    owned_by: str
    """The provider that sells it."""
    capabilities: Capabilities
    prices: Prices
    lifecycle: Lifecycle


class ModelList(TypedDict):
    """All models, newest first."""

    object: Literal["list"]
    data: list[Model]


class Health(TypedDict):
    """The state of this deployment."""

    status: Literal["ok"]
    version: str
    """The release of Easel that answers."""
    models: list[str]
    """The names that can be bought today, newest first."""
