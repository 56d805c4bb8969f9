"""easel keys: create, list and revoke the API keys of callers."""

import re
import time
from datetime import UTC, datetime

from cli.stack import Stack
from core.callers.model import Caller, Rates, new_caller_id, new_key
from core.callers.store import CallerStore
from core.ledger.dollars import usd
from core.ledger.model import PERIODS, Budget, Period

_DURATION = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}


def duration(text: str) -> int:
    """Seconds of a duration such as 12h, 90d or 4w.

    Raises:
        ValueError: it is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no duration; write 12h, 90d or 4w")
    return int(found[1]) * _SECONDS[found[2]]


def create(
    stack: Stack,
    name: str,
    lifetime: int | None,
    models: list[str],
    origins: list[str],
    budget: Budget | None = None,
    rates: Rates | None = None,
) -> tuple[str, Caller]:
    """A new caller and its key, which is nowhere kept; `lifetime` in seconds, None for ever."""
    now = int(time.time())
    key = new_key()
    caller = Caller(
        id=new_caller_id(),
        name=name,
        created_at=now,
        expires_at=now + lifetime if lifetime else None,
        models=tuple(models),
        origins=tuple(origins),
        budget=budget or Budget(),
        images_per_minute=(rates or {}).get("images_per_minute"),
        requests_per_minute=(rates or {}).get("requests_per_minute"),
    )
    _store(stack).add(key, caller)
    return key, caller


def table(stack: Stack) -> list[str]:
    """All callers as the lines of a table."""
    now = time.time()
    lines = [f"{'ID':22}{'NAME':24}{'STATUS':10}{'CREATED':12}{'EXPIRES':12}LIMITS"]
    for caller in _store(stack).list_all():
        limits = [f"models={','.join(caller.models)}"] if caller.models else []
        limits += [f"origins={','.join(caller.origins)}"] if caller.origins else []
        budget = ((period, caller.budget.of(period)) for period in PERIODS)
        limits += [f"{period}={usd(most)}" for period, most in budget if most is not None]
        limits += [f"images/min={caller.images_per_minute}"] if caller.images_per_minute else []
        limits += [f"requests/min={caller.requests_per_minute}"] if caller.requests_per_minute else []
        lines.append(
            f"{caller.id:22}{caller.name[:22]:24}{caller.status(now):10}{_day(caller.created_at):12}"
            f"{_day(caller.expires_at):12}{' '.join(limits) or '-'}"
        )
    return lines


def revoke(stack: Stack, caller_id: str) -> Caller | None:
    """Revoke the key of a caller; None if there is no such caller."""
    return _store(stack).revoke(caller_id, int(time.time()))


def set_rates(stack: Stack, caller_id: str, rates: Rates) -> Caller | None:
    """Give a key other limits of a minute, None for no limit; None if there is no such caller."""
    return _store(stack).set_rates(caller_id, rates)


def set_budget(stack: Stack, caller_id: str, periods: dict[Period, int | None]) -> Caller | None:
    """Give a key other limits for these periods, in micro-dollars; None if there is no such caller."""
    return _store(stack).set_budget(caller_id, periods)


def callers_of(stack: Stack) -> list[Caller]:
    """All callers, oldest first."""
    return _store(stack).list_all()


def _store(stack: Stack) -> CallerStore:
    client = stack.session.client("dynamodb", endpoint_url=stack.endpoint_url)
    return CallerStore(client, stack.output("CallersTableName"))


def _day(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else "never"
