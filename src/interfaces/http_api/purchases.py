"""Routes that buy images, or quote their price."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.callers.model import Caller
from core.catalog import Operation
from core.errors import EndpointRetired, JobNotFinished
from core.jobs.model import Job
from core.jobs.waiting import Wait
from core.logs import logger
from core.pricing import Quote
from core.purchases import SubmissionContext
from core.requests import CheckedRequest
from core.requests.bodies import ImageRequest, edit_of_form, edit_of_json, generation_of_json, parse_json
from core.requests.multipart import File, parse_form
from core.responses.builders import quote_document
from core.responses.forms import add_base64, require_fit, warn_of_excess
from interfaces.http_api.call import Call, answer, pending
from interfaces.http_api.streaming import Stream, require_stream

routes = Router()


@routes.post("/images/generations")
def generate() -> Response[Any]:
    """Generate images and wait for the result, as long as the caller and the gateway can."""
    call = Call(routes.current_event)
    caller = call.caller(services())
    asked = _with_deadline(call, generation_of_json(parse_json(call.body)))
    return _bought(call, caller, asked, services().purchases.generate)


@routes.post("/images/edits")
def edit() -> Response[Any]:
    """Edit images, sent in a form as the SDKs do or referred to in JSON."""
    call = Call(routes.current_event)
    caller = call.caller(services())
    asked = _edit_of_form(call) if call.is_form else edit_of_json(parse_json(call.body))
    asked = _with_deadline(call, asked)
    return _bought(call, caller, asked, services().purchases.edit)


@routes.post("/images/quote")
def quote() -> Response[str]:
    """What the same body would cost as a generation or, with images, as an edit. Nothing is bought or stored."""
    call = Call(routes.current_event)
    caller = call.caller(services())
    operation: Operation = "edit"
    if call.is_form:
        asked = _edit_of_form(call)
    elif (document := parse_json(call.body)).get("images"):
        asked = edit_of_json(document)
    else:
        operation, asked = "generation", generation_of_json(document)
    checked, quoted = services().purchases.quote(operation, caller, asked)
    in_one_piece = (asked.answer_form or caller.answers) == "b64_json" and not asked.stream
    request = warn_of_excess(checked) if in_one_piece else checked.request
    return answer(200, quote_document(request, quoted, services().budgets.remaining(caller)))


@routes.post("/images/variations")
def vary() -> Response[str]:
    """Retired by OpenAI; use edits instead."""
    call = Call(routes.current_event)
    call.caller(services())
    raise EndpointRetired(
        "OpenAI has retired image variations. Send the image to POST /v1/images/edits with a prompt such as "
        "'A variation of this image'."
    )


def _edit_of_form(call: Call) -> ImageRequest:
    form = parse_form(call.body, call.header("content-type") or "")
    return edit_of_form((name, part.data if isinstance(part, File) else part) for name, part in form.parts)


def _with_deadline(call: Call, asked: ImageRequest) -> ImageRequest:
    """The request with the deadline from the header, if there is one."""
    return replace(asked, deadline_seconds=call.deadline_seconds(asked.deadline_seconds))


def _bought(
    call: Call, caller: Caller, asked: ImageRequest, buy: Callable[[Caller, ImageRequest, SubmissionContext], Job]
) -> Response[Any]:
    """The images of a purchase, or its job if they are not there when the wait ends; or a stream of events."""
    seconds = call.wait_seconds(services().settings.max_wait_seconds, in_silence=not asked.stream)
    if asked.stream:
        require_stream(call, services(), seconds)
    form = asked.answer_form or caller.answers
    with ExitStack() as ending:
        wait = ending.enter_context(services().waiting_calls.of(caller, call.started_at, seconds))
        in_one_piece = form == "b64_json" and not asked.stream
        context = replace(call.submission_context, admission=_admission(wait, in_one_piece))
        job = buy(caller, asked, context)
        logger.append_keys(job_id=job.id)
        if asked.stream:
            if not job.finished:  # From now on the same request finds it, even if this process is killed.
                services().purchases.expect_again(job, context, wait.until)
            return Stream(call, services(), caller, form, context, wait, ending.pop_all()).of(job)
        job = services().jobs.wait(job, wait)
    answers = call.answers(services(), caller, form)
    joined = job.request_id != call.request_id
    if job.finished:
        if joined and job.status == "succeeded":
            services().purchases.delivered(job, context)
        document = answers.result(job, joined=joined)
        if form == "b64_json":
            add_base64(document, job, services().image_store)
        return answer(200, document)
    if call.waits_by_retrying:
        services().purchases.expect_again(job, context)
        raise JobNotFinished(job.id)
    return pending(202, answers.job(job, joined=joined), answers.job_url(job))


def _admission(wait: Wait, in_one_piece: bool) -> Callable[[CheckedRequest, Quote], None]:
    """What a new purchase must pass: its base64 fits into an answer in one piece, and its call may wait."""

    def admit(checked: CheckedRequest, _: Quote) -> None:
        if in_one_piece:
            require_fit(checked)
        if wait.admission:
            wait.admission()

    return admit
