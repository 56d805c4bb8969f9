"""The JSON that callers see, as types: `builders` builds it, and the OpenAPI description is generated from them.

Only type checkers and that generator load this module; the functions that answer requests do not.
"""

from typing import Any, Literal, NotRequired, TypedDict

from core.catalog import LifecycleState, Operation
from core.errors import Charged
from core.jobs.model import Status
from core.webhooks.message import State

Deletion = Literal["image.deleted", "upload.deleted", "job.deleted", "job.inputs.deleted", "token.deleted"]


class Moderation(TypedDict):
    """What a safety system objected to, as far as the provider says so."""

    stage: str
    """Whether the prompt (`input`) or the image (`output`) was refused, or `unknown`."""
    categories: list[str]


class BudgetRefusal(TypedDict):
    """Which budget refused a request, in micro-dollars: millionths of a US dollar."""

    scope: str
    """The budget of the `key`, of the whole `deployment`, or of the browser `token`."""
    period: str
    """`day` or `month` (both of UTC), or `total`."""
    limit_micro_usd: int
    left_micro_usd: int
    """Neither spent nor reserved."""
    asked_micro_usd: int
    """The upper bound of what the request can cost."""
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
    """The parameter at fault, if any."""
    code: str
    """The error's name, for programs."""
    retryable: bool
    """Whether the same request may succeed as a new job."""
    charged: Charged
    """Whether the provider was paid."""
    request_id: str
    """Identifies the request in the logs; also in the header X-Request-Id."""
    job_id: NotRequired[str]
    """The job, if there is one."""
    joined: NotRequired[Literal[True]]
    """It is the outcome of an earlier, equal request; nothing was bought again."""
    moderation: NotRequired[Moderation]
    """Why it was refused, if a safety system did so."""
    budget: NotRequired[BudgetRefusal]
    """Which budget has too little left, if one does."""


class ErrorResponse(TypedDict):
    """The body of every error."""

    error: Error


class Warning(TypedDict):
    """Something that was done differently from what was requested, or that may surprise."""

    code: str
    """The warning's name, for programs."""
    message: str
    """What it means."""
    param: str | None
    """The parameter it is about, if any."""


class InputTokensDetails(TypedDict):
    """The input tokens by kind."""

    text_tokens: int
    image_tokens: int


class Usage(TypedDict):
    """Tokens, as counted by the provider."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_tokens_details: InputTokensDetails


class Cost(TypedDict):
    """Money in micro-dollars: millionths of a US dollar."""

    quote_micro_usd: int
    """What the purchase was expected to cost."""
    upper_bound_micro_usd: int
    """What it could cost at most."""
    actual_micro_usd: int | None
    """The actual cost, from the provider's own count; null while it is not known."""
    currency: Literal["USD"]
    price_date: str
    """The day of the price list that was used."""
    budget_left_micro_usd: int | None
    """What may be spent from now on, by the tightest budget; null if there is none, or if it cannot be read."""


class JobAdditions(TypedDict):
    """What Easel adds to OpenAI's response."""

    job_id: str
    requested: dict[str, Any]
    """The parameters as they were sent, without the prompt."""
    applied: dict[str, Any]
    """The parameters that are sent to the provider, without the prompt."""
    warnings: list[Warning]
    charged: Charged | None
    """Whether the provider was paid; null while that can still happen."""
    cost: Cost
    joined: NotRequired[bool]
    """In the answer to a purchase: whether it is the job of an earlier, equal request; nothing was bought again."""


class ResultImage(TypedDict):
    """An image with a URL that was signed for this response."""

    url: str
    """A signed download URL, or in answers of the form `link` the permalink; anyone who has it can use it."""
    b64_json: NotRequired[str]
    """The image in base64, in answers of the form `b64_json`."""
    id: str
    link: str
    """The permalink, which redirects to a freshly signed URL and needs no key."""
    expires_at: int
    """When `url` expires, in Unix seconds."""
    content_type: str
    """Detected from the bytes, not taken from the request."""
    width: int
    """Pixels, read from the bytes."""
    height: int
    """Pixels, read from the bytes."""
    bytes: int
    """Size of the stored image."""
    sha256: str
    """Digest of the stored image, in hex."""


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


