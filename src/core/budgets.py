"""Budgets: reservations within them, refusals, what remains, and what was spent."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.callers.model import Caller
from core.errors import BudgetExceeded, BudgetRefusal, BuyingStopped, Hint, InvalidRequest, RateLimited
from core.ledger.dollars import usd
from core.ledger.model import (
    DEPLOYMENT,
    Balance,
    Budget,
    Limit,
    Movement,
    Period,
    account_of,
    day_of,
    opening,
    renewal,
    tally_of,
)
from core.ledger.store import Control, LedgerStore, LimitReached
from core.metrics import measure
from core.pricing import Quote
from core.requests import Request

RATE = "rate"
TOKEN = "token"  # noqa: S105 - the scope of a budget
# The longest period first: where several budgets are used up, errors name that one.
_PERIODS: tuple[tuple[str, Period], ...] = (
    ("key", "total"),
    ("key", "month"),
    (DEPLOYMENT, "month"),
    ("key", "day"),
    (DEPLOYMENT, "day"),
)
# From here on the use of a key's budget is measured.
NEARLY_USED_PERCENT = 80.0
_WHOSE = {"key": "this API key", DEPLOYMENT: "this deployment", TOKEN: "this browser token"}
_WHEN = {"day": " for the day", "month": " for the month", "total": ""}


@dataclass(frozen=True)
class BudgetState:
    """A budget and its balance, in micro-dollars; None is no limit. `renews_at` in Unix seconds."""

    scope: str
    period: Period
    balance: Balance
    limit: int | None
    renews_at: int | None

    @property
    def used_percent(self) -> float:
        """The share of the limit that is committed; 0 without a limit."""
        if self.limit is None:
            return 0.0
        return 100.0 * self.balance.committed / self.limit if self.limit else 100.0

    @property
    def remaining(self) -> int | None:
        """What can still be committed; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.balance.committed)


@dataclass(frozen=True)
class Spent:
    """What a caller spent on a model on a UTC day."""

    day: str
    caller_id: str
    model: str
    balance: Balance


