"""The models as an assistant needs them: what each takes, what it costs, and how long it lives."""

from datetime import date
from typing import Any

from pydantic import Field

from composition.services import doors
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
    """Until it is shut down; null while no day is known."""
    successor: str | None
    prompt_max: int
    """Characters."""
    n_max: int
    """Pictures of one call."""
    sizes: list[str]
    """What `size` takes."""
    parameters: dict[str, Any]
    """What the other arguments take: a list of values, or a range."""
    input_images_max: int | None
    """How many pictures edit_image takes."""
    prices: schemas.Prices


class ModelsResult(Result):
    """Models, newest first."""

    default_model: str
    """What runs when a call names none."""
    models: list[ModelInfo]
    retired: dict[str, str | None] = Field(default_factory=dict)
    """Names that are gone, with the model that takes over."""


def models_result(name: str | None, today: date) -> ModelsResult:
    """Every model that can be bought, or one of any state.

    Raises:
        ModelNotFound: there is none of that name.
    """
    catalog = doors().catalog
    every = [model_named(name, catalog, today)] if name else model_list(catalog, today)["data"]
    living = [model for model in every if name or model["lifecycle"]["state"] != "retired"]
    return ModelsResult(
        default_model=doors().settings.default_model,
        models=[_info(model) for model in living],
        retired={model["id"]: model["lifecycle"]["successor"] for model in every if model not in living},
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
        sizes=_sizes(able["size"]),
        parameters={name: _values(parameter) for name, parameter in able["parameters"].items()},
        input_images_max=able["inputs"]["max_count"] if able["inputs"] else None,
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
