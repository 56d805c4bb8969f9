"""Routes that buy images."""

from datetime import UTC, datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.doors import doors
from core.accepting import Delivery
from core.requests.bodies import parse_json
from handlers import http

routes = Router()


@routes.post("/images/generations")
def generate() -> Response[str]:
    """Buy images for a prompt, and wait for them as long as the caller and the door can."""
    call = http.Call(routes.current_event)
    caller = call.caller(doors())
    request = doors().resolver.generation(parse_json(call.body), datetime.now(UTC).date())
    delivery = Delivery(call.request_id, call.idempotency_key, call.sdk_attempt)
    job = doors().acceptor.accept(caller, request, delivery)
    job = doors().acceptor.wait(job, until=call.started_at + call.patience(doors().settings.max_wait_seconds))
    answers = call.answers(doors())
    if job.finished:
        return http.answer(200, answers.result(job))
    return http.pending(202, answers.job(job), answers.job_url(job))