class Budgets:
    """Reserves money for purchases, and reports what was spent."""

    def __init__(self, ledger: LedgerStore, deployed: Budget) -> None:
        self._ledger = ledger
        self._deployed = deployed

    def reservation(self, caller: Caller, request: Request, quote: Quote, *, priced: bool) -> Movement:
        """The movement that reserves the upper bound of a request; it takes effect when its job is written.

        `priced` says whether the quote's upper bound is certain.

        Raises:
            InvalidRequest: a budget applies and the price is not known, or the request is for more images than the key
                can buy in a minute.
        """
        return self._opening(caller, self._ledger.control(), request, quote, priced=priced)

    def precheck(self, caller: Caller, request: Request, quote: Quote, *, priced: bool) -> None:
        """Refuse a request whose reservation would be refused now, before it costs any work.

        The reservation itself has the last word: it can still be refused after this check.

        Raises:
            BuyingStopped: the operator has stopped all buying.
            BudgetExceeded, RateLimited: a limit has no room for the upper bound.
            InvalidRequest: as `reservation`.
        """
        accounts = [bound.account for bound in self._bounds(caller, Control(), request.n, time.time())]
        control, balances = self._ledger.control_and_balances(accounts)
        if control.stopped_at is not None:
            raise buying_stopped(control.reason)
        movement = self._opening(caller, control, request, quote, priced=priced)
        for bound in movement.bounds:
            balance = balances.get(bound.account, Balance())
            if not bound.has_room(balance, movement.reserved, movement.images):
                raise self.refusal(caller, LimitReached(bound, balance), movement.reserved, movement.images)

    def _opening(self, caller: Caller, control: Control, request: Request, quote: Quote, *, priced: bool) -> Movement:
        now = time.time()
        bounds = self._bounds(caller, control, request.n, now)
        if not priced and any(bound.micro_usd is not None for bound in bounds):
            raise InvalidRequest(
                f"A budget applies, and the most that '{request.model}' can cost with these parameters is not known. "
                "Use a model with a known price, without 'svg', or ask the operator.",
                hint=Hint.LIST_MODELS,
                param="model",
                code="price_unknown",
            )
        tally = tally_of(day_of(now), caller.id, request.model)
        accounts = (*(bound.account for bound in bounds), tally)
        return opening(accounts, quote.upper_bound, request.n, bounds, now)

    def refusal(self, caller: Caller, reached: LimitReached, asked: int, images: int) -> BudgetExceeded | RateLimited:
        """The error for a reservation of so many micro-dollars and images that would pass a bound."""
        bound, now = reached.bound, time.time()
        if bound.scope == RATE:
            return RateLimited(
                f"This API key is limited to {_images(bound.images or 0)} per minute, and {reached.balance.images} of "
                "them are used up in this minute. Nothing was bought.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=max(1, (renewal("minute", now) or 0) - int(now)),
            )
        measure("BudgetRefusals", 1, bound.scope)
        if caller.token is not None:
            if bound.scope != TOKEN:  # Visitors of a page do not learn what the operator can spend.
                return BudgetExceeded(
                    "The budget of the API key behind this browser token is used up for now. Nothing was bought."
                )
            if reached.balance.images + images > caller.token.images:
                remaining = max(0, caller.token.images - reached.balance.images)
                return BudgetExceeded(
                    f"This browser token is for {_images(caller.token.images)}, and {_images(remaining)} can still be "
                    f"bought, but this request is for {_images(images)}. Nothing was bought. The page must get a new "
                    "token.",
                    code="token_used_up",
                )
        limit = bound.micro_usd or 0
        remaining, renews_at = max(0, limit - reached.balance.committed), renewal(bound.period, now)
        renews = (
            f"It renews at {datetime.fromtimestamp(renews_at, UTC):%Y-%m-%dT%H:%MZ}."
            if renews_at
            else "It does not renew; the operator can raise it."
            if bound.scope != TOKEN
            else "The page must get a new token."
        )
        return BudgetExceeded(
            f"The budget of {_WHOSE[bound.scope]}{_WHEN[bound.period]} is {usd(limit)} with {usd(remaining)} "
            f"remaining, but this request can cost up to {usd(asked)}. Nothing was bought. {renews}",
            budget=BudgetRefusal(bound.scope, bound.period, limit, remaining, asked, renews_at),
        )

    def remaining(self, caller: Caller) -> int | None:
        """Micro-dollars that this caller can still commit now, by the tightest budget; None without a budget."""
        states = self.states(caller)
        if caller.token is not None:  # Visitors of a page do not learn what the operator can spend.
            states = [state for state in states if state.scope == TOKEN]
        return min((state.remaining for state in states if state.remaining is not None), default=None)

    def measure_key(self, caller: Caller) -> None:
        """Measure how much of a key's budgets is used, from NEARLY_USED_PERCENT on. Due after each reservation."""
        if caller.budget == Budget():
            return
        for state in self.states(caller):
            if state.scope == "key" and state.used_percent >= NEARLY_USED_PERCENT:
                measure("BudgetUsedPercent", state.used_percent, state.scope)

    def measure_deployment(self) -> None:
        """Measure how much of the deployment's budgets is used and how much remains."""
        for state in self.states(None):
            if state.remaining is not None:
                measure("BudgetUsedPercent", state.used_percent, state.scope)
                measure("BudgetLeftUsd", state.remaining / 1_000_000, state.scope)

    def states(self, caller: Caller | None) -> list[BudgetState]:
        """A browser token's total, the key's day, month and total, and the deployment's month and day.

        Without a caller only the deployment's.
        """
        now = time.time()
        places = self._budgets(caller, Control(), now)
        control, balances = self._ledger.control_and_balances([bound.account for bound in places])
        return [
            BudgetState(
                bound.scope,
                bound.period,
                balances.get(bound.account, Balance()),
                bound.micro_usd,
                renewal(bound.period, now),
            )
            for bound in self._budgets(caller, control, now)
        ]

    def by_day_and_model(self, first: date, last: date, caller_id: str | None = None) -> Iterator[Spent]:
        """What was spent from the first day to the last, both included, by one caller or by all."""
        for offset in range((last - first).days + 1):
            day = (first + timedelta(days=offset)).isoformat()
            for account, balance in self._ledger.of_owner(f"usage#{day}", f"{caller_id}#" if caller_id else ""):
                spent_by, _, model = account.name.partition("#")
                yield Spent(day, spent_by, model, balance)

    def _bounds(self, caller: Caller, control: Control, images: int, now: float) -> tuple[Limit, ...]:
        """The bounds of a purchase of so many images: every budget, and the key's rate."""
        return (*self._budgets(caller, control, now), *_rate(caller, images, now))

    def _budgets(self, caller: Caller | None, control: Control, now: float) -> tuple[Limit, ...]:
        """The budgets of a caller and of the deployment; without a caller, only the deployment's."""
        deployment = control.budget(self._deployed)
        bounds = []
        if caller and (token := caller.token):
            account = account_of(token.id, "total", now)
            bounds.append(Limit(account, TOKEN, "total", token.budget_micro_usd, token.images))
        for scope, period in _PERIODS:
            if scope == DEPLOYMENT:
                bounds.append(Limit(account_of(DEPLOYMENT, period, now), scope, period, deployment.of(period)))
            elif caller:
                bounds.append(Limit(account_of(caller.id, period, now), scope, period, caller.budget.of(period)))
        return tuple(bounds)


def _rate(caller: Caller, images: int, now: float) -> tuple[Limit, ...]:
    limit = caller.images_per_minute
    if limit is None:
        return ()
    if images > limit:
        raise InvalidRequest(
            f"This API key is limited to {_images(limit)} per minute. Request fewer at once.", param="n"
        )
    return (Limit(account_of(caller.id, "minute", now), RATE, "minute", None, limit),)


def buying_stopped(reason: str | None) -> BuyingStopped:
    """The error while the operator has stopped all buying."""
    why = f" ({reason})" if reason else ""
    return BuyingStopped(f"The operator of this deployment has stopped all buying{why}. Nothing was bought.")


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
