"""The models that Easel knows, as data: what each accepts and costs, its lifecycle, and its successor.

Each provider that Easel knows has a file of data here; schema.py says what is in it. The operator's own providers are
in a file of the deployment (operator.py). A model is added by changing only data.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from core.catalog import operator
from core.catalog.schema import (
    Family,
    FlexibleSize,
    Gif,
    Inputs,
    ModelRow,
    Operation,
    Option,
    OutputTokens,
    Parameter,
    Prices,
    ProviderRow,
    SizeRule,
    Successor,
)

__all__ = [
    "DATA",
    "Catalog",
    "Family",
    "FlexibleSize",
    "Gif",
    "Inputs",
    "LifecycleState",
    "Model",
    "Operation",
    "Option",
    "OutputTokens",
    "Parameter",
    "Prices",
    "SizeRule",
    "Successor",
    "is_model_name",
    "load",
]

LifecycleState = Literal["live", "retiring", "retired"]

DATA = Path(__file__).parent
# The name of any model, known or not, alone or after its provider's: it goes into the ledger and to terminals.
is_model_name = re.compile(r"(?:[a-z0-9][a-z0-9-]{0,31}/)?[a-z0-9][a-z0-9._-]{0,127}").fullmatch


@dataclass(frozen=True)
class Model:
    """One model with the rules of its family.

    `name` is unique in a deployment; `sent_as` is what its provider calls it.
    """

    name: str
    provider: str
    family_name: str
    rules: Family
    sent_as: str
    released: date | None = None
    retired_on: date | None = None
    successor: Successor | None = None
    known: bool = True

    def lifecycle(self, today: date) -> LifecycleState:
        """The lifecycle state of the model on that day."""
        if self.retired_on is None:
            return "live"
        return "retiring" if today < self.retired_on else "retired"


@dataclass(frozen=True)
class Catalog:
    """The providers of a deployment and their models, by name.

    A name that two providers have belongs to the first of them; the other's model is called PROVIDER/NAME.
    """

    providers: Mapping[str, ProviderRow]
    models: Mapping[str, Model]

    @classmethod
    def of(cls, providers: Mapping[str, ProviderRow]) -> Self:
        """The catalog of these providers, the first of which has first choice of names."""
        models: dict[str, Model] = {}
        for provider, row in providers.items():
            names = {name: f"{provider}/{name}" if name in models else name for name in row.models}
            models |= {names[own]: _model(provider, row, own, names) for own in row.models}
        return cls(providers, models)

    @property
    def families(self) -> dict[str, Family]:
        """All families by name; the first provider's, if two have the same name."""
        return {
            name: family for row in reversed(list(self.providers.values())) for name, family in row.families.items()
        }

    @property
    def default_model(self) -> str:
        """The model for requests that name none: the first provider's."""
        provider, row = next(iter(self.providers.items()))
        found = self.find(f"{provider}/{row.default_model}")
        assert found  # noqa: S101 - the provider's row was validated
        return found.name

    def find(self, name: str) -> Model | None:
        """The model with that name, alone or after its provider's; None if there is no such model.

        An unknown name that looks like that of a provider's models gets the rules of the newest family (`known` is
        False), so that new models work on their first day.
        """
        if model := self.models.get(name):
            return model
        if not is_model_name(name):
            return None
        provider, _, own = name.rpartition("/")
        if provider and (model := self.models.get(own)) and model.provider == provider:
            return model
        for key, row in self.providers.items():
            if provider in ("", key) and (unknown := row.unknown_models) and own.startswith(unknown.prefix):
                return Model(name, key, unknown.family, row.families[unknown.family], sent_as=own, known=False)
        return None

    def live_models(self, today: date) -> list[str]:
        """Names of the models that are available on that day, newest first."""
        live = [model for model in self.newest_first() if model.retired_on is None or today < model.retired_on]
        return [model.name for model in live]

    def newest_first(self) -> list[Model]:
        """All models, by the days of their releases."""
        return sorted(self.models.values(), key=lambda model: model.released or date.min, reverse=True)


def _model(provider: str, row: ProviderRow, own: str, names: Mapping[str, str]) -> Model:
    model: ModelRow = row.models[own]
    successor = model.successor and model.successor.model_copy(update={"model": names[model.successor.model]})
    return Model(
        name=names[own],
        provider=provider,
        family_name=model.family,
        rules=row.families[model.family],
        sent_as=model.sent_as or own,
        released=model.released,
        retired_on=model.retired_on,
        successor=successor,
    )


@cache
def load(providers: str | None = None) -> Catalog:
    """The catalog of a deployment with these providers, separated by spaces, and the operator's own.

    Without `providers`, the catalog of all providers that Easel knows, and the operator's own.

    Raises:
        FileNotFoundError: Easel knows no provider of that name.
        OperatorFileError: the operator's file is not valid.
    """
    known = _known() if providers is None else _rows(providers.split())
    return Catalog.of({**known, **operator.rows_of(operator.FILE, lambda: Catalog.of(_known()))})


@cache
def _known() -> dict[str, ProviderRow]:
    return _rows(path.stem for path in DATA.glob("*.json"))


def _rows(names: Iterable[str]) -> dict[str, ProviderRow]:
    """The data of these providers, in the order of their ranks."""
    rows = [(name, ProviderRow.model_validate_json((DATA / f"{name}.json").read_bytes())) for name in names]
    return dict(sorted(rows, key=lambda each: each[1].rank))
