"""What Lambda costs for an image, by memory: seconds billed times memory, which buys a share of a processor."""

import json
import time
from typing import Any

from bench.pair import waiting_pair
from bench.process import Used, slowed
from bench.tables import Table, median
from bench.world import World

MEMORIES = (256, 512, 1024, 1769)
DOORS = {"ApiFunction": "api", "McpFunction": "mcp"}
# Dollars for a GB-second on arm64 and for a request, in us-east-1 (https://aws.amazon.com/lambda/pricing, 2026-11).
GB_SECOND, REQUEST = 0.0000133334, 0.0000002
TYPICAL_SECONDS = 15.0
_PROVIDER_SECONDS = 2


def measure(world: World, rounds: int) -> list[Table]:
    """Doors that wait for a job, and their workers, each with its first event and a second one."""
    used: dict[str, list[tuple[Used, Used]]] = {}
    for _ in range(rounds):
        for door, sample in DOORS.items():
            with waiting_pair(world, door) as pair:
                first, second = (pair.call(_event(world, sample)) for _ in range(2))
            for name, events in zip((door, "WorkerFunction"), zip(first, second, strict=True), strict=True):
                used.setdefault(name, []).append(events)
    table = Table(
        f"Lambda for 1,000 images that the provider takes {TYPICAL_SECONDS:g} s for, by memory",
        ("function", "MB", "in the template", "first event adds ms", "next adds ms", "$ for 1,000, warm"),
        note="CPU time counts MB / 1769 of a processor. A door is billed while it waits.",
    )
    for name, rows in used.items():
        for memory in MEMORIES:
            cold, warm = (median(_added(row[which], memory) for row in rows) for which in range(2))
            dollars = 1000 * (memory / 1024 * (TYPICAL_SECONDS + warm) * GB_SECOND + REQUEST)
            chosen = "yes" if world.memory(name) == memory else ""
            table.add(name, str(memory), chosen, cold * 1000, warm * 1000, dollars)
    return [table]


def _added(used: Used, memory: int) -> float:
    """Seconds beyond the provider's, with the CPU time at the speed that the memory buys."""
    return float(used["wall"]) - _PROVIDER_SECONDS + slowed(used["event_cpu"], memory) - float(used["event_cpu"])


def _event(world: World, sample: str) -> dict[str, Any]:
    order = {
        "prompt": f"An otter of {time.time_ns()} size=3000000 delay={_PROVIDER_SECONDS}",
        "model": "gpt-image-2.6-flare",
    }
    if sample == "api":
        return world.sample(sample, **order)
    event = world.sample(sample)
    message = json.loads(event["body"])
    message["params"]["arguments"] = {**order, "size": "1024x1024", "quality": "low"}
    return event | {"body": json.dumps(message)}
