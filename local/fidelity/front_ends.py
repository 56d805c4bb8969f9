"""What stands on AWS between callers and functions or buckets, and answers for them.

* Function URLs and API Gateway rename the header WWW-Authenticate to x-amzn-Remapped-www-authenticate.
  Sources: API Gateway developer guide, "Amazon API Gateway important notes"; first-hand reports for Function URLs, for
  example anthropics/claude-ai-mcp#748.
* They take no event of more than 6 MB, and API Gateway no body of more than 10 MB. Its two answers do not heed the
  template's gateway responses. Sources: Lambda quotas; API Gateway quotas; koki-develop/lgtm-generator#10.
* A function that fails is answered for without its error: 502 by a Function URL, INTEGRATION_FAILURE by API Gateway,
  which says the same of a throttled one, and INTEGRATION_TIMEOUT after 29 seconds, while the function goes on.
  Sources: Lambda developer guide, "Monitoring Lambda function URLs"; API Gateway developer guide, "Gateway response
  types"; AWS re:Post QUL-z6rJbmR4meafB7MzYXxw.
* S3 refuses a signed URL that comes with an Authorization header.
  Source: S3 error responses, InvalidArgument; first-hand report: open-webui/open-webui#13557.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from ministack.services import apigateway_v1, lambda_svc

from local.fidelity.seams import seam, wrap
from local.fidelity.wire import Application, Receive, Scope, Send

Json = dict[str, Any]
# Status, headers and body, as MiniStack's services answer.
Answer = tuple[int, Json, bytes]

MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_GATEWAY_BODY_BYTES = 10 * 1024 * 1024
GATEWAY_SECONDS = 29

_JSON = {"Content-Type": "application/json"}
_TWO_MECHANISMS = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
Signature query string parameter or the Authorization header should be specified</Message>\
<ArgumentName>Authorization</ArgumentName></Error>"""

_GatewayError = seam(apigateway_v1, "_GatewayError", "response_type message error_type")


class _EventTooLargeError(Exception):
    """The event of a call is more than a function takes."""


class _IntegrationError(Exception):
    """API Gateway has no answer of the function."""

    def __init__(self, response_type: str, message: str) -> None:
        super().__init__(message)
        self.response_type = response_type


def install() -> None:
    """Let MiniStack's Function URLs and REST APIs answer as AWS's do."""
    wrap(
        lambda_svc,
        "handle_function_url_request",
        "url_id method path headers body query_params resolved source_ip",
        _function_url,
    )
    event_of_url = "url_id account_id region method path headers body query_params source_ip anonymous trace_root"
    wrap(lambda_svc, "_build_function_url_event", event_of_url, _bounded)
    wrap(lambda_svc, "_function_url_proxy_response", "proxy_response cors_headers", _answer_of_function)
    wrap(apigateway_v1, "handle_execute", "api_id stage_name method path headers body query_params", _gateway)
    event_of_api = (
        "api_id stage_name stage resource request_path method headers body query_params path_params "
        "binary_media_types authorizer_context caller_identity"
    )
    wrap(apigateway_v1, "_build_lambda_event_v1", event_of_api, _bounded)
    wrap(apigateway_v1, "_call_lambda_raw", "function_ref event account_id region", _call_function)
    integration = (
        "integration api_id stage_name stage resource request_path method headers body query_params path_params "
        "owner_account_id owner_region binary_media_types authorizer_context caller_identity"
    )
    wrap(apigateway_v1, "_invoke_lambda_proxy_v1", integration, _integration)


def refuse_two_mechanisms(application: Application) -> Application:
    """S3 takes a signature in the query or an Authorization header, not both."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name == b"authorization" for name, _ in scope["headers"]):
            query = parse_qs(scope["query_string"].decode("latin-1"))
            if {"X-Amz-Signature", "Signature"} & query.keys():
                headers = [(b"content-type", b"application/xml"), (b"content-length", b"%d" % len(_TWO_MECHANISMS))]
                await send({"type": "http.response.start", "status": 400, "headers": headers})
                await send({"type": "http.response.body", "body": _TWO_MECHANISMS})
                return
        await application(scope, receive, send)

    return checked


def _bounded(original: Any, *args: Any, **kwargs: Any) -> Json:
    """The event of a call; bytes in it are base64, as on AWS."""
    event: Json = original(*args, **kwargs)
    # The body is nearly all of a large event, and headers are a few kilobytes at most.
    if len(event.get("body") or "") > MAX_EVENT_BYTES - 64 * 1024 and len(json.dumps(event)) > MAX_EVENT_BYTES:
        raise _EventTooLargeError
    return event


async def _function_url(original: Any, *args: Any, **kwargs: Any) -> Answer:
    try:
        status, headers, body = await original(*args, **kwargs)
    except _EventTooLargeError:
        message = f"Request must be smaller than {MAX_EVENT_BYTES} bytes for the InvokeFunction operation"
        return 413, dict(_JSON), json.dumps({"Message": message}).encode()
    return status, _remapped(headers), body


def _answer_of_function(original: Any, proxy_response: Json | None, cors_headers: Json) -> Answer:
    """A function that failed shows callers nothing of its error."""
    if proxy_response is not None and _is_error_of_function(proxy_response):
        return 502, _JSON | cors_headers, b"Internal Server Error"
    answer: Answer = original(proxy_response, cors_headers)
    return answer


def _is_error_of_function(proxy_response: Mapping[str, Any]) -> bool:
    """Whether MiniStack made this answer of a function's error; a function's own 502 has other headers."""
    return proxy_response.get("statusCode") == 502 and '"errorMessage"' in str(proxy_response.get("body"))


async def _gateway(
    original: Any, api_id: str, stage_name: str, method: str, path: str, headers: Json, body: bytes, query_params: Json
) -> Answer:
    if len(body) > MAX_GATEWAY_BODY_BYTES:
        message = f"HTTP content length exceeded {MAX_GATEWAY_BODY_BYTES} bytes."
        return 413, {"Content-Type": "text/plain"}, message.encode()
    status, answered, content = await original(api_id, stage_name, method, path, headers, body, query_params)
    return status, _remapped(answered), content


async def _integration(original: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return await original(*args, **kwargs)
    except _EventTooLargeError:
        return 413, dict(_JSON), b'{"message":"Request Too Long"}'
    except _IntegrationError as error:
        return _GatewayError(error.response_type, str(error))


async def _call_function(
    original: Any, function_ref: str, event: Json, *, account_id: str | None = None, region: str | None = None
) -> Any:
    call = asyncio.ensure_future(original(function_ref, event, account_id=account_id, region=region))
    try:
        result, error = await asyncio.wait_for(asyncio.shield(call), GATEWAY_SECONDS)
    except TimeoutError:
        raise _IntegrationError("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
    if result and (result.get("throttle") or result.get("error")):
        raise _IntegrationError("INTEGRATION_FAILURE", "Internal server error")
    return result, error


def _remapped(headers: Json) -> Json:
    renamed = {"www-authenticate": "x-amzn-Remapped-www-authenticate"}
    return {renamed.get(name.lower(), name): value for name, value in headers.items()}
