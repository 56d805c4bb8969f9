"""One call of the MCP server as its tools see it."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial

from composition.services import services
from core.callers.model import Caller
from core.images.storage import Permalinks
from core.jobs.model import Job
from core.responses.builders import Answers
from interfaces.mcp_server.confirmation import Answer


@dataclass(frozen=True)
class Session:
    """Who is calling, since when (Unix seconds, by the gateway's clock), with which request id, in which revision.

    `protocol_session` is the id that the protocol's older revisions have for a session; `answer_headers` are sent with
    the answer. `answer` is what the user says to a purchase, None if the client cannot ask.
    """

    caller: Caller
    started_at: float
    request_id: str
    revision: str
    protocol_session: str = ""
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None

    @property
    def today(self) -> date:
        """The day in UTC, which decides about the models' lifecycle."""
        return datetime.now(UTC).date()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.time() - self.started_at

    def answers(self) -> Answers:
        """Builds what the HTTP API would answer, with the permalinks that its host serves.

        Models damage long signed URLs when they copy them.
        """
        url, budgets = services().settings.public_url, services().budgets
        budget_left = partial(budgets.remaining_if_known, self.caller)
        usual, previews = services().durations.usual, services().image_links
        return Answers(Permalinks(url), url, time.time(), budget_left, usual, previews)

    def words_about(self, job: Job) -> str:
        """What an unfinished job has been doing, and how long that usually takes."""
        return f"has been {self.answers().progress(job).in_words()}"

    def budget_left(self) -> int | None:
        """Micro-dollars that the caller can still spend; None without a budget."""
        return services().budgets.remaining(self.caller)


_current: ContextVar[Session] = ContextVar("session")


def begin(session: Session) -> None:
    """Make it the current call, which the SDK's tasks and threads inherit."""
    _current.set(session)


def current() -> Session:
    """The call that is being answered."""
    return _current.get()
