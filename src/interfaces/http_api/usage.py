"""The route of a key's spending."""

from aws_lambda_powertools.event_handler.api_gateway import Response, Router

from composition.services import services
from core.responses.builders import usage_report
from interfaces.http_api.call import Call, answer

routes = Router()

_MAX_DAYS = 92


@routes.get("/usage")
def usage() -> Response[str]:
    """What the calling key spent, by day and model, and what remains of its budgets."""
    call = Call(routes.current_event, ("from", "to"))
    caller = call.key_holder(services())
    first, last = call.days("from", "to", maximum=_MAX_DAYS)
    budgets = services().budgets
    rows = budgets.by_day_and_model(first, last, caller.id)
    return answer(200, usage_report(budgets.states(caller), rows, first, last))
