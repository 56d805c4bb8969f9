"""All routes, for both event formats, and the answers when a route raises."""

from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response, Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.lambda_function_url import LambdaFunctionUrlResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from core.callers.audit import note_refusal
from core.errors import EaselError, Hint, MethodNotAllowed, NotFound, ServerError
from core.logs import logger
from interfaces.http_api import files, images, jobs, models, purchases, service, tokens, uploads, usage
from interfaces.http_api.call import CORS_HEADERS, PRIVATE_HEADERS, Call, failure, source_of
from interfaces.http_api.suggestions import nearest_route
from interfaces.paths import drop_spare_slashes

errors = Router()


@errors.exception_handler(EaselError)
def refused(error: EaselError) -> Response[str]:
    """An error of the core, in the shape of every error."""
    return _failure(error)


@errors.exception_handler(NotFoundError)
def no_route(_: NotFoundError) -> Response[str]:
    """No such path, or not with this method.

    A path that is nearly one with this method is a typo, even where it could also be an id: POST /images/generation.
    """
    event = errors.current_event
    method, path = event.http_method, _rest._remove_prefix(event.path)
    fault = f"There is no {method} {event.path[:100]}."
    methods = _methods_of(path)
    if meant := nearest_route(method, path, other_methods=not methods):
        return _failure(NotFound(f"{fault} Did you mean {meant}? GET /v1/docs describes this API."))
    if not methods:
        return _failure(NotFound(f"{fault} GET /v1/docs describes this API."))
    allowed = ", ".join(methods)
    response = _failure(MethodNotAllowed(f"{fault} The path accepts {allowed}."))
    response.headers["Allow"] = allowed
    return response


def _methods_of(path: str) -> list[str]:
    """The methods of a path; every path accepts OPTIONS."""
    routes = [*_rest._static_routes, *_rest._dynamic_routes]
    methods = {route.method for route in routes if route.rule.match(path)}
    return sorted(methods) if methods != {"OPTIONS"} else []


@errors.exception_handler(Exception)
def broken(error: Exception) -> Response[str]:
    """A fault of ours: the log gets the traceback, the caller a request id and no details."""
    logger.exception("unhandled error", extra={"error": type(error).__name__})
    return _failure(ServerError("Easel failed to answer. Nothing is known to have been bought.", hint=Hint.LIST_JOBS))


def _failure(error: EaselError) -> Response[str]:
    note_refusal(error)
    return failure(error, Call(errors.current_event).request_id)


# API Gateway's stage and the Function URL's paths both start with /v1.
_rest = APIGatewayRestResolver(strip_prefixes=["/v1"])
_direct = LambdaFunctionUrlResolver(strip_prefixes=["/v1"])
for _router in (
    purchases.routes,
    jobs.routes,
    images.routes,
    uploads.routes,
    tokens.routes,
    models.routes,
    usage.routes,
    files.routes,
    service.routes,
    errors,
):
    _rest.include_router(_router)
    _direct.include_router(_router)


def answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request, in API Gateway's event format or in the Function URL's."""
    resolver = _direct if event.get("version") == "2.0" else _rest
    requested = event["requestContext"]
    drop_spare_slashes(event)
    if resolver is _rest:
        # Clients can choose API Gateway's requestId, with the header x-amzn-RequestId, but not the extended one, which
        # is also in the errors that the gateway answers itself. A Function URL's requestId is Lambda's own.
        requested["requestId"] = requested.get("extendedRequestId") or context.aws_request_id
    request_id = requested["requestId"]
    logger.append_keys(request_id=request_id, source=source_of(requested))
    response = resolver.resolve(event, context)
    headers = response.setdefault("headers", {})
    given = {name.lower() for name in (*headers, *response.get("multiValueHeaders", ()))}
    headers.update({name: value for name, value in PRIVATE_HEADERS.items() if name.lower() not in given})
    headers.update({**CORS_HEADERS, "X-Request-Id": request_id})
    logger.info("answered", extra={"status": response["statusCode"]})
    return response
