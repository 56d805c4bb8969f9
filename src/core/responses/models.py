"""Models as callers see them: OpenAI's shape, with capabilities, prices and lifecycle from the catalog."""

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from core.catalog import Catalog, Inputs, Model, Option, Parameter, Prices, SizeRule
from core.requests.resolver import no_such_model

if TYPE_CHECKING:
    from core.responses import schemas


def model_list(catalog: Catalog, today: date) -> "schemas.ModelList":
    """Every model of the catalog, newest first, including retired ones, since their names may still be sent."""
    names = [model.name for model in catalog.newest_first()]
    return {"object": "list", "data": [model_named(name, catalog, today) for name in names]}


def model_named(name: str, catalog: Catalog, today: date) -> "schemas.Model":
    """One model.

    Raises:
        ModelNotFound: the catalog has none of that name.
    """
    model = catalog.find(name)
    if model is None or model.released is None:
        raise no_such_model(name, catalog, today)
    return {
        "id": model.name,
        "object": "model",
        "created": int(datetime.combine(model.released, time(), UTC).timestamp()),
        "owned_by": model.provider,
        "capabilities": _capabilities(model),
        "prices": _prices(model.rules.prices),
        "lifecycle": _lifecycle(model, today),
    }


def _capabilities(model: Model) -> "schemas.Capabilities":
    rules = model.rules
    return {
        "operations": list(rules.operations),
        "prompt": rules.prompt,
        "prompt_max": rules.prompt_max,
        "n_max": rules.n_max,
        "size": _size(rules.size),
        "parameters": {
            name: _parameter(parameter, rules.preview.get(name, ())) for name, parameter in rules.parameters.items()
        },
        "options": {name: _option(option) for name, option in rules.options.items()},
        "inputs": _inputs(rules.inputs) if rules.inputs else None,
    }


def _size(rule: SizeRule | None) -> "schemas.Size | None":
    if rule is None:
        return None
    flexible = rule.flexible
    return {
        "auto": rule.auto,
        "fixed": list(rule.listed),
        "flexible": {
            "multiple_of": flexible.multiple_of,
            "max_edge": flexible.max_edge,
            "max_ratio": flexible.max_ratio,
            "min_pixels": flexible.min_pixels,
            "max_pixels": flexible.max_pixels,
        }
        if flexible
        else None,
    }


def _parameter(parameter: Parameter, preview: tuple[str, ...]) -> "schemas.Parameter":
    return {
        "values": list(parameter.values) or None,
        "min": parameter.min,
        "max": parameter.max,
        "preview": list(preview),
        "operations": list(parameter.operations),
    }


def _option(option: Option) -> "schemas.Option":
    is_text = option.kind == "text"
    return {
        "type": option.kind,
        "about": option.about,
        "required": option.required,
        "values": list(option.values) or None,
        "max_length": option.max_length if is_text else None,
        "min": None if is_text else option.min,
        "max": None if is_text else option.max,
        "operations": list(option.operations),
    }


def _inputs(inputs: Inputs) -> "schemas.Inputs":
    return {
        "min_count": inputs.min_count,
        "max_count": inputs.max_count,
        "roles": list(inputs.roles),
        "max_bytes": inputs.max_bytes - 1,
        "formats": list(inputs.formats),
        "square": inputs.square,
        "mask": inputs.mask,
        "mask_required": inputs.mask_required,
        "markup": inputs.markup,
    }


def _prices(prices: Prices) -> "schemas.Prices":
    return {
        "currency": "USD",
        "price_date": prices.as_of.isoformat(),
        "source": prices.source,
        "micro_usd_per_million_tokens": {
            "text_input": prices.text_in,
            "image_input": prices.image_in,
            "image_output": prices.image_out,
            "text_output": prices.text_out,
        }
        if prices.per_image is None
        else None,
        "micro_usd_per_image": prices.per_image,
    }


def _lifecycle(model: Model, today: date) -> "schemas.Lifecycle":
    ends = model.retired_on
    return {
        "state": model.lifecycle(today),
        "retired_on": ends.isoformat() if ends else None,
        "days_left": max(0, (ends - today).days) if ends else None,
        "successor": model.successor.model if model.successor else None,
    }
