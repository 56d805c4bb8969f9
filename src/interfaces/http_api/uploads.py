"""Routes of uploads: inputs that are too large for a request body."""

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.requests.bodies import parse_json
from core.responses import builders
from interfaces.http_api.call import Call, answer

routes = Router()


@routes.post("/uploads")
def create() -> Response[str]:
    """A new upload, with the form that sends its bytes directly to the bucket."""
    call = Call(routes.current_event)
    upload, form = services().uploads.create(call.caller(services()), parse_json(call.body))
    return answer(201, builders.new_upload(upload, form))


@routes.get("/uploads/<upload_id>")
def upload(upload_id: str) -> Response[str]:
    """Whether an upload's bytes have arrived."""
    call = Call(routes.current_event)
    found, stored = services().uploads.read(call.caller(services()), upload_id)
    return answer(200, builders.upload(found, stored))


@routes.delete("/uploads/<upload_id>")
def delete(upload_id: str) -> Response[str]:
    """Delete an upload before it expires."""
    call = Call(routes.current_event)
    services().uploads.delete(call.caller(services()), upload_id)
    return answer(200, builders.deleted("upload.deleted", upload_id))
