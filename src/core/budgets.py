"""Budgets: reservations within them, refusals, what remains, and what was spent."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

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
from core.ledger.parts import LimitReached
from core.ledger.store import Control, LedgerStore
from core.metrics import measure
from core.pricing import Quote
from core.requests import Request

log = logging.getLogger(__name__)

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
_HIDDEN = (
    "is used up for now, or has too little left for this request. Nothing was bought. A lower quality or a smaller "
    "size costs less."
)
_WHEN = {"day": " for the day", "month": " for the month", "total": ""}


@dataclass(frozen=True)
class BudgetState:
    """A budget and its balance, in micro-dollars; None means unlimited. `renews_at` in Unix seconds."""

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
    """What a caller spent on a model on a UTC day; with a browser token, if that is known and there was one."""

    day: str
    caller_id: str
    model: str
    balance: Balance
    token_id: str | None = None


class Budgets:
    """Reserves money for purchases, and reports what was spent."""

    def __init__(self, ledger: LedgerStore, deployed: Budget) -> None:
        self._ledger = ledger
        self._deployed = deployed

    def reservation(self, caller: Caller, request: Request, quote: Quote, *, priced: bool) -> Movement:
        """The movement that reserves the upper bound of a request; it takes effect when its job is written.

        `priced` says whether the quote's upper bound is certain.

        Raises:
            BuyingStopped: the operator has stopped all buying.
            InvalidRequest: a budget applies and the price is not known, or the request is for more images than the key
                can buy in a minute.
        """
        # Only the balances that are measured below: the transaction checks all limits by itself.
        own = [limit for limit in self._limits(caller, Control(), request.n, time.time()) if _is_measured(limit)]
        control, balances = self._ledger.control_and_balances([limit.account for limit in own])
        _refuse_if_stopped(control)
        movement = self._opening(caller, control, request, quote, priced=priced)
        for limit in own:
            _measure_if_nearly_used(limit, balances.get(limit.account, Balance()), movement)
        return movement

    def precheck(self, caller: Caller, request: Request, quote: Quote, *, priced: bool) -> None:
        """Refuse a request whose reservation would be refused now, before it costs any work.

        The reservation itself has the last word: it can still be refused after this check.

        Raises:
            BuyingStopped: the operator has stopped all buying.
            BudgetExceeded, RateLimited: a limit has no room for the upper bound.
            InvalidRequest: as `reservation`.
        """
        accounts = [limit.account for limit in self._limits(caller, Control(), request.n, time.time())]
        control, balances = self._ledger.control_and_balances(accounts)
        _refuse_if_stopped(control)
        movement = self._opening(caller, control, request, quote, priced=priced)
        for limit in movement.limits:
            balance = balances.get(limit.account, Balance())
            if not limit.has_room(balance, movement.reserved, movement.images):
                raise self.refusal(caller, LimitReached(limit, balance), quote, movement.images)

    def _opening(self, caller: Caller, control: Control, request: Request, quote: Quote, *, priced: bool) -> Movement:
        now = time.time()
        limits = self._limits(caller, control, request.n, now)
        if not priced and any(limit.micro_usd is not None for limit in limits):
            raise InvalidRequest(
                f"A budget applies, and the most that '{request.model}' can cost with these parameters is not known. "
                "Use a model with a known price, without 'svg', or ask the operator.",
                hint=Hint.LIST_MODELS,
                param="model",
                code="price_unknown",
            )
        tally = tally_of(day_of(now), caller.id, request.model)
        accounts = (*(limit.account for limit in limits), tally)
        return opening(accounts, quote.upper_bound, request.n, limits, now)

    def refusal(self, caller: Caller, reached: LimitReached, quote: Quote, images: int) -> BudgetExceeded | RateLimited:
        """The error for a reservation for so many images, by their quote, that would pass a limit."""
        limit, now = reached.limit, time.time()
        if limit.scope == RATE:
            return RateLimited(
                f"This API key is limited to {_images(limit.images or 0)} per minute, and {reached.balance.images} of "
                "them are used up in this minute. Nothing was bought.",
                hint=Hint.SEND_AGAIN_LATER,
                retry_after=max(1, (renewal("minute", now) or 0) - int(now)),
            )
        asked, allowed = quote.upper_bound, limit.micro_usd or 0
        remaining, renews_at = max(0, allowed - reached.balance.committed), renewal(limit.period, now)
        # The operator need not know of a browser token, nor of a request whose upper bound alone was too high.
        if limit.scope != TOKEN and remaining * images < quote.expected:
            measure("BudgetRefusals", 1, limit.scope)
        if limit.scope == DEPLOYMENT and not caller.sees_deployment_budget:
            return BudgetExceeded(f"The budget of this deployment {_HIDDEN}")
        if caller.token is not None:
            if limit.scope != TOKEN:  # Visitors of a page do not learn what the operator can spend.
                return BudgetExceeded(f"The budget of the API key behind this browser token {_HIDDEN}")
            if reached.balance.attempts >= caller.token.max_attempts:
                return BudgetExceeded(
                    f"This browser token has made all of its {caller.token.max_attempts} attempts, successful or not. "
                    "Nothing was bought. The page must get a new token.",
                    code="token_used_up",
                )
            if reached.balance.images + images > caller.token.images:
                can_buy = max(0, caller.token.images - reached.balance.images)
                return BudgetExceeded(
                    f"This browser token is for {_images(caller.token.images)}, and {_images(can_buy)} can still be "
                    f"bought, but this request is for {_images(images)}. Nothing was bought. The page must get a new "
                    "token.",
                    code="token_used_up",
                )
        return BudgetExceeded(
            f"The budget of {_WHOSE[limit.scope]}{_WHEN[limit.period]} is {usd(allowed)} with {usd(remaining)} "
            f"remaining, but this request can cost up to {usd(asked)}. Nothing was bought."
            f"{_renewal_text(limit, renews_at) if asked <= allowed else ''}",
            budget=BudgetRefusal(limit.scope, limit.period, allowed, remaining, asked, renews_at),
        )

    def remaining_if_known(self, caller: Caller) -> int | None:
        """As `remaining`, but None, too, if the ledger cannot be read: no answer about a purchase fails for it."""
        try:
            return self.remaining(caller)
        except (BotoCoreError, ClientError) as error:
            log.warning("what is left of a budget is not known", extra={"error": type(error).__name__})
            return None

    def remaining(self, caller: Caller) -> int | None:
        """Micro-dollars that this caller can still commit now, by the tightest budget; None without a budget.

        Reads only balances that may have a limit: none for a key without one that does not see the deployment's.
        """
        states = self._states(caller, lambda limit: limit.micro_usd is not None or limit.scope == DEPLOYMENT)
        return min((state.remaining for state in states if state.remaining is not None), default=None)

    def measure_deployment(self) -> None:
        """Measure how much of the deployment's budgets is used and how much remains."""
        for state in self.states(None):
            if state.remaining is not None:
                measure("BudgetUsedPercent", state.used_percent, state.scope)
                measure("BudgetLeftUsd", state.remaining / 1_000_000, state.scope)

    def states(self, caller: Caller | None) -> list[BudgetState]:
        """The budgets that a caller may know: a browser token's total, or the key's day, month and total, and the
        deployment's month and day. Without a caller only the deployment's.
        """
        return self._states(caller, lambda _: True)

    def _states(self, caller: Caller | None, wanted: Callable[[Limit], bool]) -> list[BudgetState]:
        """The visible budgets that are wanted, which may depend on anything but the deployment's own limit."""
        now = time.time()
        places = [each for each in self._budgets(caller, Control(), now) if _is_visible(each, caller) and wanted(each)]
        if not places:
            return []
        control, balances = self._ledger.control_and_balances([limit.account for limit in places])
        return [
            BudgetState(
                limit.scope,
                limit.period,
                balances.get(limit.account, Balance()),
                limit.micro_usd,
                renewal(limit.period, now),
            )
            for limit in self._budgets(caller, control, now)
            if _is_visible(limit, caller) and wanted(limit)
        ]

    def by_day_and_model(self, first: date, last: date, caller_id: str | None = None) -> Iterator[Spent]:
        """What was spent from the first day to the last, both included, by one caller or by all."""
        for offset in range((last - first).days + 1):
            day = (first + timedelta(days=offset)).isoformat()
            for account, balance in self._ledger.of_owner(f"usage#{day}", f"{caller_id}#" if caller_id else ""):
                spent_by, _, model = account.name.partition("#")
                yield Spent(day, spent_by, model, balance)

    def by_token(self, first: date, last: date, caller_id: str | None = None) -> Iterator[Spent]:
        """As `by_day_and_model`, from the entries of the ledger: each of them, with the browser token that bought.

        Purchases of a day are settled on it or on the day after.
        """
        days = {(first + timedelta(days=offset)).isoformat() for offset in range((last - first).days + 1)}
        for day in sorted({*days, (last + timedelta(days=1)).isoformat()}):
            for entry in self._ledger.entries_of(day):
                counted = next(
                    (account.whole for account in entry.accounts if account.owner.startswith("usage#")), None
                )
                if counted is None or caller_id not in (None, entry.caller_id):
                    continue
                bought_on = counted.owner.removeprefix("usage#")
                if bought_on in days:
                    token = next((each.owner for each in entry.accounts if each.owner.startswith("tok_")), None)
                    balance = Balance(reserved=entry.reserved, spent=entry.spent, images=entry.images)
                    yield Spent(bought_on, entry.caller_id, entry.model, balance, token)

    def _limits(self, caller: Caller, control: Control, images: int, now: float) -> tuple[Limit, ...]:
        """The limits of a purchase of so many images: every budget, and the key's rate."""
        return (*self._budgets(caller, control, now), *_rate(caller, images, now))

    def _budgets(self, caller: Caller | None, control: Control, now: float) -> tuple[Limit, ...]:
        """The budgets of a caller and of the deployment; without a caller, only the deployment's."""
        deployment = control.budget(self._deployed)
        limits = []
        if caller and (token := caller.token):
            account = account_of(token.id, "total", now)
            limits.append(Limit(account, TOKEN, "total", token.budget_micro_usd, token.images, token.max_attempts))
        for scope, period in _PERIODS:
            if scope == DEPLOYMENT:
                limits.append(Limit(account_of(DEPLOYMENT, period, now), scope, period, deployment.of(period)))
            elif caller:
                limits.append(Limit(account_of(caller.id, period, now), scope, period, caller.budget.of(period)))
        return tuple(limits)


