"""Latency of the deployed stack at each door: what a call adds to the time that the provider takes."""

import contextlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from bench.tables import VERDICTS, Table, median
from bench.world import World

DOORS = ("direct", "gateway", "poll", "MCP")
# Seconds that the provider takes: p50 in ms that may be added, and what was, by door.
GOALS = {0: 100, 5: 150}
BEFORE = {
    0: {"direct": 255, "gateway": 253, "poll": 277, "MCP": 271},
    5: {"direct": 664, "gateway": 648, "poll": 674, "MCP": 660},
}
_SMALL_IMAGE = 100_000

Call = Callable[[str], None]


def measure(world: World, rounds: int) -> list[Table]:
    """Calls one after the other when the provider answers at once; else all doors side by side, out of step."""
    with httpx.Client(timeout=180, trust_env=False) as http:
        doors = _calls(world, http)
        with ThreadPoolExecutor(2 * len(DOORS)) as crowd:  # starts as many of each function as will run side by side
            list(crowd.map(_warm_up, [*doors.values(), *doors.values()]))
        added: dict[tuple[int, str], list[float]] = {(seconds, name): [] for seconds in GOALS for name in DOORS}
        for _ in range(3 * rounds):
            for name, call in doors.items():
                added[0, name].append(_added(call, 0))

        def lane(name: str) -> None:
            time.sleep(DOORS.index(name) * 1.3)
            for _ in range(rounds):
                added[5, name].append(_added(doors[name], 5))

        with ThreadPoolExecutor(len(DOORS)) as lanes:
            list(lanes.map(lane, DOORS))
    return _tables(added)


def _calls(world: World, http: httpx.Client) -> dict[str, Call]:
    stack = world.stack
    key = {"Authorization": f"Bearer {stack.api_key}"}

    def order(prompt: str) -> dict[str, Any]:
        return {"prompt": prompt, "model": "gpt-image-2.6-flare", "size": "1024x1024", "quality": "low"}

    def waiting(url: str) -> Call:
        def call(prompt: str) -> None:
            answer = http.post(f"{url}/images/generations", json=order(prompt), headers=key)
            if answer.status_code != 200:
                raise RuntimeError(f"no image: {answer.status_code} {answer.text[:500]}")

        return call

    def polling(prompt: str) -> None:
        at_once = key | {"Prefer": "respond-async"}
        job = http.post(f"{stack.api_url}/images/generations", json=order(prompt), headers=at_once).json()
        while job["status"] not in ("succeeded", "failed"):
            job = http.get(f"{stack.api_url}/jobs/{job['id']}", params={"wait": 20}, headers=key).json()
        if job["status"] == "failed":
            raise RuntimeError(f"failed: {job}")

    def through_mcp(prompt: str) -> None:
        event = world.sample("mcp")
        message = json.loads(event["body"])
        message["params"]["arguments"] = order(prompt)
        wanted = ("accept", "authorization", "content-type", "mcp-method", "mcp-name", "mcp-protocol-version")
        headers = {name: event["headers"][name] for name in wanted}
        answer = http.post(stack.mcp_url, json=message, headers=headers).raise_for_status()
        if '"succeeded"' not in answer.text.replace("\\", ""):
            raise RuntimeError(f"no image: {answer.text[:500]}")

    calls = waiting(stack.direct_url), waiting(stack.api_url), polling, through_mcp
    return dict(zip(DOORS, calls, strict=True))


def _warm_up(call: Call) -> None:
    with contextlib.suppress(RuntimeError):  # A cold start can take longer than the door waits.
        call(f"An otter of {time.time_ns()} size={_SMALL_IMAGE} delay=2")


def _added(call: Call, seconds: int) -> float:
    """Milliseconds beyond what the provider takes. The prompt is a new one each time."""
    started = time.monotonic()
    call(f"An otter of {time.time_ns()} size={_SMALL_IMAGE} delay={seconds}")
    return (time.monotonic() - started - seconds) * 1000


def _tables(added: dict[tuple[int, str], list[float]]) -> list[Table]:
    table = Table("Added to the provider's time at each door, ms", ("provider takes", "door", "p50", "p90", "calls"))
    verdicts = Table("Latency against its goals", VERDICTS)
    for (seconds, name), times in added.items():
        p50 = median(times)
        table.add(f"{seconds} s", name, p50, sorted(times)[int(0.9 * len(times))], str(len(times)))
        verdicts.judge(f"{name}, upstream of {seconds} s, p50 ms", p50, GOALS[seconds], BEFORE[seconds][name])
    return [table, verdicts]
