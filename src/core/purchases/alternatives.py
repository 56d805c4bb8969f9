"""What a caller could buy instead of what a budget refused: the same images in a quality and size that fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from core.errors import BudgetExceeded, InvalidRequest
from core.ledger.dollars import usd
from core.pricing import quote
from core.requests import CheckedRequest, Parameters
from core.requests.rules import check

_USUAL_SIZE = "1024x1024"
_MAX_OFFERS = 3


@contextmanager
def naming_alternatives(checked: CheckedRequest, input_images: int) -> Iterator[None]:
    """Add to the refusal by a budget what would fit into the rest of it, if that may be known and anything does."""
    try:
        yield
    except BudgetExceeded as refused:
        budget = refused.problem.budget
        if budget and (offered := offers(checked, input_images, budget.left)):
            refused.problem = replace(refused.problem, message=f"{refused.problem.message} {offered}")
        raise


def offers(checked: CheckedRequest, input_images: int, left: int) -> str:
    """A sentence with the qualities whose upper bounds fit into so many micro-dollars; "" if none does."""
    request, model = checked.request, checked.model
    named = request.parameters.get("size", "auto")
    size = _USUAL_SIZE if named == "auto" else named
    quality = model.rules.parameters.get("quality")
    for n in dict.fromkeys((request.n, 1)):
        bounds = {}
        for name in quality.values if quality else ():
            parameters = {**request.parameters, "quality": name, "size": size, "n": n}
            if name != "auto" and _is_accepted(checked, parameters):
                bounds[name] = quote(replace(request, parameters=parameters), model.rules, input_images).upper_bound
        fitting = sorted((name for name in bounds if bounds[name] <= left), key=bounds.__getitem__)[:_MAX_OFFERS]
        if fitting:
            what = [f"model {model.name}"] if model != checked.requested_model else []
            what += [f"n {n}"] if n != request.n else []
            options = ", ".join(f"at {name} {size} it is at most {usd(bounds[name])}" for name in fitting)
            return f"Name {', '.join([*what, 'quality and size'])}: {options}."
    return ""


def _is_accepted(checked: CheckedRequest, parameters: Parameters) -> bool:
    try:
        check(checked.request.operation, checked.model, checked.request.prompt, parameters)
    except InvalidRequest:
        return False
    return True