Partial = Literal["image_generation.partial_image", "image_edit.partial_image"]
Completed = Literal["image_generation.completed", "image_edit.completed"]


class PartialImageEvent(TypedDict):
    """The data of the event of a preview, with OpenAI's fields and Easel's."""

    type: Partial
    partial_image_index: int
    """0 for the first; the next ones are closer to the image."""
    b64_json: NotRequired[str]
    """The preview in base64."""
    created_at: int
    """Unix seconds."""
    size: str
    quality: str
    """As requested, or `auto`."""
    background: str
    """As requested, or `auto`."""
    output_format: str
    """`png`, `jpeg` or `webp`."""
    url: str
    """A signed download URL; anyone who has it can use it."""
    link: None
    """A preview has no permalink."""
    expires_at: int
    """When `url` expires, in Unix seconds."""


class CompletedEvent(ResultImage):
    """The data of the event that ends a stream: the image, with OpenAI's fields and Easel's."""

    type: Completed
    created_at: int
    """Unix seconds, as the provider says."""
    size: str
    quality: str
    """`auto` if the provider does not say what it used."""
    background: str
    """`auto` if the provider does not say what it used."""
    output_format: str
    """`png`, `jpeg` or `webp`."""
    usage: Usage
    """All zero if the provider counts no tokens."""
    easel: JobAdditions


class Webhook(TypedDict):
    """The delivery of the webhook message about the end of a job."""

    id: str
    """The receiver gets it as webhook-id."""
    state: State
    """`gone`: the receiver answered 410; `failed`: all attempts within a day failed."""
    attempts: int
    attempted_at: int | None
    """When the last attempt was made, in Unix seconds."""
    outcome: str | None
    """The result of the last attempt, such as `status_200` or `timeout`."""
    next_attempt_at: int | None
    """When the next one is due, in Unix seconds; null if there is none."""


class UsualSeconds(TypedDict):
    """How long jobs of the same model and quality took in this deployment, from their first start to their end."""

    p50: int
    """Half of them took at most so many seconds."""
    p90: int
    """Nine of ten took at most so many seconds."""


class Progress(TypedDict):
    """How far a job is that has not ended."""

    stage: Literal["queued", "claimed", "calling", "storing"]
    """`claimed`: a worker has it; `calling`: the provider makes the images; `storing`: they have arrived."""
    elapsed_seconds: int
    """Since it was first started or, before that, accepted."""
    usual_seconds: UsualSeconds | None
    """null as long as too few such jobs have succeeded."""
    position: int | None
    """Roughly how many jobs are ahead of it, as far as the queue can count; null if it does not wait or was not
    requested by id, or if that is not known."""


class Queue(TypedDict):
    """How long a queued job may have to wait; both numbers are estimates."""

    jobs_waiting: int
    """Roughly how many jobs of all callers wait, including this one."""
    eta_seconds: int
    """Roughly the seconds until this job is done, if the others take the usual time."""


class Preview(TypedDict):
    """A draft of the image that was sent while it was made, with a URL that was signed for this response."""

    index: int
    """0 for the first; the next ones are closer to the image."""
    url: str
    """A signed download URL; anyone who has it can use it."""
    expires_at: int
    """When `url` expires, in Unix seconds."""
    content_type: str
    """Detected from the bytes."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""


class Job(TypedDict):
    """One paid unit of work."""

    id: str
    object: Literal["job"]
    status: Status
    """`unknown`: the purchase may have happened, but no image arrived; it is never repeated automatically."""
    operation: Operation
    model: str
    """The model that runs."""
    prompt: NotRequired[str | None]
    """What was asked for; at most 200 characters in lists, not in webhook messages, null once all images are deleted.
    """
    metadata: dict[str, str]
    """The caller's own notes."""
    created_at: int
    """Unix seconds."""
    started_at: int | None
    """Unix seconds."""
    finished_at: int | None
    """Unix seconds."""
    expires_at: int
    """When the record and its images are deleted, in Unix seconds."""
    url: str
    """Where to poll the job."""
    previews: list[Preview]
    """What has come of the image so far, if the request asked for `partial_images`, the newest last; for a day. Always
    empty in webhook messages."""
    result: ImagesResponse | None
    """The images, once it has succeeded."""
    error: Error | None
    """Why it failed, or is unknown."""
    easel: JobAdditions
    progress: NotRequired[Progress]
    """How far it is, until it has ended."""
    queue: NotRequired[Queue | None]
    """Its estimated wait, if it is queued and was requested by id; null if no estimate is available."""
    webhook: NotRequired[Webhook]
    """If the request named a webhook and the job has ended; not in lists."""


