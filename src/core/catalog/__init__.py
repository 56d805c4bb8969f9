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
    """A parameter that a family takes: one of `values`, or a whole number from `min` to `max`."""

    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None


class Prices(_Row):
    """Micro-dollars for a million tokens, as published on `as_of`."""

    as_of: date
    text_in: int
    image_in: int
    image_out: int


class Family(_Row):
    """Rules that several models share."""

    operations: tuple[Operation, ...]
    prompt_max: int
    n_max: int
    size: SizeRule
    parameters: dict[str, Parameter]
    prices: Prices


class Successor(_Row):
    """The model that takes over, and the values that have to change on the way: {parameter: {old: new}}."""

    model: str
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
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


@cache
def load() -> Catalog:
    """The catalog that ships with Easel."""
    return Catalog.model_validate_json(Path(__file__).with_name("models.json").read_bytes())
