"""Routes of what a key spent."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from composition.services import doors
from core.responses.builders import usage_report
from interfaces.http_api.call import Call, answer

routes = Router()

_DAYS_MAX = 92


@routes.get("/usage")
def usage() -> Response[str]:
    """What the calling key spent, by day and model, and what its budgets have left."""
    call = Call(routes.current_event)
    caller = call.key_holder(doors())
    first, last = call.days("from", "to", most=_DAYS_MAX)
    spending = doors().spending
    rows = spending.by_day_and_model(first, last, caller.id)
    return answer(200, usage_report(spending.states(caller), rows, first, last))
