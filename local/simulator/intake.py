"""Makes an Order of raw fields: checks the model, names, presence, types, values, images and combinations."""

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
from local.simulator.inputs import open_images, open_markup, open_mask, reference, references, upright
from local.simulator.order import Order

_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "object": dict}


def take_order(endpoint: Endpoint, fields: Fields, today: date, *, serve_retired: bool) -> Order:
    """Validate a request against the rules of its model; raises ApiError for the first one that is violated."""
    model, family = _find_model(endpoint, fields.values, today, serve_retired)
    names = family.parameters(endpoint)
    for name in fields.values:
        if name not in names or name == fields.other_image_name:
            raise errors.unknown(name)
    for name in ("prompt", fields.image_name) if endpoint == "edits" else ("prompt",):
        if name not in fields.values:
            raise errors.missing(name)
    values = fields.values if fields.image_name == "image" else _with_sources(fields.values)
    for name, value in values.items():
        _check_value(name, PARAMETERS[name], value)
    _check_prompt(values["prompt"], family.prompt_max)
    if (error := errors.out_of_range("n", values.get("n", 1), 1, family.n_max)) is not None:
        raise error
    if "svg" in values:
        _check_svg(values["svg"])

    plain = {
        name: value
        for name, value in values.items()
        if PARAMETERS[name].kind not in ("images", "image") and name != "model"
    }
    images = _open_images(values, fields.image_name, family) if endpoint == "edits" else {}
    order = Order(endpoint=endpoint, model=model, family=family, **plain, **images)
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
        supported = [
            name
            for name, (other, its_family) in VERSIONS.items()
            if its_family.parameters(endpoint) and (serve_retired or not other.retired(today))
        ]
        raise errors.unsupported_value("model", model, supported)
    return model, family


def _check_value(name: str, parameter: Parameter, value: Any) -> None:
    if parameter.kind == "images":
        if not value:
            raise errors.empty(name, "array")
        if len(value) > EDIT_IMAGES_MAX:
            raise errors.too_long(name, "array", EDIT_IMAGES_MAX, len(value))
    elif parameter.kind in _TYPES:
        exact = type(value) is _TYPES[parameter.kind]  # in Python, True is an integer
        if not exact:
            raise errors.wrong_type(name, parameter.kind, value)
        if parameter.values and value not in parameter.values:
            raise errors.unsupported_value(name, value, parameter.values)
        if parameter.kind == "integer":
            error = errors.out_of_range(name, value, parameter.low, parameter.high)
            if error is not None:
                raise error


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


def _with_sources(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: reference(name, values[name]) for name in ("mask", "markup") if name in values}
    if "images" in values:
        found["images"] = references(values["images"])
    return values | found


def _open_images(values: dict[str, Any], image_name: str, family: Family) -> dict[str, Any]:
    if family.dalle and len(values[image_name]) > 1:
        raise errors.too_long(image_name, "array", 1, len(values[image_name]))
    inputs = open_images(values[image_name], square_png=family.dalle)
    images: dict[str, Any] = {"inputs": tuple(upright(image) for image in inputs)}
    if "mask" in values:
        images["mask"] = open_mask(values["mask"], inputs[0])
    if "markup" in values:
        images["markup"] = open_markup(values["markup"], inputs[0])
    return images
