"""What Lambda costs for an image, by memory: seconds billed times memory, which buys a share of a processor."""

import json
import time
from typing import Any

from bench.pair import waiting_pair
from bench.process import memory_of
from bench.tables import Table, median
from bench.world import World

MEMORIES = (256, 512, 1024, 1769)
DOORS = {"ApiFunction": "api", "McpFunction": "mcp"}
# Dollars for a GB-second on arm64 and for a request, in us-east-1 (https://aws.amazon.com/lambda/pricing, 2026-11).
GB_SECOND, REQUEST = 0.0000133334, 0.0000002
TYPICAL_SECONDS = 15.0
_PROVIDER_SECONDS = 2


def measure(world: World, rounds: int) -> list[Table]:
    """A door that waits for a job, and its worker, at each memory, cold and then warm; a third of the rounds."""
    own: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(max(1, rounds // 3)):
        for memory in MEMORIES:
            for door, sample in DOORS.items():
                with (
                    waiting_pair(world, door) as pair,
                    memory_of(memory, pair.door),
                    memory_of(memory, pair.worker),
                ):
                    cold = pair.call(_event(world, sample))
                    warm = pair.call(_event(world, sample))
                for name, first, second in zip((door, "WorkerFunction"), cold, warm, strict=True):
                    added = first["wall"] - _PROVIDER_SECONDS, second["wall"] - _PROVIDER_SECONDS
                    own.setdefault((name, memory), []).append(added)
    table = Table(
        f"Lambda for 1,000 images that the provider takes {TYPICAL_SECONDS:g} s for, by memory",
        ("function", "MB", "in the template", "cold adds ms", "warm adds ms", "warm, $ for 1,000"),
        note="Emulated shares of a processor (MB / 1769). A door is billed while it waits.",
    )
    for (name, memory), rows in sorted(own.items()):
        cold_wall, warm_wall = (median(column) for column in zip(*rows, strict=True))
        dollars = 1000 * (memory / 1024 * (TYPICAL_SECONDS + warm_wall) * GB_SECOND + REQUEST)
        chosen = "yes" if world.memory(name) == memory else ""
        table.add(name, str(memory), chosen, cold_wall * 1000, warm_wall * 1000, dollars)
    return [table]


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
