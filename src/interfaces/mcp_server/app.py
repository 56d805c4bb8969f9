"""One invocation of the MCP function: who may call, and what is answered before and by the server."""

import logging

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.mcp import settings
from composition.services import doors
from core.callers.authentication import require_key
from core.errors import EaselError
from core.logs import logger
from interfaces.mcp_server import adapter, authorization, server, session
from interfaces.mcp_server.adapter import Answer, Event

# The SDK tells what it refuses; what it was sent stays out of the logs.
for _name in ("mcp", "mangum"):
    logging.getLogger(_name).handlers = [logger.registered_handler]
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).propagate = False

_server = server.build()


def answer(event: Event, context: LambdaContext) -> Answer:
    """Answer one HTTP request: of the protocol, or about who may speak it."""
    request_id = event["requestContext"]["requestId"]
    logger.append_keys(request_id=request_id)
    answered = _answer(event, context, request_id)
    answered["headers"] |= {"x-request-id": request_id, **adapter.shared_with(event, settings().origins)}
    logger.info("answered", extra={"status": answered["statusCode"]})
    return answered


def _answer(event: Event, context: LambdaContext, request_id: str) -> Answer:
    hosts, origins = settings().hosts, settings().origins
    if event["rawPath"] in authorization.METADATA_PATHS:
        return authorization.metadata(event, hosts, settings().oidc_issuer)
    if said := adapter.unanswerable(event, origins):
        return said
    try:
        credential = authorization.credential(event)
        source = event["requestContext"]["http"].get("sourceIp")
        origin = event["headers"].get("origin")
        caller = require_key(doors().gate.caller_of(credential, origin, source=source))
    except EaselError as error:
        return authorization.refusal(error, event, hosts, request_id)
    session.begin(session.Visit(caller, event["requestContext"]["timeEpoch"] / 1000, request_id))
    return adapter.answer(_server, event, context, hosts=hosts, origins=origins)
