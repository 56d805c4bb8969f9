"""Many callers at once: what they were answered, and what was bought for them.

They call the direct URL: API Gateway gives up after 29 seconds, and their processes may take longer to start.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire

BODY = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low", "size": "1024x1024"}
# A burst starts a process for each caller at once, on a machine with two cores.
_PATIENCE_SECONDS = 280


@dataclass(frozen=True)
class Crowd:
    """The answers to their requests, by status and error code, and the jobs that were accepted."""

    outcomes: Counter[tuple[int, str | None]]
    jobs: list[Any]
    request_ids: set[str]

    def bought(self, simulator: SimulatorControl) -> int:
        """Calls that the provider accepted and charged for these callers."""
        calls = simulator.calls()
        return sum(call["accepted"] for call in calls if call["client_request_id"] in self.request_ids)


def upper_bound(stack: Stack, key: Key) -> int:
    """Micro-dollars that one of the requests can cost at most."""
    quoted = wire.post(f"{stack.direct_url}/images/quote", json=BODY, headers=key.headers).json()
    return int(quoted["upper_bound_micro_usd"])


def warm_up(stack: Stack, callers: int) -> None:
    """Let a process be there for each of them."""
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(lambda _: wire.get(f"{stack.direct_url}/health", timeout=_PATIENCE_SECONDS), range(callers)))


def ask_at_once(stack: Stack, keys: Sequence[Key], callers: int) -> Crowd:
    """So many requests at the same moment, with the keys in turn; returns when all jobs are finished."""

    def ask(number: int) -> httpx.Response:
        headers = keys[number % len(keys)].headers | {"Prefer": "respond-async"}
        url = f"{stack.direct_url}/images/generations"
        return wire.post(url, json=BODY, headers=headers, timeout=_PATIENCE_SECONDS)

    with ThreadPoolExecutor(callers) as pool:
        answers = list(pool.map(ask, range(callers)))
    outcomes = Counter((answer.status_code, (answer.json().get("error") or {}).get("code")) for answer in answers)
    accepted = [(answer, keys[n % len(keys)]) for n, answer in enumerate(answers) if answer.status_code == 202]
    jobs = [_finished(stack, answer.json()["id"], key) for answer, key in accepted]
    return Crowd(outcomes, jobs, {answer.headers["x-request-id"] for answer, _ in accepted})


def _finished(stack: Stack, job_id: str, key: Key) -> Any:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        job = wire.get(f"{stack.direct_url}/jobs/{job_id}?wait=20", headers=key.headers, timeout=60).json()
        if job["status"] not in ("queued", "running"):
            return job
    raise AssertionError(f"{job_id} does not end")
