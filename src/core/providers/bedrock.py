"""Amazon Bedrock: Stability AI's models, called with the worker's own rights instead of a key.

Facts: docs/providers.md names its sources (as of 2026-11-27). One call gives one image. A refusal comes with HTTP 200.
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)
from pydantic import Field

from core import aws
from core.images.masks import white_where_edited
from core.pricing import ProviderReport
from core.providers import InDoubt, InputFile, Order, ProviderResult, ProviderSettings, Refused, Tools
from core.providers.image_stream import ParsedBody, read_images, starts_after
from core.providers.outcomes import (
    moderated,
    no_image,
    no_such_model,
    out_of_quota,
    overloaded,
    permission_denied,
    problem,
    rate_limited,
    rejected,
    unreachable,
)

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

_IMAGES = starts_after("images", "[")
# Source: quotas of InvokeModel.
_MAX_BODY_BYTES = 25_000_000
_CHUNK_BYTES = 256 * 1024

# Source: the errors of InvokeModel, and those common to all services, in botocore 1.44.8. They come before the status.
_THROTTLED = frozenset({"ThrottlingException", "TooManyRequestsException"})
_BUSY = frozenset({"ServiceUnavailableException", "ModelNotReadyException"})
_DENIED = frozenset({"AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"})
_QUOTA = "ServiceQuotaExceededException"
# The model took too long, or failed: it may have been charged.
_MAYBE_ACCEPTED = frozenset({408, 424})
# These certainly did not reach Bedrock. An SSLError can also come while the answer is read.
_NOT_SENT = (
    EndpointConnectionError,
    ConnectTimeoutError,
    ProxyConnectionError,
    NoCredentialsError,
    CredentialRetrievalError,
)


class BedrockSettings(ProviderSettings):
    """The region whose models are called."""

    region: str = Field(alias="REGION", pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$")


def connect(settings: Mapping[str, str], _: Tools) -> "BedrockProvider":
    """The adapter, from its settings. It needs neither a secret nor the connections of the others."""
    return BedrockProvider(BedrockSettings.from_environment(settings))


class BedrockProvider:
    """Buys images from Amazon Bedrock."""

    def __init__(self, settings: BedrockSettings) -> None:
        self._settings = settings

    def prepare(self) -> None:
        """Nothing but the switch: there is no key."""
        self._settings.check_enabled()

    def buy(self, order: Order) -> ProviderResult:
        """Call InvokeModel. See ImageProvider.buy."""
        until = time.monotonic() + order.timeout
        body = json.dumps(_body(order), separators=(",", ":")).encode()
        if len(body) > _MAX_BODY_BYTES:
            message = f"The request has {len(body)} bytes; the provider accepts {_MAX_BODY_BYTES}. Send smaller images."
            raise Refused(problem(400, "image_file_too_large", message, type="invalid_request_error"))
        # The limit of a read is that of the whole answer, which is sent in one go once the image is made.
        client: BedrockRuntimeClient = aws.buying("bedrock-runtime", self._settings.region, max(1.0, order.timeout))
        with _errors_named():
            answer = client.invoke_model(
                modelId=order.model.sent_as, body=body, contentType="application/json", accept="application/json"
            )
            return _result(read_images(_chunks(answer["body"], until), _IMAGES))

    def models(self) -> dict[str, date | None]:
        """None: Bedrock shows them only to those who may list its models, which the worker may not."""
        return {}


def _body(order: Order) -> dict[str, Any]:
    request, rules = order.request, order.model.rules
    details = rules.details
    fields: dict[str, Any] = {**details.get("body", {}), **request.parameters.get("options", {})}
    fields |= {name: request.parameters[name] for name in rules.parameters if name in request.parameters}
    if request.prompt and rules.prompt != "unused":
        fields["prompt"] = request.prompt
    if "size" in request.parameters and rules.size:
        fields["aspect_ratio"] = rules.size.ratio_and_scale(request.parameters["size"])[0]
    if order.inputs:
        fields |= details.get("with_images", {})
        images = [image for image in order.inputs if image.role == "image"]
        fields |= {name: _text(_bytes(image)) for name, image in zip(details["images"], images, strict=True)}
        for mask in (image for image in order.inputs if image.role == "mask"):
            fields[details["mask"]] = _text(white_where_edited(_bytes(mask)))
    return fields


def _bytes(image: InputFile) -> bytes:
    image.file.seek(0)
    return image.file.read()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _chunks(stream: Any, until: float) -> Iterator[bytes]:
    for chunk in stream.iter_chunks(_CHUNK_BYTES):
        if time.monotonic() > until:
            raise InDoubt("The provider's answer took too long.")
        yield chunk


def _result(body: ParsedBody) -> ProviderResult:
    reasons = body.document.get("finish_reasons")
    reason = reasons[0] if isinstance(reasons, list) and reasons else None
    report = ProviderReport(created=int(time.time()))
    if isinstance(reason, str) and reason:
        if not reason.startswith("Filter reason: "):
            raise Refused(no_image(charged=False))
        filtered = reason.removeprefix("Filter reason: ")
        stage = "output" if filtered.startswith("output") else "input"
        raise Refused(moderated(stage, (filtered,), charged=False))
    if not body.images:
        raise InDoubt("The provider answered without an image and without a reason.")
    return ProviderResult((body.images[0],), report)


@contextmanager
def _errors_named() -> Iterator[None]:
    """Distinguish calls that certainly bought nothing from those that may have."""
    try:
        yield
    except ClientError as error:
        raise _outcome(error) from None
    except _NOT_SENT as error:
        raise unreachable() from error
    except BotoCoreError as error:
        raise InDoubt("The connection to the provider broke after the request was sent.") from error


def _outcome(error: ClientError) -> Exception:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    if code in _BUSY or status == 503:
        return overloaded(None)
    if code in _THROTTLED or status == 429:
        return rate_limited(None)
    if code in _DENIED or status in (401, 403):
        return permission_denied()
    if code == _QUOTA:
        return out_of_quota()
    if status == 404:
        return no_such_model("The provider has no such model in this deployment's region, or no longer.")
    if 400 <= status < 500 and status not in _MAYBE_ACCEPTED:
        return Refused(rejected(status, message))
    return InDoubt(f"The provider failed with {code or 'an error without a name'}.")
