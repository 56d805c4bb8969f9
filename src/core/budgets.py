"""What may be spent, and what was: reservations within the budgets, refusals, what is left, and the report of a key."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.callers.model import Caller
from core.errors import BudgetExceeded, BudgetRefusal, BuyingStopped, InvalidRequest, RateLimited
from core.ledger.dollars import usd
from core.ledger.model import (
    DEPLOYMENT,
    Balance,
    Bound,
    Budget,
    Movement,
    Period,
    account_of,
    day_of,
    opening,
    renewal,
    tally_of,
)
from core.ledger.store import BoundReached, Control, LedgerStore
from core.metrics import measure
from core.pricing import Quote
from core.requests import Request

RATE = "rate"
TOKEN = "token"  # noqa: S105 - the scope of a budget
# The longest lasting first: where several are used up, that is the one worth telling.
_PERIODS: tuple[tuple[str, Period], ...] = (
    ("key", "total"),
    ("key", "month"),
    (DEPLOYMENT, "month"),
    ("key", "day"),
    (DEPLOYMENT, "day"),
)
# From here on a key's budget is measured, whenever one of its calls is answered.
NEARLY_USED_PERCENT = 80.0
_WHOSE = {"key": "this API key", DEPLOYMENT: "this deployment", TOKEN: "this browser token"}
_WHEN = {"day": " for the day", "month": " for the month", "total": ""}


@dataclass(frozen=True)
class BudgetState:
    """A budget and what it holds, in micro-dollars; without a `limit` all is left. `renews_at` in Unix seconds."""

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
    def left(self) -> int | None:
        """What may still be committed; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.balance.committed)


@dataclass(frozen=True)
class Spent:
    """What a key spent on a model on a UTC day."""

    day: str
    caller_id: str
    model: str
    balance: Balance


