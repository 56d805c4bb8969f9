"""From raw fields to an Order: model, names, presence, types and values, images, combinations."""

from datetime import date
from typing import Any

from local.simulator import errors
from local.simulator.bodies import Fields
from local.simulator.catalog import (
    EDIT_IMAGES_MAX,
    PARAMETERS,
    SVG_EFFORTS,
    VERSIONS,
    Endpoint,
    Family,
    Parameter,
)
from local.simulator.combinations import first_conflict
from local.simulator.inputs import Source, open_images, open_markup, open_mask
from local.simulator.order import Order


def take_order(endpoint: Endpoint, fields: Fields, today: date, *, serve_retired: bool) -> Order:
    """Validate a request against its model's rules; raises ApiError for the first one broken."""
    model, family = _find_model(endpoint, fields.values, today, serve_retired)
    names = family.parameters(endpoint)
    for name in fields.values:
        if name not in names or name == fields.foreign_image_name:
            raise errors.unknown(name)
    for name in ("prompt", fields.image_name) if endpoint == "edits" else ("prompt",):
        if name not in fields.values:
            raise errors.missing(name)
    for name, value in fields.values.items():
        _check_value(name, PARAMETERS[name], value)
    _check_prompt(fields.values["prompt"], family.prompt_max)
    if (error := errors.out_of_range("n", fields.values.get("n", 1), 1, family.n_max)) is not None:
        raise error
    if "svg" in fields.values:
        _check_svg(fields.values["svg"])

    plain = {
        name: value
        for name, value in fields.values.items()
        if PARAMETERS[name].kind not in ("images", "image") and name != "model"
    }
    pictures = _open_pictures(fields, family) if endpoint == "edits" else {}
    order = Order(endpoint=endpoint, model=model, family=family, **plain, **pictures)
    if (error := first_conflict(order)) is not None:
        raise error
    return order


def _find_model(endpoint: Endpoint, values: dict[str, Any], today: date, serve_retired: bool) -> tuple[str, Family]:
    if "model" not in values:
        raise errors.missing("model")
    model = values["model"]
    if not isinstance(model, str):
        raise errors.wrong_type("model", "string", model)
    if model not in VERSIONS:
        raise errors.model_not_found(model[:100])
    version, family = VERSIONS[model]
    if version.retired(today) and not serve_retired:
        raise errors.model_not_found(model, retired=True)
    if not family.parameters(endpoint):
        able = [
            name
            for name, (other, its_family) in VERSIONS.items()
            if its_family.parameters(endpoint) and (serve_retired or not other.retired(today))
        ]
        raise errors.unsupported_value("model", model, able)
    return model, family


def _check_value(name: str, parameter: Parameter, value: Any) -> None:
    match parameter.kind:
        case "string":
            if not isinstance(value, str):
                raise errors.wrong_type(name, "string", value)
            if parameter.values and value not in parameter.values:
                raise errors.unsupported_value(name, value, parameter.values)
        case "integer":
            if not isinstance(value, int) or isinstance(value, bool):
                raise errors.wrong_type(name, "integer", value)
            error = errors.out_of_range(name, value, parameter.low, parameter.high)
            if error is not None:
                raise error
        case "boolean":
            if not isinstance(value, bool):
                raise errors.wrong_type(name, "boolean", value)
        case "object":
            if not isinstance(value, dict):
                raise errors.wrong_type(name, "object", value)
        case "images":
            if not value:
                raise errors.empty(name, "array")
            if len(value) > EDIT_IMAGES_MAX:
                raise errors.too_long(name, "array", EDIT_IMAGES_MAX, len(value))
        case "image":
            pass


def _check_prompt(prompt: str, limit: int) -> None:
    if not prompt:
        raise errors.empty("prompt", "string")
    if len(prompt) > limit:
        raise errors.too_long("prompt", "string", limit, len(prompt))


def _check_svg(svg: dict[str, Any]) -> None:
    _check_keys("svg", svg, ("model", "reasoning"))
    if "model" in svg:
        if not isinstance(svg["model"], str):
            raise errors.wrong_type("svg.model", "string", svg["model"])
        if not svg["model"]:
            raise errors.empty("svg.model", "string")
    reasoning = svg.get("reasoning", {})
    if not isinstance(reasoning, dict):
        raise errors.wrong_type("svg.reasoning", "object", reasoning)
    _check_keys("svg.reasoning", reasoning, ("effort",))
    effort = reasoning.get("effort", "none")
    if not isinstance(effort, str):
        raise errors.wrong_type("svg.reasoning.effort", "string", effort)
    if effort not in SVG_EFFORTS:
        raise errors.unsupported_value("svg.reasoning.effort", effort, SVG_EFFORTS)


def _check_keys(where: str, value: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in value:
        if key not in known:
            raise errors.unknown(f"{where}.{key}")


def _open_pictures(fields: Fields, family: Family) -> dict[str, Any]:
    sources: list[Source] = fields.values[fields.image_name]
    if family.dalle and len(sources) > 1:
        raise errors.too_long(fields.image_name, "array", 1, len(sources))
    pictures: dict[str, Any] = {"inputs": open_images(sources, square_png=family.dalle)}
    first = pictures["inputs"][0]
    if "mask" in fields.values:
        pictures["mask"] = open_mask(fields.values["mask"], first)
    if "markup" in fields.values:
        pictures["markup"] = open_markup(fields.values["markup"], first)
    return pictures