class Image(ResultImage):
    """A stored image."""

    object: Literal["image"]
    created_at: int
    """Unix seconds."""
    kept_until: int
    """When the image itself is deleted, in Unix seconds."""
    job_id: str
    """The job that bought it."""
    prompt: str | None
    """What was asked for; at most 200 characters in lists. null, as all that follows, for images of versions before
    0.1.0."""
    metadata: dict[str, str]
    """The caller's own notes about the purchase."""
    model: str | None
    """The model that made it."""
    quality: str | None
    """What the provider says it used, or what was asked for."""
    size: str | None
    """What the provider says it used, or what was asked for; what the image has, `width` and `height` say."""
    cost_micro_usd: int | None
    """Its share of what the job cost; null if that is not known."""


class Page[Entry](TypedDict):
    """A page of a list, newest first. A filtered page may have few entries, or none, although there are more."""

    object: Literal["list"]
    data: list[Entry]
    first_id: str | None
    last_id: str | None
    """What `after` takes for the next page."""
    has_more: bool


class QuoteAdditions(TypedDict):
    """What Easel adds to a quote."""

    requested: dict[str, Any]
    """The parameters as they were sent, without the prompt."""
    applied: dict[str, Any]
    """The parameters that would be sent to the provider, without the prompt."""
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
    """What it can cost at most."""
    currency: Literal["USD"]
    price_date: str
    """The day of the price list that was used."""
    budget_left_micro_usd: int | None
    """What may be spent from now on, by the tightest budget; null if there is none."""
    usage: Usage | None
    """Expected tokens; null for a model that is priced by the image."""
    upper_bound_usage: Usage | None
    """The most tokens it can use; null for a model that is priced by the image."""
    easel: QuoteAdditions


class BudgetState(TypedDict):
    """A budget and its state, in micro-dollars."""

    scope: str
    """The budget of the `key`, or of the whole `deployment`."""
    period: str
    """`day` or `month` (both of UTC), or `total`."""
    spent_micro_usd: int | None
    """null for the deployment's, which other keys also spend."""
    reserved_micro_usd: int | None
    """For jobs that are not finished, or whose outcome is unknown; null for the deployment's."""
    limit_micro_usd: int | None
    """null if there is none."""
    left_micro_usd: int | None
    """Neither spent nor reserved; null without a limit."""
    renews_at: int | None
    """When the next period begins, in Unix seconds; null for a total, which never renews."""


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
    """Those of the key for the day, the month and in total, and those of the deployment that have a limit."""
    date_from: str
    date_to: str
    """The last day of the report, inclusive."""
    images: int
    """All of `data` together."""
    spent_micro_usd: int
    """All of `data` together."""
    reserved_micro_usd: int
    """All of `data` together."""
    data: list[UsageRow]
    """By day and model, oldest first."""


class Upload(TypedDict):
    """An input image that is uploaded ahead of the request that uses it."""

    id: str
    object: Literal["upload"]
    status: Literal["pending", "ready"]
    """`ready` once the bytes have arrived."""
    content_type: str
    filename: str | None
    bytes: int | None
    """Size of what has arrived."""
    max_bytes: int
    created_at: int
    """Unix seconds."""
    kept_until: int
    """When it is deleted, in Unix seconds."""


class NewUpload(Upload):
    """A new upload, with the form that sends its bytes: `fields`, then a field `file`, as multipart/form-data."""

    method: Literal["POST"]
    url: str
    """Where to send the form."""
    fields: dict[str, str]
    """Send them before `file`, unchanged."""
    expires_at: int
    """When the form expires, in Unix seconds."""


