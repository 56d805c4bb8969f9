"""One invocation of the MCP function: authentication, then the server."""

import re

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.mcp import authenticator, settings
from core.callers.audit import note_refusal
from core.callers.authentication import misplaced_key, require_key
from core.errors import EaselError, InvalidRequest, PermissionDenied, ServerError
from core.logs import logger
from core.validation import InvalidJson, check_number_of_values
from interfaces.mcp_server import adapter, authorization, revisions, server, session
from interfaces.mcp_server.adapter import Answer, Event
from interfaces.paths import drop_spare_slashes

# Answers are for their caller only, whatever stands between.
_PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

# What Mangum can take apart.
_HOST = re.compile(r"[^:\s]+(:[0-9]{1,5})?")
_server = server.build()


def answer(event: Event, context: LambdaContext) -> Answer:
    """Answer one HTTP request: of the protocol, or of a client that looks for its authorization server."""
    drop_spare_slashes(event)
    requested = event["requestContext"]
    request_id = requested["requestId"]
    logger.append_keys(request_id=request_id, source=requested["http"].get("sourceIp"))
    try:
        answered = _answer(event, context)
    except EaselError as error:
        answered = authorization.refusal(error, event, settings().hosts, request_id)
    except Exception as error:  # noqa: BLE001 - Lambda would answer in our place, in a shape that no client reads
        logger.exception("unhandled error", extra={"error": type(error).__name__})
        fault = ServerError("Easel failed to answer. Nothing is known to have been bought.")
        answered = authorization.refusal(fault, event, settings().hosts, request_id)
    if event["rawPath"] not in authorization.METADATA_PATHS:
        answered["headers"] |= _PRIVATE
    answered["headers"] |= {"x-request-id": request_id, **adapter.shared_with(event, settings().origins)}
    logger.info("answered", extra={"status": answered["statusCode"]})
    return answered


def _check_message(event: Event) -> None:
    """Refuse what the SDK cannot read, and what would cost its parser more than the bytes justify.

    Raises:
        InvalidRequest: a header or the body contains lone surrogates, the body has too many values, or Host is not a
            host.
    """
    if not _HOST.fullmatch(event["headers"].get("host", "localhost")):
        raise InvalidRequest("The header 'Host' is not a host name with an optional port.", param="Host")
    body = event.get("body") or ""
    try:
        "".join((body, *event["headers"].values())).encode()
        check_number_of_values(body)
    except UnicodeEncodeError:
        raise InvalidRequest("The message is not valid UTF-8.", code="invalid_json") from None
    except InvalidJson as error:
        raise InvalidRequest(f"The message {error}.", code="invalid_json") from None


def _answer(event: Event, context: LambdaContext) -> Answer:
    hosts, origins = settings().hosts, settings().origins
    if event["rawPath"] in authorization.METADATA_PATHS:
        return authorization.metadata(event, hosts, settings().oidc_issuer)
    if answered := adapter.answered_without_server(event, origins):
        return answered
    requested = event["requestContext"]
    caller = require_key(
        authenticator().caller_of(
            authorization.credential(event),
            event["headers"].get("origin"),
            source=requested["http"].get("sourceIp"),
            misplaced=misplaced_key(event["headers"], event.get("queryStringParameters") or {}),
        )
    )
    revision = revisions.stated(event["headers"])
    begun = session.Session(
        caller,
        requested["timeEpoch"] / 1000,
        requested["requestId"],
        revision,
        event["headers"].get("mcp-session-id", ""),
    )
    session.begin(begun)
    _check_message(event)
    answered = adapter.answer(_server, event, context, hosts=hosts, origins=origins)
    answered["headers"] |= begun.answer_headers
    if answered["statusCode"] == 403:  # The SDK's, before any of our handlers.
        note_refusal(PermissionDenied("A web page from this origin cannot call.", code="origin_not_allowed"))
    return answered
