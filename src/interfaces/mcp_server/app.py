"""One invocation of the MCP function: authentication, then the server."""

import logging
import re

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.mcp import settings
from composition.services import services
from core.callers.authentication import require_key
from core.errors import EaselError, InvalidRequest, ServerError
from core.logs import logger
from core.validation import InvalidJson, check_number_of_values
from interfaces.mcp_server import adapter, authorization, server, session
from interfaces.mcp_server.adapter import Answer, Event

# The SDK logs what it refuses as warnings; what it was sent stays out of the logs.
for _name in ("mcp", "mangum"):
    logging.getLogger(_name).handlers = [logger.registered_handler]
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).propagate = False

# What Mangum can take apart.
_HOST = re.compile(r"[^:\s]+(:[0-9]{1,5})?")
_server = server.build()


def answer(event: Event, context: LambdaContext) -> Answer:
    """Answer one HTTP request: of the protocol, or of a client that looks for its authorization server."""
    request_id = event["requestContext"]["requestId"]
    logger.append_keys(request_id=request_id)
    try:
        answered = _answer(event, context)
    except EaselError as error:
        answered = authorization.refusal(error, event, settings().hosts, request_id)
    except Exception as error:  # noqa: BLE001 - Lambda would answer in our place, in a shape that no client reads
        logger.exception("unhandled error", extra={"error": type(error).__name__})
        fault = ServerError("Easel failed to answer. Nothing is known to have been bought.")
        answered = authorization.refusal(fault, event, settings().hosts, request_id)
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
        services().authentication.caller_of(
            authorization.credential(event),
            event["headers"].get("origin"),
            source=requested["http"].get("sourceIp"),
        )
    )
    session.begin(session.Session(caller, requested["timeEpoch"] / 1000, requested["requestId"]))
    _check_message(event)
    return adapter.answer(_server, event, context, hosts=hosts, origins=origins)
