"""Which models in use are about to be shut down, according to the provider's list and the catalog."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.budgets import Budgets
from core.catalog import Catalog
from core.metrics import measure
from core.providers import ImageProvider, ListUnavailable

log = logging.getLogger(__name__)

# A shutdown within so many days is worth an alarm.
WARNING_DAYS = 60
# Models bought within so many days are in use.
USED_WITHIN_DAYS = 7


@dataclass(frozen=True)
class Retiring:
    """A model in use that has a shutdown date; `days_left` until that date, negative after it."""

    model: str
    shut_down_on: date
    days_left: int
    successor: str | None


class ModelCheck:
    """Finds models in use that are about to be shut down."""

    def __init__(
        self,
        catalog: Catalog,
        budgets: Budgets,
        provider: Callable[[str], ImageProvider],
        default_model: str,
    ) -> None:
        self._catalog = catalog
        self._budgets = budgets
        self._provider = provider
        self._default_model = default_model

    def check(self) -> list[Retiring]:
        """Every model in use with a shutdown date, the earliest first; measured, and logged if the date is near."""
        today = datetime.now(UTC).date()
        used = self._used(today)
        announced = self._announced(used)
        ends = [end for name in used if (end := self._end(name, announced.get(name), today))]
        ends.sort(key=lambda end: end.shut_down_on)
        for end in ends:
            measure("ModelDaysLeft", end.days_left, end.model)
            log.info("model has a shutdown date", extra={"model": end.model, "days_left": end.days_left})
        near = [end for end in ends if end.days_left <= WARNING_DAYS]
        for end in near:
            log.warning("model is shut down soon", extra={"model": end.model, "successor": end.successor})
        measure("RetiringModels", len(near))
        return ends

    def _used(self, today: date) -> set[str]:
        spent = self._budgets.by_day_and_model(today - timedelta(days=USED_WITHIN_DAYS), today)
        return {self._default_model, *(each.model for each in spent)}

    def _announced(self, used: set[str]) -> dict[str, date]:
        """The dates that the providers of these models announce; none for a provider that does not answer."""
        models = [model for name in sorted(used) if (model := self._catalog.find(name))]
        found: dict[str, date] = {}
        for name in sorted({model.provider for model in models}):
            try:
                dates = self._provider(name).models()
                found |= {
                    each.name: day for each in models if each.provider == name and (day := dates.get(each.sent_as))
                }
            except ListUnavailable as error:
                log.error("the provider's list of models cannot be read", extra={"provider": name, "why": str(error)})
        return found

    def _end(self, name: str, announced: date | None, today: date) -> Retiring | None:
        model = self._catalog.find(name)
        known = model.retired_on if model else None
        if announced and announced != known:
            log.warning("the catalog has another date", extra={"model": name, "announced": announced.isoformat()})
        shut_down_on = min((day for day in (announced, known) if day), default=None)
        if shut_down_on is None:
            return None
        successor = model.successor.model if model and model.successor else None
        return Retiring(name, shut_down_on, (shut_down_on - today).days, successor)
