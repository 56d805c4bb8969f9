"""Which of a caller's jobs or images a list shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from core.jobs.model import Status

STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Filters:
    """What an entry of a list must be; None and empty mean any.

    `model` is the one that ran or the one that was asked for, `metadata` some of the entry's pairs. Times are Unix
    seconds: `created_after` is the first one that counts, `created_before` the first one that no longer does.
    """

    status: Status | None = None
    model: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_after: int = 0
    created_before: int | None = None


NONE = Filters()
