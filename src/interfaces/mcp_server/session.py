"""The visit: one call of the MCP door as its tools see it."""

import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime

from composition.services import doors
from core.callers.model import Caller
from core.images.storage import LastingLinks
from core.responses.builders import Answers


@dataclass(frozen=True)
class Visit:
    """Who calls, since when (Unix seconds, by the gateway's clock) and under which request id."""

    caller: Caller
    started_at: float
    request_id: str

    @property
    def today(self) -> date:
        """The day in UTC, by which models live and die."""
        return datetime.now(UTC).date()

    @property
    def seconds(self) -> float:
        """Since when it lasts."""
        return time.time() - self.started_at

    def answers(self) -> Answers:
        """The shaper of what the HTTP door would answer, with the lasting links that its host serves.

        A model damages the long signed URLs when it copies them.
        """
        url = doors().settings.public_url
        return Answers(LastingLinks(url), url, time.time(), self.budget_left)

    def budget_left(self) -> int | None:
        """Micro-dollars that the caller can still spend; None without a budget."""
        return doors().spending.remaining(self.caller)


_current: ContextVar[Visit] = ContextVar("visit")


def begin(visit: Visit) -> None:
    """Make it the visit of this invocation, which the SDK's tasks and threads inherit."""
    _current.set(visit)


def current() -> Visit:
    """The visit that is being answered."""
    return _current.get()
