"""Compares the catalog's prices and shutdown dates with LiteLLM's list: python -m local.prices ENVIRONMENT

ENVIRONMENT is where LiteLLM is installed, since the list comes with the package. Each difference is printed, and is an
error: one of the two lists is wrong, and the vendor's page says which. The page is the `source` of the catalog's row.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from core import catalog
from core.catalog import Model

LIST = "lib/python*/site-packages/litellm/model_prices_and_context_window_backup.json"

# What comes before a provider's own name of a model in the list.
_PREFIXES = {"openai": "", "gemini": "gemini/", "bedrock": ""}
_PER_TOKEN = {
    "text_in": "input_cost_per_token",
    "image_in": "input_cost_per_image_token",
    "image_out": "output_cost_per_image_token",
    "text_out": "output_cost_per_token",
    "cached.text_in": "cache_read_input_token_cost",
    "cached.image_in": "cache_read_input_image_token_cost",
    "batch.text_in": "input_cost_per_token_batches",
    "batch.image_in": "input_cost_per_image_token_batches",
    "batch.image_out": "output_cost_per_image_token_batches",
    "batch.text_out": "output_cost_per_token_batches",
}
_MICRO = Decimal(1_000_000)

# Where the list is known to be wrong, with the reason.
KNOWN = {
    ("gemini-2.5-flash-image", "cached.text_in"): "Google's page has no cached price for it (genai-prices 0.2.3)",
}


Value = int | date | str | None


@dataclass(frozen=True)
class Drift:
    """A difference: prices in micro-dollars, per image or per million tokens; None is what a list does not have."""

    model: str
    field: str
    ours: Value
    theirs: Value

    def __str__(self) -> str:
        return f"{self.model}: {self.field} is {self.ours or 'not given'} here, {self.theirs or 'not given'} there"


def drifts(models: Iterable[Model], rows: Mapping[str, Mapping[str, Any]], today: date) -> list[Drift]:
    """Every difference between these models and the list's rows.

    What the list does not say is no difference, and neither is a model that it has dropped once it was shut down.
    """
    found = []
    for model in models:
        row = rows.get(_PREFIXES[model.provider] + model.sent_as)
        if row is None:
            if model.lifecycle(today) != "retired":
                found.append(Drift(model.name, "name", model.sent_as, None))
            continue
        theirs = _theirs(row, per_image=model.rules.prices.per_image is not None)
        found += [Drift(model.name, name, _ours(model, name), value) for name, value in theirs.items()]
    return [each for each in found if each.ours != each.theirs and (each.model, each.field) not in KNOWN]


def _theirs(row: Mapping[str, Any], *, per_image: bool) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if "deprecation_date" in row:
        found["retired_on"] = date.fromisoformat(row["deprecation_date"])
    if per_image:
        return found | {"per_image": _micro_usd(row["output_cost_per_image"])}
    return found | {name: _micro_usd(row[key], _MICRO) for name, key in _PER_TOKEN.items() if key in row}


def _ours(model: Model, field: str) -> Value:
    prices = model.rules.prices
    if field == "retired_on":
        return model.retired_on
    if field == "per_image":
        return max(price for row in (prices.per_image or {}).values() for price in row.values())
    table, _, name = field.rpartition(".")
    value: int | None = getattr(getattr(prices, table) if table else prices, name, None)
    return value or None


def _micro_usd(dollars: float, units: Decimal = Decimal(1)) -> int:
    return int((Decimal(str(dollars)) * _MICRO * units).to_integral_value())


def main() -> None:
    """Print the differences; the exit code says whether there are any."""
    (path,) = Path(sys.argv[1]).glob(LIST)
    models = [model for model in catalog.load().models.values() if model.provider in _PREFIXES]
    found = drifts(models, json.loads(path.read_bytes()), datetime.now(UTC).date())
    for drift in found:
        print(drift, file=sys.stderr)
    if found:
        sys.exit(f"{len(found)} differences from LiteLLM's list; see the source of each price in src/core/catalog.")
    print(f"The prices and dates of {len(models)} models agree with LiteLLM's list.")


if __name__ == "__main__":
    main()
