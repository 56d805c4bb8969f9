"""The record of the image calls that reached the simulator, without prompts and keys."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Call:
    """One image call. `status` is None until the answer begins; the charge is in micro-dollars."""

    id: str
    time: str
    path: str
    model: str | None = None
    accepted: bool = False
    status: int | None = None
    charged_micro_usd: int = 0
    n: int = 0
    fault: str | None = None
    client_request_id: str | None = None
    input_images: int = 0


class Ledger:
    """Calls in the order in which they were validated."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def add(self, call: Call) -> None:
        """Record a call."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()

    def body(self) -> dict[str, list[dict[str, Any]]]:
        """The list as the control plane returns it."""
        return {"calls": [asdict(call) for call in self._calls]}
