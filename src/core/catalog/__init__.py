"""The models Easel knows, as data: what each accepts, what it costs, when it lives, who succeeds it.

The data is models.json; the classes here are its schema and are checked when it is loaded. Adding a model is a
change of the data alone.
"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Operation = Literal["generation", "edit"]
LifecycleState = Literal["live", "retiring", "retired"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FlexibleSize(_Row):
    """Any WIDTHxHEIGHT inside these bounds, in pixels."""

    multiple_of: int
    max_edge: int
    max_ratio: int
    min_pixels: int
    max_pixels: int


class SizeRule(_Row):
    """Which sizes a family draws: a fixed list, or all inside flexible bounds; `auto` where it may choose."""

    fixed: tuple[str, ...] = ()
    flexible: FlexibleSize | None = None
    auto: bool = False

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if bool(self.fixed) == bool(self.flexible):
            raise ValueError("a size rule is either fixed or flexible")
        return self


class Parameter(_Row):
    """A parameter that a family takes: one of `values`, a whole number from `min` to `max`, or the SVG settings."""

    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    svg: bool = False
    operations: tuple[Operation, ...] = ("generation", "edit")


class Inputs(_Row):
    """Which images a family edits. `max_bytes` is the first size that is too large."""

    max_count: int
    max_bytes: int
    formats: tuple[str, ...]
    square: bool = False
    mask: bool = False
    markup: bool = False


class Gif(_Row):
    """Bounds of animations, in pixels of all frames together; a frame count is charged as the next step up."""

    pixel_budget: int
    pixel_floor: int
    frame_steps: tuple[int, ...]
    default_frames: int


class Prices(_Row):
    """Micro-dollars as published on `as_of`: for a million tokens, or for an image by quality and size."""

    as_of: date
    text_in: int = 0
    image_in: int = 0
    image_out: int = 0
    per_image: dict[str, dict[str, int]] | None = None


class OutputTokens(_Row):
    """How many tokens an image takes: a grid factor for each quality, or a table by size and quality.

    `expected_factor_percent` and `upper_factor_percent` correct a grid whose counts are known only roughly.
    """

    grid: dict[str, int] | None = None
    table: dict[str, dict[str, int]] | None = None
    expected_factor_percent: dict[str, int] = Field(default_factory=dict)
    upper_factor_percent: dict[str, int] = Field(default_factory=dict)


class _TokenRange(_Row):
    expected: int
    upper: int


class InputTokens(_Row):
    """Tokens that an input image takes."""

    per_image: _TokenRange


class Family(_Row):
    """Rules that several models share, and the provider's adapter that sells them.

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
            raise ValueError("a family that edits says which inputs it takes")
        if (self.output_tokens is None) != (self.prices.per_image is not None):
            raise ValueError("a family is priced either by tokens or by image")
        return self


class Successor(_Row):
    """The model that takes over, and what has to change on the way.

    `values` maps {parameter: {old: new}}, `defaults` fills in what the old model did when a parameter was left out,
    `drop` names parameters that mean nothing any more.
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
        """Where the model stands on that day."""
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
        """The model of that name.

        An unknown name that looks like a GPT Image model follows the newest family's rules (`known` is False), so
        that a new model works on its first day.
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
        if name.startswith(self.unknown_models.prefix):
            family = self.unknown_models.family
            return Model(name=name, family_name=family, rules=self.families[family], known=False)
        return None

    def live_models(self, today: date) -> list[str]:
        """Names that can be bought on that day, newest first."""
        rows = sorted(self.models.items(), key=lambda item: item[1].released, reverse=True)
        return [name for name, row in rows if row.retired_on is None or today < row.retired_on]


DATA = Path(__file__).with_name("models.json")


@cache
def load() -> Catalog:
    """The catalog that ships with Easel."""
    return Catalog.model_validate_json(DATA.read_bytes())
