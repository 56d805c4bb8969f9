"""The operator's own providers: servers that speak the API of a provider that Easel knows, such as a proxy.

They are data in providers.json, beside the packages; docs/providers.md describes it.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from core.catalog.schema import Family, Inputs, ModelRow, Operation, Parameter, Prices, ProviderRow, Row, SizeRule
from core.validation import name_of, requirement

if TYPE_CHECKING:
    from core.catalog import Catalog

FILE = Path(__file__).parents[2] / "providers.json"
_RANK = 1000
# Most deployments have none, and need not build what would read them.
_NONE = b"{}"
_WHEN_READ = ConfigDict(defer_build=True)
_STREAMING = frozenset({"stream", "partial_images"})

ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]


class OperatorFileError(Exception):
    """The operator's file cannot be used; the message names each fault and what is allowed."""


class OwnModel(Row):
    """A model of the operator's provider: `like` one that Easel knows, or described here.

    What is given here replaces what `like` says. `micro_usd_per_image` is the price of each image, 0 for a server of
    the operator's own. `released` and `retired_on` are days, for the list of models and its warnings.
    """

    model_config = _WHEN_READ

    like: str | None = None
    sent_as: str | None = None
    released: date = date(2026, 1, 1)
    retired_on: date | None = None
    micro_usd_per_image: int | None = Field(default=None, ge=0)
    prices: Prices | None = None
    sizes: tuple[Annotated[str, Field(pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$")], ...] = ()
    prompt_max: int = Field(default=32_000, ge=1)
    n_max: int = Field(default=1, ge=1, le=10)
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    inputs: Inputs | None = None

    def family(self, known: "Callable[[], Catalog]") -> Family:
        """Its rules.

        Raises:
            ValueError: there is no model that it is like, or neither `like` nor sizes and a price are given.
        """
        if self.like is not None:
            model = known().find(self.like)
            if model is None or not model.known:
                raise ValueError(f"like: Easel knows no model '{self.like}'")
            return Family.model_validate(model.rules.model_copy(update=self._changes(model.rules)).model_dump())
        prices = self._prices()
        if prices is None or prices.per_image is None or not self.sizes:
            raise ValueError("a model needs 'like', or 'sizes' and 'micro_usd_per_image'")
        return Family(
            operations=self._operations(),
            prompt_max=self.prompt_max,
            n_max=self.n_max,
            size=SizeRule(fixed=self.sizes),
            parameters=self.parameters,
            prices=prices,
            inputs=self.inputs,
        )

    def _changes(self, rules: Family) -> dict[str, Any]:
        """What is given here instead of these rules."""
        given = self.model_fields_set
        changes: dict[str, Any] = {
            name: getattr(self, name) for name in ("prompt_max", "n_max", "parameters") if name in given
        }
        if "inputs" in given:
            changes |= {"inputs": self.inputs, "operations": self._operations()}
        if self.sizes:
            if rules.size and rules.size.ratios:
                raise ValueError(f"sizes: those of '{self.like}' are ratios, and cannot be others")
            changes["size"] = SizeRule(fixed=self.sizes)
        if prices := self._prices():
            changes |= {"prices": prices}
            changes |= {"output_tokens": None, "input_tokens": None} if prices.per_image else {}
        return changes

    def _operations(self) -> tuple[Operation, ...]:
        return ("generation", "edit") if self.inputs else ("generation",)

    def _prices(self) -> Prices | None:
        if self.prices is not None or self.micro_usd_per_image is None:
            return self.prices
        per_image = {"any": {"any": self.micro_usd_per_image}}
        return Prices(as_of=self.released, source="the operator", per_image=per_image)


class OwnProvider(Row):
    """A provider of the operator's. `adapter` is the provider whose API it speaks.

    `base_url` may be http only on the function's own machine. Without `secret_arn` it is called without a key.
    `key_header` is where the key goes, if not where the adapter puts it. `leave_out` names parameters that the server
    does not know; one that does not know `stream` sends no partial images.
    """

    model_config = _WHEN_READ

    adapter: str
    base_url: str
    secret_arn: str = ""
    key_header: str = ""
    organization: str = ""
    leave_out: tuple[str, ...] = ()
    default_model: str | None = None
    models: dict[ModelName, OwnModel] = Field(min_length=1)

    def row(self, known: "Callable[[], Catalog]") -> ProviderRow:
        """What the catalog holds of it. Raises ValueError as OwnModel.family does, and ProviderRow."""
        families = {name: self._family(name, model, known) for name, model in self.models.items()}
        rows = {
            name: ModelRow(family=name, released=model.released, sent_as=model.sent_as, retired_on=model.retired_on)
            for name, model in self.models.items()
        }
        return ProviderRow(
            adapter=self.adapter,
            rank=_RANK,
            default_model=self.default_model or next(iter(rows)),
            families=families,
            models=rows,
        )

    def _family(self, name: str, model: OwnModel, known: "Callable[[], Catalog]") -> Family:
        try:
            family = model.family(known)
        except ValidationError as error:
            raise ValueError(f"models.{name}: {_faults(error)}") from None
        except ValueError as error:
            raise ValueError(f"models.{name}: {error}") from None
        adapters = known().providers[self.adapter].families.values()
        if not family.details and all(each.details for each in adapters):
            raise ValueError(f"models.{name}: like: must be a model of {self.adapter}, whose API needs more details")
        if _STREAMING.isdisjoint(self.leave_out):
            return family
        parameters = {name: rule for name, rule in family.parameters.items() if name != "partial_images"}
        return family.model_copy(update={"parameters": parameters})

    def settings(self) -> dict[str, str]:
        """Its connection, by the names that settings have in the environment."""
        return {
            "SECRET_ARN": self.secret_arn,
            "BASE_URL": self.base_url,
            "KEY_HEADER": self.key_header,
            "ORGANIZATION": self.organization,
            "LEAVE_OUT": " ".join(self.leave_out),
        }


_file = TypeAdapter(dict[ProviderName, OwnProvider], config=_WHEN_READ)


def own_providers(path: Path | None = None) -> dict[str, OwnProvider]:
    """The operator's providers, from the deployment's file unless another is given.

    Raises:
        OperatorFileError: the file is not valid.
    """
    path = path or FILE
    text = path.read_bytes()
    if text.strip() == _NONE:
        return {}
    try:
        return _file.validate_json(text)
    except ValidationError as error:
        raise OperatorFileError(f"{path.name} is not valid: {_faults(error)}") from None


def rows_of(path: Path, known: "Callable[[], Catalog]") -> dict[str, ProviderRow]:
    """What the catalog holds of the operator's providers; `known` gives all that Easel knows itself.

    Raises:
        OperatorFileError: the file is not valid.
    """
    rows = {}
    for name, provider in own_providers(path).items():
        try:
            if name in known().providers:
                raise ValueError("this is the name of a provider that Easel knows; choose another")
            if provider.adapter not in known().providers:
                raise ValueError(f"adapter: must be one of {', '.join(known().providers)}")
            rows[name] = provider.row(known)
        except ValidationError as error:
            raise OperatorFileError(f"{path.name} is not valid: {name}: {_faults(error)}") from None
        except ValueError as error:
            raise OperatorFileError(f"{path.name} is not valid: {name}: {error}") from None
    return rows


def _faults(error: ValidationError) -> str:
    """Each fault with the name of its field."""
    faults = error.errors(include_input=False)
    return "; ".join(": ".join(filter(None, (name_of(each), _said(each)))) for each in faults)


def _said(fault: ErrorDetails) -> str:
    return f"it is not JSON ({fault['ctx']['error']})" if fault["type"] == "json_invalid" else requirement(fault)