class Token(TypedDict):
    """A browser token, without its secret part."""

    id: str
    object: Literal["token"]
    label: str | None
    images: int
    """How many images it may buy in total."""
    budget_micro_usd: int | None
    """How much it may spend in total, in micro-dollars; null if only its key's budget applies."""
    models: list[str]
    """The models it may use; empty for all models of its key."""
    origins: list[str]
    """The web origins that it may be used from."""
    created_at: int
    """Unix seconds."""
    expires_at: int
    """Unix seconds."""


class NewToken(Token):
    """A newly created browser token."""

    token: str
    """The page sends it as `Authorization: Bearer …`, or passes it to an OpenAI SDK as the API key; shown only once."""


class Deleted(TypedDict):
    """OpenAI's response to a deletion."""

    id: str
    object: Deletion
    deleted: Literal[True]


class FlexibleSize(TypedDict):
    """Any WIDTHxHEIGHT within these bounds."""

    multiple_of: int
    """Width and height must be divisible by it."""
    max_edge: int
    """Pixels."""
    max_ratio: int
    """The longer edge to the shorter one."""
    min_pixels: int
    max_pixels: int


class Size(TypedDict):
    """The sizes of a model: those listed, or all within flexible bounds."""

    auto: bool
    """Whether the model may choose."""
    fixed: list[str]
    flexible: FlexibleSize | None


class Parameter(TypedDict):
    """What a parameter accepts: one of `values`, or a whole number from `min` to `max`."""

    values: list[str] | None
    min: int | None
    max: int | None
    preview: list[str]
    """Values that the provider documents, but may still refuse."""
    operations: list[Operation]


class Option(TypedDict):
    """A setting that only this model has: a text, one of `values`, or a number from `min` to `max`."""

    type: Literal["text", "integer", "number"]
    about: str
    """What it does."""
    required: bool
    values: list[str] | None
    max_length: int | None
    """Characters of a text."""
    min: float | None
    max: float | None
    operations: list[Operation]


class Inputs(TypedDict):
    """The input images that a model accepts for edits."""

    min_count: int
    max_count: int
    roles: list[str]
    """What each image is for, where their order matters."""
    max_bytes: int
    """For one image."""
    formats: list[str]
    square: bool
    """Whether only square images are accepted."""
    mask: bool
    """Whether a mask can mark what to edit."""
    mask_required: bool
    markup: bool
    """Whether a marked-up copy can show what to edit."""


class Capabilities(TypedDict):
    """What a model can do."""

    operations: list[Operation]
    prompt: Literal["required", "optional", "unused"]
    """Whether a request needs a prompt. One that is `unused` is accepted, but not sent to the provider."""
    prompt_max: int
    """Characters."""
    n_max: int
    """Images per request."""
    size: Size | None
    """null for a model whose images have the size of its inputs, or one that follows from them."""
    parameters: dict[str, Parameter]
    """By name, beside `prompt`, `n` and `size`."""
    options: dict[str, Option]
    """What `options` accepts, by name."""
    inputs: Inputs | None
    """null for a model without edits."""


class TokenPrices(TypedDict):
    """Micro-dollars per million tokens."""

    text_input: int
    image_input: int
    image_output: int
    text_output: int
    """What the model thinks or writes besides the images."""


class Prices(TypedDict):
    """What a model costs, per token or per image."""

    currency: Literal["USD"]
    price_date: str
    """The day of the price list."""
    source: str
    """Where the price list is."""
    micro_usd_per_million_tokens: TokenPrices | None
    micro_usd_per_image: dict[str, dict[str, int]] | None
    """By quality and size; `any` for a model with one price."""


class Lifecycle(TypedDict):
    """The lifecycle of a model."""

    state: LifecycleState
    retired_on: str | None
    """The day of its shutdown; null if none is known."""
    days_left: int | None
    """Days until then; null if none is known."""
    successor: str | None
    """The model that replaces it."""


class Model(TypedDict):
    """OpenAI's Model, with what Easel knows about it."""

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
    """The release of Easel that runs."""
    models: list[str]
    """The models that are available today, newest first."""
