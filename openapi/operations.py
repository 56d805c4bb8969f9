"""What the code does not say about its routes. The routes and their descriptions come from the routers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.images.model import ANSWER_FORMS
from core.jobs.filters import STATUSES
from interfaces.http_api import files, images, jobs, models, purchases, service, tokens, uploads, usage
from openapi import errors
from openapi.examples import IMAGE_ID, JOB_ID, MODEL, PROMPT, PROVIDER, TOKEN_ID, UPLOAD_ID
from openapi.schemas import Schema, reference

ROUTERS = {
    "Buy images": purchases.routes,
    "Jobs": jobs.routes,
    "Images": images.routes,
    "Uploads": uploads.routes,
    "Browser tokens": tokens.routes,
    "Models": models.routes,
    "Usage": usage.routes,
    "Pages": files.routes,
    "Service": service.routes,
}

# The answer to preflight requests, and what pages consist of.
UNDESCRIBED = {service.preflight, files.docs_file, files.playground_file}


@dataclass(frozen=True)
class Answer:
    """A success: what it means, its schema or media type, its sample, its headers, and what can be done with it next.

    `links` maps an operation's id to its parameters, as OpenAPI's expressions of the answer. `events` says which events
    it consists of if it is streamed.
    """

    description: str
    schema: str | None = None
    example: str | None = None
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    events: str | None = None


@dataclass(frozen=True)
class Operation:
    """One route. `body` maps media types to schemas, `errors` are headings of the tables of error codes.

    `query`, `form` and `saved_as` are for the samples of calls: see openapi/samples.py.
    """

    id: str
    summary: str
    answers: Mapping[str, Answer]
    parameters: tuple[str, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None
    errors: tuple[str, ...] = (errors.ANY_CALL, errors.THE_GATEWAY)
    query: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    saved_as: str | None = None
    needs_key: bool = True


def _id_of(prefix: str) -> Schema:
    return {"type": "string", "pattern": f"^{prefix}_[0-9a-f]{{32}}$"}


def _after(prefix: str) -> Schema:
    """The cursor of a list of what has such ids."""
    schema = _id_of(prefix)
    return {"name": "after", "in": "query", "description": "The `last_id` of the previous page.", "schema": schema}


# Unix seconds, or a date.
_MOMENT: Schema = {"type": "string", "pattern": "^([0-9]{1,10}|[0-9]{4}-[0-9]{2}-[0-9]{2})$"}

PARAMETERS: dict[str, Schema] = {
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": (
            "`respond-async` answers 202 at once; `wait=N` waits up to N seconds, but never longer than the gateway "
            "allows. By default Easel waits as long as the gateway allows: 25 seconds behind API Gateway, 14 minutes "
            "on the direct URL."
        ),
        "schema": {"type": "string", "examples": ["respond-async", "wait=10"]},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "The same key returns the job of the same request; with a different request it is refused. A new key buys "
            "again on purpose where an equal request without one finds an earlier failure that was charged."
        ),
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "EaselWebhook": {
        "name": "Easel-Webhook",
        "in": "header",
        "description": (
            "An https URL that receives a signed POST when the job ends, as defined by Standard Webhooks. The API key "
            "needs a webhook secret, which the operator creates."
        ),
        "schema": {"type": "string", "format": "uri", "maxLength": 2048},
    },
    "EaselDeadline": {
        "name": "Easel-Deadline",
        "in": "header",
        "description": (
            "Seconds, 1 to 3600, within which the purchase must start; otherwise the job ends free of charge. The "
            "body's `easel_deadline` does the same."
        ),
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,3}$", "examples": ["30"]},
    },
    "Wait": {
        "name": "wait",
        "in": "query",
        "description": "Seconds to wait for the job to finish; never longer than the gateway allows.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 900, "default": 0},
    },
    "AnswerForm": {
        "name": "response_format",
        "in": "query",
        "description": "How the result has its images; by default as the key says.",
        "schema": {"type": "string", "enum": list(ANSWER_FORMS)},
    },
    "Download": {
        "name": "download",
        "in": "query",
        "description": "Lets a browser save the image under this name, or under its id if the name is empty.",
        "schema": {"type": "string", "examples": ["otter.png"]},
    },
    "Limit": {
        "name": "limit",
        "in": "query",
        "description": "How many entries at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    },
    "AfterJob": _after("job"),
    "Status": {
        "name": "status",
        "in": "query",
        "description": "Only jobs in this state.",
        "schema": {"type": "string", "enum": list(STATUSES)},
    },
    "FilterModel": {
        "name": "model",
        "in": "query",
        "description": "Only what this model made; of jobs, also those that asked for it.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "FilterMetadata": {
        "name": "metadata",
        "in": "query",
        "style": "deepObject",
        "explode": True,
        "description": "Only what has all these pairs: `metadata[order]=17`.",
        "schema": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 512}},
    },
    "CreatedAfter": {
        "name": "created_after",
        "in": "query",
        "description": "Only what was created then or later: Unix seconds, or a date, when its day begins in UTC.",
        "schema": _MOMENT,
    },
    "CreatedBefore": {
        "name": "created_before",
        "in": "query",
        "description": "Only what was created earlier: Unix seconds, or a date, when its day begins in UTC.",
        "schema": _MOMENT,
    },
    "From": {
        "name": "from",
        "in": "query",
        "description": "The first day (UTC); by default the first of the month of `to`. At most 92 days before `to`.",
        "schema": {"type": "string", "format": "date"},
    },
    "To": {
        "name": "to",
        "in": "query",
        "description": "The last day (UTC), inclusive; by default today.",
        "schema": {"type": "string", "format": "date"},
    },
    "AfterToken": _after("tok"),
    "AfterImage": _after("img"),
}

PATH_PARAMETERS: dict[str, Schema] = {
    "job_id": {**_id_of("job"), "examples": [JOB_ID]},
    "image_id": {**_id_of("img"), "examples": [IMAGE_ID]},
    "name": {"type": "string", "maxLength": 128, "examples": [MODEL]},
    "provider": {"type": "string", "maxLength": 32, "examples": [PROVIDER]},
    "token_id": {**_id_of("tok"), "examples": [TOKEN_ID]},
    "upload_id": {**_id_of("file"), "examples": [UPLOAD_ID]},
}

HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "The gateway's id of the request, which is also in the logs.",
        "schema": {"type": "string"},
    },
    "Location": {"description": "Where to go.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "When to try again, in seconds.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "x-should-retry": {
        "description": "Tells OpenAI's SDKs whether to retry; otherwise they look only at the status.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "Allow": {"description": "The methods that the path accepts.", "schema": {"type": "string"}},
    "ETag": {"description": "The version of the file, for `If-None-Match`.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "Who may cache the answer.", "schema": {"type": "string"}},
}

_BUYING = (
    errors.ANY_CALL,
    errors.A_BODY,
    errors.A_MODEL_NAME,
    errors.A_MODEL,
    errors.A_PURCHASE,
    errors.THE_JOB,
    errors.THE_GATEWAY,
)
_FILTERS = ("FilterModel", "FilterMetadata", "CreatedAfter", "CreatedBefore")
_POLL = ("Location", "Retry-After")
_ID = "$response.body#/id"
_OF_JOB = {name: {"job_id": _ID} for name in ("retrieveJob", "cancelJob", "deleteJob", "deleteJobInputs")}
_OF_IMAGE = {name: {"image_id": "$response.body#/data/0/id"} for name in ("retrieveImage", "openImage", "deleteImage")}
_OF_UPLOAD = {name: {"upload_id": _ID} for name in ("retrieveUpload", "deleteUpload")}
_OF_TOKEN = {name: {"token_id": _ID} for name in ("retrieveToken", "revokeToken")}
_EVENTS = (
    "With `stream`, on the direct URL: server-sent events. First come as many `image_generation.partial_image` or "
    "`image_edit.partial_image` as there are previews, whose data is a PartialImageEvent. The last event is "
    "`image_generation.completed` or `image_edit.completed`, whose data is a CompletedEvent, or `error`, whose data is "
    "an ErrorResponse. Comments keep the line from idling."
)
_DONE = Answer("The images.", "ImagesResponse", "ImagesResponse", links=_OF_IMAGE, events=_EVENTS)
_NOT_YET = Answer("Not finished yet: the job to poll.", "Job", "QueuedJob", headers=_POLL, links=_OF_JOB)
_CACHED = ("Cache-Control", "ETag")
_ELSEWHERE = Answer("Redirects to the page.", media_type="text/plain", headers=("Location",))
_FORM = {"multipart/form-data": reference("EditForm")}

OPERATIONS: dict[Callable[..., Any], Operation] = {
    purchases.generate: Operation(
        id="createImage",
        summary="Generate images",
        parameters=("Prefer", "IdempotencyKey", "EaselDeadline", "EaselWebhook"),
        body={"application/json": reference("GenerationRequest")},
        example={"model": MODEL, "prompt": PROMPT, "quality": "low"},
        answers={"200": _DONE, "202": _NOT_YET},
        errors=_BUYING,
    ),
    purchases.edit: Operation(
        id="createImageEdit",
        summary="Edit images",
        parameters=("Prefer", "IdempotencyKey", "EaselDeadline", "EaselWebhook"),
        body={**_FORM, "application/json": reference("EditRequest")},
        example={"model": MODEL, "prompt": "the same at night", "images": [{"file_id": IMAGE_ID}]},
        form={"model": MODEL, "prompt": "the same at night", "image": "@lighthouse.png"},
        answers={"200": _DONE, "202": _NOT_YET},
        errors=(*_BUYING, errors.AN_INPUT),
    ),
    purchases.quote: Operation(
        id="quoteImage",
        summary="Quote the price",
        body={"application/json": {"anyOf": [reference("GenerationRequest"), reference("EditRequest")]}, **_FORM},
        example={"model": MODEL, "prompt": PROMPT, "quality": "high", "n": 4},
        answers={"200": Answer("The price.", "Quote", "Quote")},
        errors=(
            errors.ANY_CALL,
            errors.A_BODY,
            errors.A_MODEL_NAME,
            errors.A_MODEL,
            errors.AN_INPUT,
            errors.THE_GATEWAY,
        ),
    ),
    purchases.vary: Operation(
        id="createImageVariation",
        summary="Variations are retired",
        answers={},
        errors=(errors.ANY_CALL, errors.RETIRED, errors.THE_GATEWAY),
    ),
    jobs.job: Operation(
        id="retrieveJob",
        summary="Read a job, or wait for it",
        parameters=("Wait", "AnswerForm"),
        answers={"200": Answer("The job. While it is not finished, headers say when to poll again.", "Job", "Job")},
        query="wait=20",
    ),
    jobs.jobs: Operation(
        id="listJobs",
        summary="List jobs",
        parameters=("Limit", "AfterJob", "Status", *_FILTERS),
        answers={"200": Answer("A page of jobs.", "JobList", "JobList")},
        query="limit=10",
    ),
    jobs.cancel: Operation(
        id="cancelJob",
        summary="Cancel a job",
        answers={"200": Answer("The canceled job; nothing was bought.", "Job", "CanceledJob")},
        errors=(errors.ANY_CALL, errors.WHAT_IS_THERE, errors.THE_GATEWAY),
    ),
    jobs.delete: Operation(
        id="deleteJob",
        summary="Delete what is private of a job",
        answers={"200": Answer("All that is private is deleted.", "Deleted", "DeletedJob")},
        errors=(errors.ANY_CALL, errors.WHAT_IS_THERE, errors.THE_GATEWAY),
    ),
    jobs.delete_inputs: Operation(
        id="deleteJobInputs",
        summary="Delete a job's inputs",
        answers={"200": Answer("The inputs are deleted.", "Deleted", "DeletedInputs")},
        errors=(errors.ANY_CALL, errors.WHAT_IS_THERE, errors.THE_GATEWAY),
    ),
    images.images: Operation(
        id="listImages",
        summary="List images",
        parameters=("Limit", "AfterImage", *_FILTERS),
        answers={"200": Answer("A page of images.", "ImageList", "ImageList")},
        query="limit=10",
    ),
    images.image: Operation(
        id="retrieveImage",
        summary="Read an image's metadata",
        answers={"200": Answer("The metadata.", "Image", "Image")},
    ),
    images.delete: Operation(
        id="deleteImage",
        summary="Delete an image",
        answers={"200": Answer("The image is deleted.", "Deleted", "DeletedImage")},
    ),
    images.link: Operation(
        id="openImage",
        summary="Open an image by its permalink",
        parameters=("Download",),
        saved_as="image.png",
        answers={
            "302": Answer("Redirects to the image.", media_type="text/plain", headers=("Location", "Cache-Control")),
        },
        needs_key=False,
    ),
    uploads.create: Operation(
        id="createUpload",
        summary="Create an upload",
        body={"application/json": reference("UploadRequest")},
        example={"content_type": "image/png", "filename": "otter.png"},
        answers={
            "201": Answer("The upload, with the form that sends its bytes.", "NewUpload", "NewUpload", links=_OF_UPLOAD)
        },
        errors=(errors.ANY_CALL, errors.A_BODY, errors.THE_GATEWAY),
    ),
    uploads.upload: Operation(
        id="retrieveUpload",
        summary="Read an upload's state",
        answers={"200": Answer("The upload.", "Upload", "Upload")},
    ),
    uploads.delete: Operation(
        id="deleteUpload",
        summary="Delete an upload",
        answers={"200": Answer("The upload is deleted.", "Deleted", "DeletedUpload")},
    ),
    tokens.create: Operation(
        id="createToken",
        summary="Create a browser token",
        body={"application/json": reference("TokenRequest")},
        example={"images": 3, "origins": ["https://shop.example"], "expires_in": 600},
        answers={
            "201": Answer("The token.", "NewToken", "NewToken", headers=("Cache-Control",), links=_OF_TOKEN),
        },
        errors=(errors.ANY_CALL, errors.A_BODY, errors.FOR_A_PAGE, errors.THE_GATEWAY),
    ),
    tokens.tokens: Operation(
        id="listTokens",
        summary="List browser tokens",
        parameters=("Limit", "AfterToken"),
        answers={"200": Answer("A page of tokens.", "TokenList", "TokenList")},
        query="limit=10",
    ),
    tokens.token: Operation(
        id="retrieveToken",
        summary="Read a browser token's limits",
        answers={"200": Answer("The token.", "Token", "Token")},
    ),
    tokens.revoke: Operation(
        id="revokeToken",
        summary="Revoke a browser token",
        answers={"200": Answer("The token is revoked.", "Deleted", "DeletedToken")},
    ),
    models.models: Operation(
        id="listModels",
        summary="List models",
        answers={"200": Answer("All models.", "ModelList")},
    ),
    models.model: Operation(
        id="retrieveModel",
        summary="Read a model's capabilities",
        answers={"200": Answer("The model.", "Model", "Model")},
        errors=(errors.ANY_CALL, errors.A_MODEL_NAME, errors.THE_GATEWAY),
    ),
    models.model_of_provider: Operation(
        id="retrieveModelOfProvider",
        summary="Read the capabilities of a provider's model",
        answers={"200": Answer("The model.", "Model", "Model")},
        errors=(errors.ANY_CALL, errors.A_MODEL_NAME, errors.THE_GATEWAY),
    ),
    usage.usage: Operation(
        id="retrieveUsage",
        summary="Read what the key spent",
        parameters=("From", "To"),
        answers={"200": Answer("What it spent, and the state of its budgets.", "UsageReport", "UsageReport")},
        query="from=2026-11-01",
    ),
    service.health: Operation(
        id="health",
        summary="Health",
        answers={"200": Answer("The deployment can answer.", "Health", "Health")},
        needs_key=False,
    ),
    files.description: Operation(
        id="openapi",
        summary="This description as OpenAPI",
        answers={"200": Answer("An OpenAPI 3.1 document.", headers=_CACHED)},
        needs_key=False,
    ),
    files.root: Operation(
        id="root",
        summary="The base URL leads to this description",
        answers={"302": _ELSEWHERE},
        needs_key=False,
    ),
    files.docs: Operation(
        id="docs",
        summary="This description as a page",
        answers={"200": Answer("A page.", media_type="text/html", headers=_CACHED), "302": _ELSEWHERE},
        needs_key=False,
    ),
    files.playground: Operation(
        id="playground",
        summary="The playground",
        answers={"302": _ELSEWHERE},
        needs_key=False,
    ),
    files.client: Operation(
        id="javascriptClient",
        summary="The JavaScript client",
        saved_as="easel.js",
        answers={"200": Answer("An ES module.", media_type="text/javascript", headers=_CACHED)},
        needs_key=False,
    ),
    files.client_types: Operation(
        id="javascriptClientTypes",
        summary="The types of the JavaScript client",
        saved_as="easel.d.ts",
        answers={"200": Answer("Declarations for TypeScript.", media_type="text/plain", headers=_CACHED)},
        needs_key=False,
    ),
}
