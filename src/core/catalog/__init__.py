"""The models that Easel knows, as data: what each accepts and costs, its lifecycle, and its successor.

The data is in models.json; the classes here are its schema, and it is validated when it is loaded. A model is added by
changing only the data.
"""

import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# The name of any model, known or not: it goes to the provider, into the ledger and to terminals.
MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")

Operation = Literal["generation", "edit"]
LifecycleState = Literal["live", "retiring", "retired"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FlexibleSize(_Row):
    """Any WIDTHxHEIGHT within these limits, in pixels."""

    multiple_of: int
    max_edge: int
    max_ratio: int
    min_pixels: int
    max_pixels: int


class SizeRule(_Row):
    """The sizes of a family: a fixed list, or all within flexible limits; `auto` if the model can choose."""

    fixed: tuple[str, ...] = ()
    flexible: FlexibleSize | None = None
    auto: bool = False

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if bool(self.fixed) == bool(self.flexible):
            raise ValueError("a size rule must be either fixed or flexible")
        return self


class Parameter(_Row):
    """A parameter of a family: one of `values`, an integer from `min` to `max`, or the SVG settings."""

    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    svg: bool = False
    operations: tuple[Operation, ...] = ("generation", "edit")


class Inputs(_Row):
    """The images that a family can edit. `max_bytes` is the smallest size that is too large."""

    max_count: int
    max_bytes: int
    formats: tuple[str, ...]
    square: bool = False
    mask: bool = False
    markup: bool = False


class Gif(_Row):
    """Limits of animations, in pixels of all frames together. Frames are charged by the next higher step."""

    pixel_budget: int
    pixel_floor: int
    frame_steps: tuple[int, ...]
    default_frames: int


class Prices(_Row):
    """Prices in micro-dollars, as published on `as_of`: per million tokens, or per image by quality and size."""

    as_of: date
    text_in: int = 0
    image_in: int = 0
    image_out: int = 0
    per_image: dict[str, dict[str, int]] | None = None


class OutputTokens(_Row):
    """Output tokens of an image: a grid factor for each quality, or a table by size and quality.

    `expected_factor_percent` and `upper_factor_percent` correct grids whose counts are known only roughly.
    """

    grid: dict[str, int] | None = None
    table: dict[str, dict[str, int]] | None = None
    expected_factor_percent: dict[str, int] = Field(default_factory=dict)
    upper_factor_percent: dict[str, int] = Field(default_factory=dict)


class _TokenRange(_Row):
    expected: int
    upper: int


class InputTokens(_Row):
    """Input tokens of an image."""

    per_image: _TokenRange


class Family(_Row):
    """Rules that several models share, and the name of the provider adapter for them.

    `preview` lists parameter values that the provider documents but may still refuse.
    """

    provider: str
    operations: tuple[Operation, ...]
    prompt_max: int
    n_max: int
    size: SizeRule
    parameters: dict[str, Parameter]
    prices: Prices
    inputs: Inputs | None = None
    output_tokens: OutputTokens | None = None
    input_tokens: InputTokens | None = None
    gif: Gif | None = None
    preview: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if ("edit" in self.operations) != (self.inputs is not None):
            raise ValueError("a family that edits must have inputs, and no other")
        if (self.output_tokens is None) != (self.prices.per_image is not None):
            raise ValueError("a family must be priced either by tokens or by image")
        return self


class Successor(_Row):
    """The model that replaces a retired one, and how requests are translated.

    `values` maps {parameter: {old: new}}, `defaults` has the old model's defaults for parameters that are left out, and
    `drop` names parameters that the successor does not have.
    """

    model: str
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    defaults: dict[str, str] = Field(default_factory=dict)
    drop: tuple[str, ...] = ()


class _ModelRow(_Row):
    family: str
    released: date
    retired_on: date | None = None
    successor: Successor | None = None


class Model(_Row):
    """One model with the rules of its family."""

    name: str
    family_name: str
    rules: Family
    released: date | None = None
    retired_on: date | None = None
    successor: Successor | None = None
    known: bool = True

    def lifecycle(self, today: date) -> LifecycleState:
        """The lifecycle state of the model on that day."""
        if self.retired_on is None:
            return "live"
        return "retiring" if today < self.retired_on else "retired"


class _UnknownModels(_Row):
    prefix: str
    family: str


class Catalog(_Row):
    """All families and models."""

    families: dict[str, Family]
    models: dict[str, _ModelRow]
    unknown_models: _UnknownModels

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for name, row in self.models.items():
            if row.family not in self.families:
                raise ValueError(f"{name}: no family {row.family}")
            if row.successor and row.successor.model not in self.models:
                raise ValueError(f"{name}: no successor {row.successor.model}")
        if self.unknown_models.family not in self.families:
            raise ValueError(f"no family {self.unknown_models.family}")
        return self

    def find(self, name: str) -> Model | None:
        """The model with that name; None if there is no such model.

        An unknown name that looks like a GPT Image model gets the rules of the newest family (`known` is False), so
        that new models work on their first day.
        """
        if row := self.models.get(name):
            return Model(
                name=name,
                family_name=row.family,
                rules=self.families[row.family],
                released=row.released,
                retired_on=row.retired_on,
                successor=row.successor,
            )
        if name.startswith(self.unknown_models.prefix) and MODEL_NAME.fullmatch(name):
            family = self.unknown_models.family
            return Model(name=name, family_name=family, rules=self.families[family], known=False)
        return None

    def live_models(self, today: date) -> list[str]:
        """Names of the models that are available on that day, newest first."""
        rows = sorted(self.models.items(), key=lambda item: item[1].released, reverse=True)
        return [name for name, row in rows if row.retired_on is None or today < row.retired_on]


DATA = Path(__file__).with_name("models.json")


@cache
def load() -> Catalog:
    """The catalog that is part of Easel."""
    return Catalog.model_validate_json(DATA.read_bytes())
