"""Routes of the models."""

from datetime import UTC, datetime
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.responses.models import model_list, model_named
from interfaces.http_api.call import Call, answer

routes = Router()


@routes.get("/models")
def models() -> Response[str]:
    """All models, newest first: what they accept, what they cost, and when they are shut down."""
    call = Call(routes.current_event)
    call.caller(services())
    return answer(200, model_list(services().catalog, datetime.now(UTC).date()))


@routes.get("/models/<name>")
def model(name: str) -> Response[str]:
    """One model, by the `id` that the list has. A slash in it can also be sent as `%2F`."""
    call = Call(routes.current_event)
    call.caller(services())
    return answer(200, model_named(unquote(name), services().catalog, datetime.now(UTC).date()))


@routes.get("/models/<provider>/<name>")
def model_of_provider(provider: str, name: str) -> Response[str]:
    """One model of a provider. Where two providers have a model of the same name, this tells them apart."""
    return model(f"{provider}/{name}")
