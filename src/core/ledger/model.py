"""What is reserved and spent, in whole micro-dollars: accounts, the movements between them, and their limits.

A purchase moves money in several accounts at once: its key's day, month and total, the deployment's day and month, and
a tally by day, key and model for reports. Days and months are in UTC. What a limit caps is `committed`, which is
`reserved` + `spent`.

    reserve   hold the most that the purchase can cost, before anything is bought
    settle    replace it by the actual cost
    release   free it, since nothing was bought
    resolve   replace it by what an operator found out about a purchase of unknown outcome
"""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

MovementKind = Literal["reserve", "settle", "release", "resolve", "move_out", "move_in"]
Period = Literal["minute", "day", "month", "total"]

PERIODS: tuple[Period, ...] = ("day", "month", "total")

DEPLOYMENT = "deployment"


@dataclass(frozen=True)
class Budget:
    """Limits in micro-dollars for a UTC day, a UTC month, and in total; None means unlimited."""

    day: int | None = None
    month: int | None = None
    total: int | None = None

    def of(self, period: Period) -> int | None:
        """The limit for a period."""
        return {"day": self.day, "month": self.month, "total": self.total}[period]


@dataclass(frozen=True)
class Account:
    """Where amounts add up. `owner` is a key, a browser token or the deployment; `name` tells their accounts apart.

    One in which many book at once has parts (see ledger.parts), each an account like it: `deployment/7` has a part of
    the deployment's.
    """

    owner: str
    name: str

    def part(self, number: int) -> "Account":
        """One of its parts."""
        return Account(f"{self.owner}/{number}", self.name)

    @property
    def whole(self) -> "Account":
        """The account that this is a part of, or itself."""
        return Account(self.owner.partition("/")[0], self.name)

    @property
    def may_have_parts(self) -> bool:
        """Not where images or attempts are limited, nor in a part."""
        return not self.owner.startswith("tok_") and not self.name.startswith("minute#") and self == self.whole


@dataclass(frozen=True)
class Balance:
    """The balance of an account in micro-dollars; `images` counts those bought or reserved.

    `attempts` counts reservations, where a limit applies to them. No entry of the ledger adds to it, and none frees it.
    """

    reserved: int = 0
    spent: int = 0
    images: int = 0
    committed: int = 0
    attempts: int = field(default=0, compare=False)

    def plus(self, reserved: int, spent: int, images: int) -> "Balance":
        """The balance after a movement."""
        return Balance(
            self.reserved + reserved, self.spent + spent, self.images + images, self.committed + reserved + spent
        )


@dataclass(frozen=True)
class Limit:
    """The most that can be committed to an account, in micro-dollars and in `images`; None means unlimited.

    `attempts` limits how often anything can be reserved at all, whatever became of it.
    `scope` says in errors whose budget it is: "key", "deployment" or "token".
    """

    account: Account
    scope: str
    period: Period
    micro_usd: int | None
    images: int | None = None
    attempts: int | None = None

    def has_room(self, balance: Balance, micro_usd: int, images: int) -> bool:
        """Whether an account with that balance has room for so much more."""
        return (
            (self.micro_usd is None or balance.committed + micro_usd <= self.micro_usd)
            and (self.images is None or balance.images + images <= self.images)
            and (self.attempts is None or balance.attempts < self.attempts)
        )


@dataclass(frozen=True)
class Reservation:
    """What a job holds in the ledger. Later movements go to the same accounts, even after midnight.

    All entries are filed under `day`, the day of the reservation. `reserved` and `spent` (micro-dollars) and `images`
    are what the job has in each account now, after so many `movements`.
    """

    id: str
    day: str
    accounts: tuple[Account, ...]
    reserved: int
    spent: int
    images: int
    movements: int


@dataclass(frozen=True)
class Movement:
    """A change to every account of a reservation, or only to its `accounts`, booked once. The amounts are differences.

    `limits` are those that a new reservation must not pass.
    """

    kind: MovementKind
    reservation: Reservation
    reserved: int
    spent: int
    images: int
    at: int
    limits: tuple[Limit, ...] = ()
    accounts: tuple[Account, ...] = ()

    @property
    def changed_accounts(self) -> tuple[Account, ...]:
        """The accounts that it changes."""
        return self.accounts or self.reservation.accounts


@dataclass(frozen=True)
class Entry:
    """A booked movement."""

    kind: MovementKind
    job_id: str
    reservation_id: str
    caller_id: str
    model: str
    reserved: int
    spent: int
    images: int
    booked_at: int
    accounts: tuple[Account, ...]


def opening(accounts: tuple[Account, ...], amount: int, images: int, limits: tuple[Limit, ...], now: float) -> Movement:
    """The movement that reserves an amount (micro-dollars) for a new purchase of that many images."""
    reservation = Reservation(secrets.token_hex(8), day_of(now), accounts, amount, 0, images, 1)
    return Movement("reserve", reservation, amount, 0, images, int(now), limits)


def closing(kind: MovementKind, held: Reservation, *, spent: int, images: int, now: int) -> Movement:
    """The movement after which nothing is reserved, and exactly so much is spent for so many images.

    It can follow another closing movement: a late answer corrects what was assumed about the purchase before.
    """
    after = Reservation(held.id, held.day, held.accounts, 0, spent, images, held.movements + 1)
    return Movement(kind, after, -held.reserved, spent - held.spent, images - held.images, now)


def moving(held: Reservation, old: Account, new: Account, now: int) -> tuple[Movement, ...]:
    """The movements after which what a job has in one account is in another; none if it has nothing there."""
    left = next((account for account in held.accounts if account.whole == old), None)
    if left is None or old == new:
        return ()
    accounts = tuple(new if account == left else account for account in held.accounts)
    without = replace(held, movements=held.movements + 1)
    after = replace(held, accounts=accounts, movements=held.movements + 2)
    return (
        Movement("move_out", without, -held.reserved, -held.spent, -held.images, now, accounts=(left,)),
        Movement("move_in", after, held.reserved, held.spent, held.images, now, accounts=(new,)),
    )


def day_of(now: float) -> str:
    """The UTC day, such as 2026-11-22."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def account_of(owner: str, period: Period, now: float) -> Account:
    """An owner's account for the current period."""
    moment = datetime.fromtimestamp(now, UTC)
    return Account(
        owner,
        {
            "minute": f"minute#{moment:%Y-%m-%dT%H:%M}",
            "day": f"day#{moment:%Y-%m-%d}",
            "month": f"month#{moment:%Y-%m}",
            "total": "total",
        }[period],
    )


def tally_of(day: str, caller_id: str, model: str) -> Account:
    """The account that adds up what a key spends on a model in a day."""
    return Account(f"usage#{day}", f"{caller_id}#{model}")


def renewal(period: Period, now: float) -> int | None:
    """When the next period begins (Unix seconds); None for the total."""
    midnight = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "minute":
            return int(now) // 60 * 60 + 60
        case "day":
            return int((midnight + timedelta(days=1)).timestamp())
        case "month":
            return int((midnight.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp())
        case "total":
            return None
