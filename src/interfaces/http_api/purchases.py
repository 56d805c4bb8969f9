"""Routes that buy images, or quote their price."""

from collections.abc import Callable
from dataclasses import replace

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import services
from core.callers.model import Caller
from core.catalog import Operation
from core.errors import EndpointRetired, JobNotFinished
from core.images.model import AnswerForm
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

routes = Router()


@routes.post("/images/generations")
def generate() -> Response[str]:
    """Generate images and wait for the result, as long as the caller and the gateway can."""
    call = Call(routes.current_event)
    caller = call.caller(services())
    asked = _with_deadline(call, generation_of_json(parse_json(call.body)))
    return _bought(call, caller, asked, services().purchases.generate)


@routes.post("/images/edits")
def edit() -> Response[str]:
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
    is_base64 = (asked.answer_form or caller.answers) == "b64_json"
    request = warn_of_excess(checked) if is_base64 else checked.request
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
) -> Response[str]:
    """The images of a purchase, or its job if they are not there when the wait ends."""
    seconds = call.wait_seconds(services().settings.max_wait_seconds)
    form = asked.answer_form or caller.answers
    with services().waiting_calls.of(caller, call.started_at, seconds) as wait:
        context = replace(call.submission_context, admission=_admission(form, wait))
        job = buy(caller, asked, context)
        logger.append_keys(job_id=job.id)
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


def _admission(form: AnswerForm, wait: Wait) -> Callable[[CheckedRequest, Quote], None]:
    """What a new purchase must pass: its images fit into the answer, and its call may wait."""

    def admit(checked: CheckedRequest, _: Quote) -> None:
        if form == "b64_json":
            require_fit(checked)
        if wait.admission:
            wait.admission()

    return admit
