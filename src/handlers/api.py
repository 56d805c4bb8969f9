"""The HTTP API behind API Gateway and, for long waits, on a Function URL: the same routes, two event formats."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.doors import doors
from core.accepting import Delivery
from core.errors import EaselError, NotFound, ServerError
from core.requests import generation_request, parse_json
from handlers import http
from handlers.logs import logger

routes = Router()


@routes.post("/images/generations")
def generate() -> Response[str]:
    """Buy images for a prompt, and wait for them as long as the caller and the door can."""
    call = http.Call(routes.current_event)
    caller = doors().gate.caller_of(call.header("authorization"), call.header("origin"))
    document = parse_json(call.body)
    request = generation_request(document, doors().catalog, doors().models, datetime.now(UTC).date())
    delivery = Delivery(call.request_id, call.idempotency_key, call.sdk_attempt)
    job = doors().acceptor.accept(caller, request, delivery)
    job = doors().acceptor.wait(job, until=call.started_at + call.patience(doors().settings.max_wait_seconds))
    answers = call.answers(doors())
    if job.finished:
        return http.answer(200, answers.result(job))
    return http.pending(202, answers.job(job), answers.job_url(job))


@routes.get("/jobs/<job_id>")
def job(job_id: str) -> Response[str]:
    """A job's state, or its result with freshly signed URLs; `?wait=` seconds for it to finish."""
    call = http.Call(routes.current_event)
    caller = doors().gate.caller_of(call.header("authorization"), call.header("origin"))
    found = doors().acceptor.read(caller, job_id)
    wait = call.whole_number("wait", default=0, least=0, most=900)
    found = doors().acceptor.wait(found, until=call.started_at + min(wait, doors().settings.max_wait_seconds))
    answers = call.answers(doors())
    if found.finished:
        return http.answer(200, answers.job(found))
    return http.pending(200, answers.job(found), answers.job_url(found))


@routes.get("/jobs")
def jobs() -> Response[str]:
    """The caller's jobs, newest first; `?after=` the last id of the page before."""
    call = http.Call(routes.current_event)
    caller = doors().gate.caller_of(call.header("authorization"), call.header("origin"))
    limit = call.whole_number("limit", default=20, least=1, most=100)
    after = call.query("after")
    found, has_more = doors().jobs.list_of(caller.id, limit, doors().acceptor.read(caller, after) if after else None)
    return http.answer(200, call.answers(doors()).job_list(found, has_more))


@routes.get("/i/<image_id>")
def image(image_id: str) -> Response[str]:
    """The lasting link: whoever knows the image's id is sent to a URL that is signed at this moment."""
    call = http.Call(routes.current_event)
    found = doors().jobs.image(image_id) if image_id.startswith("img_") else None
    if found is None or found.expires_at <= call.now:
        raise NotFound("There is no such image, or it has expired.")
    return http.redirect(doors().links.sign(found, call.now).url)


@routes.get("/health")
def health() -> Response[str]:
    """Whether this deployment can answer; needs no key."""
    return http.answer(200, {"status": "ok", "models": doors().catalog.live_models(datetime.now(UTC).date())})


@routes.route(".+", method="OPTIONS")
def preflight() -> Response[str]:
    """A browser's question before the real request; the headers that answer it are on every answer."""
    return Response(204, body="")


@routes.exception_handler(EaselError)
def refused(error: EaselError) -> Response[str]:
    """An error of the core, in the shape that every error has."""
    return _told(error)


@routes.exception_handler(NotFoundError)
def no_route(_: NotFoundError) -> Response[str]:
    """No such path, or not with this method."""
    event = routes.current_event
    return _told(NotFound(f"There is no {event.http_method} {event.path[:100]}. See /docs for what there is."))


@routes.exception_handler(Exception)
def broken(error: Exception) -> Response[str]:
    """A fault of ours: the log gets its trace, the caller a request id and no detail."""
    logger.exception("unhandled error", extra={"error": type(error).__name__})
    return _told(ServerError("Easel failed to answer. Nothing is known to have been bought; see GET /v1/jobs."))


def _told(error: EaselError) -> Response[str]:
    return http.failure(error, http.Call(routes.current_event).request_id)


# API Gateway's stage and the Function URL's paths both start with /v1.
_rest = APIGatewayRestResolver(strip_prefixes=["/v1"])
_direct = LambdaFunctionUrlResolver(strip_prefixes=["/v1"])
_rest.include_router(routes)
_direct.include_router(routes)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request, in API Gateway's event format or in the Function URL's."""
    resolver = _direct if event.get("version") == "2.0" else _rest
    request_id = event["requestContext"].get("requestId", "unknown")
    logger.append_keys(request_id=request_id)
    response = resolver.resolve(event, context)
    response.setdefault("headers", {}).update({**http.CORS_HEADERS, "X-Request-Id": request_id})
    logger.info("answered", extra={"status": response["statusCode"]})
    return response
