"""Routes of jobs: read one, wait for one, list them, cancel one, delete what is private of it."""

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.responses.builders import deleted
from core.responses.forms import add_base64
from core.webhooks.message import message_id
from interfaces.http_api.call import FILTERS, Call, answer, pending

routes = Router()


@routes.get("/jobs/<job_id>")
def job(job_id: str) -> Response[str]:
    """A job's state, or its result with freshly signed URLs; `?wait=` is how many seconds to wait for it to finish."""
    call = Call(routes.current_event, ("wait", "response_format"))
    caller = call.caller(services())
    seconds = call.whole_number("wait", default=0, minimum=0, maximum=900)
    form = call.answer_form(caller)
    found = services().jobs.read(caller, job_id)
    seconds = min(seconds, services().settings.max_wait_seconds)
    with services().waiting_calls.of(caller, call.started_at, seconds) as wait:
        found = services().jobs.wait(found, wait)
    answers = call.answers(services(), caller, form)
    if found.finished:
        message = services().webhook_messages.get(message_id(found)) if found.webhook else None
        document = answers.job(found, message)
        if form == "b64_json" and document["result"]:
            add_base64(document["result"], found, services().image_store, within=document)
        return answer(200, document)
    if found.status == "queued":
        waiting = answers.queued_job(found, services().wait_estimates.of(found))
        return pending(200, waiting, answers.job_url(found))
    return pending(200, answers.job(found), answers.job_url(found))


@routes.get("/jobs")
def jobs() -> Response[str]:
    """The caller's jobs, newest first, all or those that match; `?after=` is the last id of the previous page."""
    call = Call(routes.current_event, ("limit", "after", *FILTERS, "status"))
    caller = call.key_holder(services())
    found, has_more = services().jobs.page(caller, call.page_limit, call.query("after"), call.filters)
    return answer(200, call.answers(services(), caller).job_list(found, has_more))


@routes.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Response[str]:
    """Cancel a job before its purchase starts."""
    call = Call(routes.current_event)
    caller = call.caller(services())
    canceled = services().cancellation.cancel(caller, job_id)
    return answer(200, call.answers(services(), caller).job(canceled))


@routes.delete("/jobs/<job_id>")
def delete(job_id: str) -> Response[str]:
    """Delete the images, inputs, prompt and metadata of a finished job; its record stays until it expires."""
    call = Call(routes.current_event)
    services().images.delete_job(call.caller(services()), job_id)
    return answer(200, deleted("job.deleted", job_id))


@routes.delete("/jobs/<job_id>/inputs")
def delete_inputs(job_id: str) -> Response[str]:
    """Delete the input images of a finished job."""
    call = Call(routes.current_event)
    services().images.delete_inputs(call.caller(services()), job_id)
    return answer(200, deleted("job.inputs.deleted", job_id))
