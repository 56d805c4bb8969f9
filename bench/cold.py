"""Cold starts of the built package: CPU time from the start of a process to its first answered event."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.process import Function, Process, Used, memory_of, running
from bench.tables import VERDICTS, Table, median
from bench.world import PEERS_PYTHON, World

# An image of 3 MB, at once.
PROMPT = "A cute baby sea otter size=3000000"
# What a naive function answers in place of Easel's.
BASELINES = {
    "ApiFunction": "naive: accept",
    "DirectFunction": "naive: accept",
    "WorkerFunction": "naive: purchase",
    "McpFunction": "naive: tools",
}
# Goals and former figures of issue "Speed, size, scale": ratios without what a bare interpreter needs.
GOALS = {"ApiFunction": (0.30, 0.46), "WorkerFunction": (0.38, 0.54), "McpFunction": (0.65, 0.97)}
GOAL_OF_ANCESTOR = (0.30, 0.44)
SMALL_MB = 512
GOALS_WHEN_SMALL = {"ApiFunction": (350, 680), "WorkerFunction": (550, 1040)}

Event = Callable[[], dict[str, Any]]


def measure(world: World, rounds: int) -> list[Table]:
    """Interleaved rounds of all functions and of what they are compared with."""
    with world.door() as door:
        cases = _cases(world, door)
        used: dict[str, list[tuple[Used, Used]]] = {name: [] for name in cases}
        for each in range(rounds + 1):
            for name, (function, event) in cases.items():
                measured = _first_event(function, event())
                if each:  # The first round warms the disk's cache.
                    used[name].append(measured)
        small = _at_small_memory(world, door, rounds)
    return [*_tables(used), *small]


def _cases(world: World, door: Process) -> dict[str, tuple[Function, Event]]:
    order = {"prompt": PROMPT, "model": "gpt-image-2.6-flare", "size": "1024x1024", "quality": "low", "n": 1}
    tools = partial(_listing_tools, world)
    naive: dict[str, tuple[Function, Event]] = {
        "naive: accept": (world.peer("naive.accept"), partial(_naive_accepting, world)),
        "naive: purchase": (world.peer("naive.purchase"), lambda: {"order": order}),
        "naive: tools": (world.peer("naive.tools"), tools),
        "FastAPI + Mangum": (world.peer("framework.handler"), partial(_naive_accepting, world)),
        "ancestor's set": (world.peer("ancestor.handler", python=PEERS_PYTHON), dict[str, Any]),
        "bare interpreter": (Function(world.peer("floor.data_path").python, [], "os.getenv"), dict[str, Any]),
    }
    easel: dict[str, tuple[Function, Event]] = {
        "ApiFunction": (world.function("ApiFunction"), partial(world.accepting, "api")),
        "DirectFunction": (world.function("DirectFunction"), partial(world.accepting, "direct")),
        "WorkerFunction": (world.function("WorkerFunction"), partial(_performing, world, door)),
        "McpFunction": (world.function("McpFunction"), tools),
    }
    for name in ("Announcer", "DeadLetter", "Drop", "Sweep", "Webhook"):
        sample = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
        easel[f"{name}Function"] = (world.function(f"{name}Function"), partial(world.sample, sample))
    return easel | naive


def _performing(world: World, door: Process) -> dict[str, Any]:
    return world.performing(world.accept(door, prompt=PROMPT))


def _listing_tools(world: World) -> dict[str, Any]:
    event = world.sample("mcp")
    meta = json.loads(event["body"])["params"]["_meta"]
    event["body"] = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}})
    event["headers"]["mcp-method"] = "tools/list"
    del event["headers"]["mcp-name"]
    return event


def _naive_accepting(world: World) -> dict[str, Any]:
    event = world.sample("api")
    event["body"] = json.dumps({"prompt": PROMPT, "model": "m", "size": "1024x1024", "quality": "low"})
    return event


def _first_event(function: Function, event: dict[str, Any]) -> tuple[Used, Used]:
    if function.handler == "os.getenv":  # the bare interpreter: nothing but its start counts
        with running(Function(function.python, [], "os.fspath")) as process:
            return process.start, process.start | {"peak": process.start["rss"]}
    with running(function) as process:
        used = process.answer(event)
        _check(function.handler, used["answer"])
        return process.start, used


def _check(handler: str, answer: Any) -> None:
    """A refusal is faster than an answer, and must not count as one."""
    status = (answer or {}).get("statusCode", 200)
    if status >= 300 or (answer or {}).get("batchItemFailures"):
        raise RuntimeError(f"{handler} answered {answer}")


def _tables(used: dict[str, list[tuple[Used, Used]]]) -> list[Table]:
    def cpu(name: str, which: int) -> float:
        return median(pair[which]["cpu"] for pair in used[name]) * 1000

    bare = cpu("bare interpreter", 0)
    table = Table(
        "Cold starts, CPU ms from the start of the process to the first answered event",
        ("function", "CPU ms", "import", "first event", "modules", "peak MB", "x naive", "x ancestor"),
        note="Ratios are without what a bare interpreter needs. The ancestor is a server: its import counts.",
    )
    ancestor = cpu("ancestor's set", 0) - bare
    ratios: dict[str, float] = {}
    for name, pairs in used.items():
        whole, start = cpu(name, 1), cpu(name, 0)
        baseline = BASELINES.get(name)
        ratio = (whole - bare) / (cpu(baseline, 1) - bare) if baseline else None
        if ratio is not None:
            ratios[name] = ratio
        peak = median(pair[1]["peak"] for pair in pairs)
        table.add(name, whole, start, whole - start, pairs[0][0]["modules"], peak, ratio, (whole - bare) / ancestor)
    verdicts = Table("Cold starts against their goals", VERDICTS)
    for name, (goal, before) in GOALS.items():
        verdicts.judge(f"{name}, CPU x naive", ratios[name], goal, before)
    goal, before = GOAL_OF_ANCESTOR
    verdicts.judge("ApiFunction, CPU x ancestor's import", (cpu("ApiFunction", 1) - bare) / ancestor, goal, before)
    return [table, verdicts]


def _at_small_memory(world: World, door: Process, rounds: int) -> list[Table]:
    """INIT at full speed, as Lambda gives it, then events with the share of a processor that the memory buys."""
    table = Table(
        f"Cold at {SMALL_MB} MB (emulated: after INIT, {SMALL_MB / 1769:.0%} of a processor), wall ms",
        ("function", "INIT", "first event", "sum", "next event"),
    )
    verdicts = Table(f"Cold at {SMALL_MB} MB against the goals", VERDICTS)
    functions: dict[str, Event] = {
        "ApiFunction": partial(world.accepting, "api"),
        "WorkerFunction": partial(_performing, world, door),
        "McpFunction": partial(_listing_tools, world),
    }
    walls: dict[str, list[tuple[float, float, float]]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, event in functions.items():
            events = event(), event()
            with running(world.function(name)) as process, memory_of(SMALL_MB, process):
                first, second = (process.answer(each)["wall"] * 1000 for each in events)
                walls[name].append((process.start["cpu"] * 1000, first, second))
    for name, rows in walls.items():
        start, first, second = (median(column) for column in zip(*rows, strict=True))
        total = median(row[0] + row[1] for row in rows)
        table.add(name, start, first, total, second)
        if name in GOALS_WHEN_SMALL:
            goal, before = GOALS_WHEN_SMALL[name]
            verdicts.judge(f"{name}, INIT and first event, ms", total, goal, before)
    return [table, verdicts]
