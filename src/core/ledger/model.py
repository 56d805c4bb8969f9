"""What is reserved and spent, in whole micro-dollars: accounts, the movements in them, and the bounds that hold.

A purchase moves money in several accounts at once: its key's day, month and total, the deployment's day and month, and
a tally by day, key and model for reports. Periods are those of UTC. In every account `committed` = `reserved` + `spent`
is what a bound bounds.

    reserve   the most that the purchase can cost, before anything is bought
    settle    what it did cost, in place of what was reserved
    release   nothing was bought
    resolve   somebody's word about a purchase of unknown outcome, in place of what was reserved
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

MovementKind = Literal["reserve", "settle", "release", "resolve"]
Period = Literal["minute", "day", "month", "total"]

PERIODS: tuple[Period, ...] = ("day", "month", "total")

DEPLOYMENT = "deployment"


@dataclass(frozen=True)
class Budget:
    """Micro-dollars that may be spent in a UTC day, in a UTC month, and ever; None is no limit."""

    day: int | None = None
    month: int | None = None
    total: int | None = None

    def of(self, period: Period) -> int | None:
        """The limit for a period."""
        return {"day": self.day, "month": self.month, "total": self.total}[period]


@dataclass(frozen=True)
class Account:
    """Where amounts add up: `owner` is whose it is (a key, a browser token, the deployment), `name` which of theirs."""

    owner: str
    name: str


@dataclass(frozen=True)
class Balance:
    """What an account holds, in micro-dollars; `images` counts those bought or about to be."""

    reserved: int = 0
    spent: int = 0
    images: int = 0
    committed: int = 0

    def plus(self, reserved: int, spent: int, images: int) -> "Balance":
        """After a movement of so much."""
        return Balance(
            self.reserved + reserved, self.spent + spent, self.images + images, self.committed + reserved + spent
        )


@dataclass(frozen=True)
class Bound:
    """The most that may be committed to an account, in micro-dollars and in `images`; None bounds nothing.

    `scope` names whose budget it is in an error: "key", "deployment" or "token".
    """

    account: Account
    scope: str
    period: Period
    micro_usd: int | None
    images: int | None = None

    def has_room(self, balance: Balance, micro_usd: int, images: int) -> bool:
        """Whether so much more may be committed to an account with that balance."""
        return (self.micro_usd is None or balance.committed + micro_usd <= self.micro_usd) and (
            self.images is None or balance.images + images <= self.images
        )


@dataclass(frozen=True)
class Reservation:
    """What a job holds in the ledger. Later movements meet the same accounts, even past midnight.

    `day` is that of the reservation, under which all its entries are filed; `reserved`, `spent` (micro-dollars) and
    `images` are what the job has in each account at this moment, after that many `movements`.
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
    """A change in every account of a reservation, booked once; the amounts are differences.

    `bounds` are those that a reservation must keep.
    """

    kind: MovementKind
    reservation: Reservation
    reserved: int
    spent: int
    images: int
    at: int
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A movement as it was booked."""

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


def opening(accounts: tuple[Account, ...], amount: int, images: int, bounds: tuple[Bound, ...], now: float) -> Movement:
    """The movement that reserves an amount (micro-dollars) for a new purchase of that many images."""
    reservation = Reservation(secrets.token_hex(8), day_of(now), accounts, amount, 0, images, 1)
    return Movement("reserve", reservation, amount, 0, images, int(now), bounds)


def closing(kind: MovementKind, held: Reservation, *, spent: int, images: int, now: int) -> Movement:
    """The movement after which nothing is reserved any more, and exactly so much is spent for so many images.

    It may follow another one: an answer that came after all corrects what was said of the purchase before.
    """
    after = Reservation(held.id, held.day, held.accounts, 0, spent, images, held.movements + 1)
    return Movement(kind, after, -held.reserved, spent - held.spent, images - held.images, now)


def day_of(now: float) -> str:
    """The UTC day as 2026-11-22."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def account_of(owner: str, period: Period, now: float) -> Account:
    """An owner's account for the period that this moment is in."""
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
    """The account that adds up what a key spent on a model on a day."""
    return Account(f"usage#{day}", f"{caller_id}#{model}")


def renewal(period: Period, now: float) -> int | None:
    """When the next period begins (Unix seconds); None for one that never ends."""
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
