"""easel models: what this deployment can buy, from whom, for how much, and until when."""

from datetime import UTC, datetime
from typing import Any

import typer

from cli.output import Result, Table
from cli.session import Context
from cli.stack import deployment
from core.catalog import Catalog, Model
from core.errors import InvalidRequest
from core.pricing import quote
from core.requests.bodies import ImageRequest
from core.requests.resolver import ModelPolicy, Resolver
from core.responses.models import model_named

# Bytes of a prompt of three sentences.
_USUAL_PROMPT = 300

app = typer.Typer()


@app.command("models")
def _models(ctx: Context) -> Result:
    """List the models, with the price of one image, and their lifecycle.

    The prices are of one generated image with the model's own defaults: what it is expected to cost, and the most that
    it can. A model that only edits has none of these; its prices are in the JSON.
    """
    catalog = deployment(ctx).catalog()
    today = datetime.now(UTC).date()
    documents, rows = [], []
    for model in catalog.newest_first():
        document: dict[str, Any] = dict(model_named(model.name, catalog, today))
        expected, bound = _price(model, catalog)
        lifecycle = document["lifecycle"]
        documents.append(document | {"expected_micro_usd": expected, "upper_bound_micro_usd": bound})
        rows.append((model.name, model.provider, lifecycle["state"], lifecycle["retired_on"], expected, bound))
    money = ("EXPECTED", "AT MOST")
    return Result(documents, Table(("MODEL", "PROVIDER", "STATE", "ENDS", *money), rows, money=money))


def _price(model: Model, catalog: Catalog) -> tuple[int | None, int | None]:
    """What one image is expected to cost and can cost at most, in micro-dollars; None if it cannot be generated."""
    resolver = Resolver(catalog, ModelPolicy(model.name, "translate"))
    request = ImageRequest({"prompt": "x" * _USUAL_PROMPT, "model": model.name})
    try:
        checked = resolver.check("generation", request, datetime.now(UTC).date())
    except InvalidRequest:
        return None, None
    if checked.model.name != model.name:  # Its successor runs in its place.
        return None, None
    found = quote(checked.request, checked.model.rules, 0)
    return found.expected, found.upper_bound