class Spending:
    """Reserves money for purchases and tells what was spent."""

    def __init__(self, ledger: LedgerStore, deployed: Budget, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._deployed = deployed
        self._clock = clock

    def reservation(self, caller: Caller, request: Request, quote: Quote, *, priced: bool) -> Movement:
        """The movement that reserves the upper bound of a request; it takes effect when its job is written.

        `priced` tells whether the quote's upper bound is certain.

        Raises:
            InvalidRequest: nobody can say what the request may cost, and a budget has to hold; or it is for more images
                than the key may buy in a minute.
        """
        return self._opening(caller, self._ledger.control(), request, quote, priced=priced)

    def precheck(self, caller: Caller, request: Request, quote: Quote, *, priced: bool) -> None:
        """Refuse what a reservation would be refused for at this moment, before a request costs any work.

        The reservation itself decides: what passes here may be refused there.

        Raises:
            BuyingStopped: the operator has stopped all buying.
            BudgetExceeded, RateLimited: a limit has no room for the upper bound.
            InvalidRequest: as `reservation`.
        """
        accounts = [bound.account for bound in self._bounds(caller, Control(), request.n, self._clock())]
        control, balances = self._ledger.control_and_balances(accounts)
        if control.stopped_at is not None:
            raise buying_stopped(control.reason)
        movement = self._opening(caller, control, request, quote, priced=priced)
        for bound in movement.bounds:
            balance = balances.get(bound.account, Balance())
            if not bound.has_room(balance, movement.reserved, movement.images):
                raise self.refusal(caller, BoundReached(bound, balance), movement.reserved, movement.images)

    def _opening(self, caller: Caller, control: Control, request: Request, quote: Quote, *, priced: bool) -> Movement:
        now = self._clock()
        bounds = self._bounds(caller, control, request.n, now)
        if not priced and any(bound.micro_usd is not None for bound in bounds):
            raise InvalidRequest(
                f"A budget applies here, and Easel does not know what '{request.model}' with these parameters may "
                "cost. Name a model that GET /v1/models lists, without 'svg'; or ask the operator.",
                param="model",
                code="price_unknown",
            )
        tally = tally_of(day_of(now), caller.id, request.model)
        accounts = (*(bound.account for bound in bounds), tally)
        return opening(accounts, quote.upper_bound, request.n, bounds, now)

    def refusal(self, caller: Caller, reached: BoundReached, asked: int, images: int) -> BudgetExceeded | RateLimited:
        """The error for a reservation of that many micro-dollars, for so many images, that would pass a bound."""
        bound, now = reached.bound, self._clock()
        if bound.scope == RATE:
            return RateLimited(
                f"This API key may buy {_images(bound.images or 0)} a minute, and {reached.balance.images} of them are "
                "taken in this one. Nothing was bought; send the request again after Retry-After.",
                retry_after=max(1, (renewal("minute", now) or 0) - int(now)),
            )
        measure("BudgetRefusals", 1, bound.scope)
        if caller.token is not None:
            if bound.scope != TOKEN:  # How much the operator has left is not for visitors of a page.
                return BudgetExceeded(
                    "What may be spent with the API key of this browser token is used up for now. Nothing was bought."
                )
            if reached.balance.images + images > caller.token.images:
                left = max(0, caller.token.images - reached.balance.images)
                return BudgetExceeded(
                    f"This browser token is for {_images(caller.token.images)} and {left} of them "
                    f"{'is' if left == 1 else 'are'} left, but this request is for {_images(images)}. Nothing was "
                    "bought. The page has to get a new token.",
                    code="token_used_up",
                )
        limit = bound.micro_usd or 0
        left, renews_at = max(0, limit - reached.balance.committed), renewal(bound.period, now)
        renews = (
            f"It renews at {datetime.fromtimestamp(renews_at, UTC):%Y-%m-%dT%H:%MZ}."
            if renews_at
            else "It does not renew; the operator can raise it."
            if bound.scope != TOKEN
            else "The page has to get a new token."
        )
        return BudgetExceeded(
            f"The budget of {_WHOSE[bound.scope]}{_WHEN[bound.period]} is {usd(limit)} and {usd(left)} of it is left, "
            f"but this request may cost up to {usd(asked)}. Nothing was bought. {renews}",
            budget=BudgetRefusal(bound.scope, bound.period, limit, left, asked, renews_at),
        )

    def left(self, caller: Caller) -> int | None:
        """Micro-dollars that this caller can still commit now, by the tightest budget; None if there is none."""
        states = self.states(caller)
        for state in states:
            if state.scope == "key" and state.used_percent >= NEARLY_USED_PERCENT:
                measure("BudgetUsedPercent", state.used_percent, state.scope)
        if caller.token is not None:  # What the operator has left is not for visitors of a page.
            states = [state for state in states if state.scope == TOKEN]
        return min((state.left for state in states if state.left is not None), default=None)

    def measure_deployment(self) -> None:
        """Measure how much of the deployment's budgets is used and left, where there are any."""
        for state in self._states(None):
            if state.left is not None:
                measure("BudgetUsedPercent", state.used_percent, state.scope)
                measure("BudgetLeftUsd", state.left / 1_000_000, state.scope)

    def states(self, caller: Caller) -> list[BudgetState]:
        """A browser token's total, the key's day, month and total, and the deployment's month and day."""
        return self._states(caller)

    def _states(self, caller: Caller | None) -> list[BudgetState]:
        now = self._clock()
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
        """What was spent from day to day, both included, by one caller or by all."""
        for offset in range((last - first).days + 1):
            day = (first + timedelta(days=offset)).isoformat()
            for account, balance in self._ledger.of_owner(f"usage#{day}", f"{caller_id}#" if caller_id else ""):
                spender, _, model = account.name.partition("#")
                yield Spent(day, spender, model, balance)

    def _bounds(self, caller: Caller, control: Control, images: int, now: float) -> tuple[Bound, ...]:
        """What a purchase of so many images must keep: every budget, and the key's rate."""
        return (*self._budgets(caller, control, now), *_rate(caller, images, now))

    def _budgets(self, caller: Caller | None, control: Control, now: float) -> tuple[Bound, ...]:
        """The budgets of a caller and of the deployment; without a caller only the latter."""
        deployment = control.budget(self._deployed)
        bounds = []
        if caller and (token := caller.token):
            account = account_of(token.id, "total", now)
            bounds.append(Bound(account, TOKEN, "total", token.budget_micro_usd, token.images))
        for scope, period in _PERIODS:
            if scope == DEPLOYMENT:
                bounds.append(Bound(account_of(DEPLOYMENT, period, now), scope, period, deployment.of(period)))
            elif caller:
                bounds.append(Bound(account_of(caller.id, period, now), scope, period, caller.budget.of(period)))
        return tuple(bounds)


def _rate(caller: Caller, images: int, now: float) -> tuple[Bound, ...]:
    most = caller.images_per_minute
    if most is None:
        return ()
    if images > most:
        raise InvalidRequest(f"This API key may buy {_images(most)} a minute. Ask for fewer at once.", param="n")
    return (Bound(account_of(caller.id, "minute", now), RATE, "minute", None, most),)


def buying_stopped(reason: str | None) -> BuyingStopped:
    """The error while the operator's switch is off."""
    why = f" ({reason})" if reason else ""
    return BuyingStopped(f"The operator of this deployment has stopped all buying{why}. Nothing was bought.")


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
