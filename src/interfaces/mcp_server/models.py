"""The models as an assistant needs them: what each accepts, what it costs, and when it is shut down."""

from datetime import date
from typing import Any

from pydantic import Field

from composition.models import default_model
from composition.services import services
from core.catalog import LifecycleState, Operation
from core.responses import schemas
from core.responses.models import model_list, model_named
from interfaces.mcp_server.results import Result


class ModelInfo(Result):
    """A model."""

    name: str
    operations: list[Operation]
    """generation: generate_image. edit: edit_image."""
    lifecycle: LifecycleState
    days_left: int | None
    """Days until it is shut down; null while no date is known."""
    successor: str | None
    prompt_max: int
    """Characters."""
    n_max: int
    """Images per call."""
    sizes: list[str]
    """What `size` accepts."""
    parameters: dict[str, Any]
    """What the other arguments accept: a list of values, or a range."""
    options: dict[str, str] = Field(default_factory=dict)
    """What `options` accepts, by name."""
    input_images_max: int | None
    """How many images edit_image accepts."""
    needs: list[str] = Field(default_factory=list)
    """What edit_image needs besides one image."""
    prices: schemas.Prices


class ModelsResult(Result):
    """Models, newest first."""

    outline = ("default_model", "models")

    default_model: str
    """Used when a call names no model."""
    models: list[ModelInfo]
    retired: dict[str, str | None] = Field(default_factory=dict)
    """Retired names, each with the model that replaces it."""


def models_result(name: str | None, today: date) -> ModelsResult:
    """Every model that can be used, or the named one whatever its state.

    Raises:
        ModelNotFound: there is no model of that name.
    """
    catalog = services().catalog
    rows = [model_named(name, catalog, today)] if name else model_list(catalog, today)["data"]
    available = [model for model in rows if name or model["lifecycle"]["state"] != "retired"]
    return ModelsResult(
        default_model=default_model(),
        models=[_info(model) for model in available],
        retired={model["id"]: model["lifecycle"]["successor"] for model in rows if model not in available},
    )


def _info(model: "schemas.Model") -> ModelInfo:
    able, life = model["capabilities"], model["lifecycle"]
    return ModelInfo(
        name=model["id"],
        operations=able["operations"],
        lifecycle=life["state"],
        days_left=life["days_left"],
        successor=life["successor"],
        prompt_max=able["prompt_max"],
        n_max=able["n_max"],
        sizes=_sizes(able["size"]) if able["size"] else [],
        parameters={name: _values(parameter) for name, parameter in able["parameters"].items()},
        options={name: _option(option) for name, option in able["options"].items()},
        input_images_max=able["inputs"]["max_count"] if able["inputs"] else None,
        needs=_needs(able["inputs"]) if able["inputs"] else [],
        prices=model["prices"],
    )


def _sizes(size: "schemas.Size") -> list[str]:
    sizes = [*size["fixed"], *(["auto"] if size["auto"] else [])]
    if bounds := size["flexible"]:
        sizes.append(
            f"any WIDTHxHEIGHT: multiples of {bounds['multiple_of']}, edges up to {bounds['max_edge']}, ratio up to "
            f"{bounds['max_ratio']}:1, {bounds['min_pixels']} to {bounds['max_pixels']} pixels"
        )
    return sizes


def _values(parameter: "schemas.Parameter") -> Any:
    if parameter["values"]:
        return parameter["values"]
    return f"{parameter['min']} to {parameter['max']}" if parameter["min"] is not None else "an object"


def _option(option: "schemas.Option") -> str:
    if option["type"] == "text":
        accepts = " | ".join(option["values"] or ()) or "text"
    else:
        accepts = f"{option['min']:g} to {option['max']:.10g}"
    return f"{option['about']} ({accepts}{', required' if option['required'] else ''})"


def _needs(inputs: "schemas.Inputs") -> list[str]:
    return [*inputs["roles"], *(["a mask"] if inputs["mask_required"] else [])]
