"""A question to the user before a purchase above a limit of the key, through clients that can ask (elicitation).

In revision 2026-07-28, the question is the result of the call, and the client calls again with the answer. The older
revisions send it as a request in the middle of the call, whose answer comes with another POST and finds nobody in a
server without sessions; in them, and of clients that cannot ask, nobody is asked.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.server.context import ServerRequestContext
from mcp.types import CallToolRequestParams, ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from composition.services import services
from core.errors import InvalidRequest
from core.ledger.dollars import usd
from core.pricing import Quote
from core.requests import CheckedRequest

if TYPE_CHECKING:
    from interfaces.mcp_server.session import Session

_SINCE = "2026-07-28"
_NAME = "purchase"
# A form without fields: to accept is to buy.
_NO_FIELDS = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class Answer:
    """What the user of a client that can ask has said, and to which question; neither in its first call."""

    action: str | None = None
    question: str | None = None


class Unanswered(Exception):
    """The purchase waits for the user's answer."""

    def __init__(self, message: str, question: str) -> None:
        super().__init__(message)
        asked = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=_NO_FIELDS))
        self.result = InputRequiredResult(input_requests={_NAME: asked}, request_state=question)


def answer_in(context: ServerRequestContext, params: CallToolRequestParams, revision: str) -> Answer | None:
    """The answer that came with a call; None of a client that cannot ask."""
    able = context.session.client_capabilities
    elicitation = able.elicitation if able else None
    # Without modes it means forms, which were all there was at first.
    if revision < _SINCE or elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return None
    given = (params.input_responses or {}).get(_NAME)
    return Answer(given.action if isinstance(given, ElicitResult) else None, params.request_state)


def admission(session: "Session", request_id: str | None) -> Callable[[CheckedRequest, Quote], None] | None:
    """What a new purchase must pass; None if its caller has no limit, or cannot be asked.

    The question is named after what it asks. The name is not signed: a client that lies to its user needs no name.
    """
    limit, answer = session.caller.ask_above, session.answer
    if limit is None or answer is None:
        return None

    def admit(checked: CheckedRequest, price: Quote) -> None:
        if checked.priced and price.upper_bound <= limit:
            return
        asked = f"{session.caller.id} {checked.fingerprint} {request_id} {price.upper_bound}"
        question = hashlib.sha256(asked.encode()).hexdigest()
        if answer.question != question or answer.action is None:
            services().budgets.precheck(session.caller, checked.request, price, priced=checked.priced)
            raise Unanswered(_words(checked, price, limit), question)
        if answer.action != "accept":
            raise InvalidRequest(_REFUSALS[answer.action], code="purchase_declined")

    return admit


_REFUSALS = {
    "decline": "The user declined this purchase. Nothing was bought. Call again only if the user asks for it.",
    "cancel": "The user did not say whether to buy this. Nothing was bought. Ask the user before you call again.",
}


def _words(checked: CheckedRequest, price: Quote, limit: int) -> str:
    request = checked.request
    images = "1 image" if request.n == 1 else f"{request.n} images"
    if not checked.priced:
        return f"Buy {images} of {request.model}? The price is not known."
    return (
        f"Buy {images} of {request.model} for about {usd(price.expected)}, at most {usd(price.upper_bound)}? "
        f"This key asks above {usd(limit)}."
    )