def _rate(caller: Caller, images: int, now: float) -> tuple[Limit, ...]:
    allowed = caller.images_per_minute
    if allowed is None:
        return ()
    if images > allowed:
        raise InvalidRequest(
            f"This API key is limited to {_images(allowed)} per minute. Request fewer at once.", param="n"
        )
    return (Limit(account_of(caller.id, "minute", now), RATE, "minute", None, allowed),)


def _is_visible(limit: Limit, caller: Caller | None) -> bool:
    """Whether a caller may know a budget. Visitors of a page do not learn what the operator can spend."""
    if caller is None:
        return True
    if caller.token is not None:
        return limit.scope == TOKEN
    return limit.scope != DEPLOYMENT or caller.sees_deployment_budget


def _is_measured(limit: Limit) -> bool:
    """Whether a metric shows how much of the limit is used, each time that a purchase reserves: a key's budget is."""
    return limit.scope == "key" and bool(limit.micro_usd)


def _measure_if_nearly_used(limit: Limit, balance: Balance, movement: Movement) -> None:
    """Measure how much of a budget is used with this reservation, from NEARLY_USED_PERCENT on."""
    if not limit.micro_usd or not limit.has_room(balance, movement.reserved, movement.images):
        return
    percent = 100.0 * (balance.committed + movement.reserved) / limit.micro_usd
    if percent >= NEARLY_USED_PERCENT:
        measure("BudgetUsedPercent", percent, limit.scope)


def _refuse_if_stopped(control: Control) -> None:
    if control.stopped_at is not None:
        raise buying_stopped(control.reason)


def buying_stopped(reason: str | None) -> BuyingStopped:
    """The error while the operator has stopped all buying."""
    why = f" ({reason})" if reason else ""
    return BuyingStopped(f"The operator of this deployment has stopped all buying{why}. Nothing was bought.")


def _renewal_text(limit: Limit, renews_at: int | None) -> str:
    """When there is more, of a budget that would do if nothing of it were used."""
    if limit.scope == TOKEN:
        return " The page must get a new token."
    if renews_at is None:
        return " It does not renew; the operator can raise it."
    return f" It renews at {datetime.fromtimestamp(renews_at, UTC):%Y-%m-%dT%H:%MZ}."


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
