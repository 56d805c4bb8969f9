"""Routes that buy images, or say what they would cost."""

from datetime import UTC, datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import doors
from core.callers.model import Caller
from core.errors import EndpointRetired
from core.logs import logger
from core.pricing import quote
from core.purchases.submission import Delivery
from core.requests import Request
from core.requests.bodies import Wish, edit_of_form, edit_of_json, parse_json
from core.requests.multipart import parse_form
from core.requests.resolver import with_inputs
from core.responses.builders import quote_document
from interfaces.http_api.call import Call, answer, pending

routes = Router()


@routes.post("/images/generations")
def generate() -> Response[str]:
    """Buy images for a prompt, and wait for them as long as the caller and the door can."""
    call = Call(routes.current_event)
    caller = call.caller(doors())
    document = parse_json(call.body)
    request = doors().resolver.generation(document, datetime.now(UTC).date())
    return _buy(call, caller, request, document.get("easel_deadline"))


@routes.post("/images/edits")
def edit() -> Response[str]:
    """Buy images made from others, given in a form as the SDKs send it or referred to in JSON."""
    call = Call(routes.current_event)
    caller = call.caller(doors())
    wish = _wish(call)
    request, model = doors().resolver.edit(wish, datetime.now(UTC).date())
    inputs, warnings = doors().gatherer.gather(caller, wish, model)
    return _buy(call, caller, with_inputs(request, inputs, warnings), wish.deadline)


@routes.post("/images/quote")
def price() -> Response[str]:
    """What the same body would cost as a generation or, with images in it, as an edit. Buys and keeps nothing."""
    call = Call(routes.current_event)
    caller = call.caller(doors())
    today = datetime.now(UTC).date()
    document = None if call.is_form else parse_json(call.body)
    if document is not None and not document.get("images"):
        request, images = doors().resolver.generation(document, today), 0
    else:
        wish = _wish(call)
        request = doors().resolver.edit(wish, today)[0]
        images = len(wish.images) + sum(each is not None for each in (wish.mask, wish.markup))
    family = doors().resolver.find(request.model, today).rules
    return answer(200, quote_document(request, quote(request, family, images), doors().spending.left(caller)))


@routes.post("/images/variations")
def vary() -> Response[str]:
    """Retired by OpenAI; edits do what it did."""
    call = Call(routes.current_event)
    call.caller(doors())
    raise EndpointRetired(
        "Image variations were retired with dall-e-2. Send the image to POST /v1/images/edits with a prompt such as "
        "'A variation of this image'."
    )


def _wish(call: Call) -> Wish:
    if not call.is_form:
        return edit_of_json(parse_json(call.body))
    form = parse_form(call.body, call.header("content-type") or "")
    return edit_of_form(form.fields, [(file.name, file.data) for file in form.files])


def _buy(call: Call, caller: Caller, request: Request, deadline: int | None) -> Response[str]:
    delivery = Delivery(
        call.request_id,
        call.idempotency_key,
        call.sdk_attempt,
        deadline_seconds=call.deadline_seconds(deadline),
        webhook=call.header("easel-webhook"),
    )
    job = doors().acceptor.accept(caller, request, delivery)
    logger.append_keys(job_id=job.id)
    job = doors().acceptor.wait(job, until=call.started_at + call.patience(doors().settings.max_wait_seconds))
    answers = call.answers(doors(), caller)
    if job.finished:
        return answer(200, answers.result(job))
    return pending(202, answers.job(job), answers.job_url(job))
