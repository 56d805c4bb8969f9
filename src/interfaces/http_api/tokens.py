"""Routes of browser tokens, which let a web page buy a few images without a key."""

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.requests.bodies import parse_json
from core.responses import builders
from interfaces.http_api.call import Call, answer

routes = Router()


@routes.post("/tokens")
def create() -> Response[str]:
    """A new browser token of the calling key: short-lived, for a few images, from the origins it names."""
    call = Call(routes.current_event)
    made, text = services().tokens().mint(call.key_holder(services()), parse_json(call.body))
    return answer(201, builders.new_token(made, text))


@routes.get("/tokens")
def tokens() -> Response[str]:
    """The key's valid tokens, newest first; `?after=` is the last id of the previous page."""
    call = Call(routes.current_event, ("limit", "after"))
    caller = call.key_holder(services())
    return answer(200, builders.token_list(*services().tokens().list_of(caller, call.page_limit, call.query("after"))))


@routes.get("/tokens/<token_id>")
def token(token_id: str) -> Response[str]:
    """One of the key's valid tokens."""
    call = Call(routes.current_event)
    return answer(200, builders.token(services().tokens().read(call.key_holder(services()), token_id)))


@routes.delete("/tokens/<token_id>")
def revoke(token_id: str) -> Response[str]:
    """Revoke a token at once. Jobs that it started continue; they belong to the key."""
    call = Call(routes.current_event)
    services().tokens().revoke(call.key_holder(services()), token_id)
    return answer(200, builders.deleted("token.deleted", token_id))
