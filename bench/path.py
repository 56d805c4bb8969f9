"""The data path of the worker: from the purchase to the last image in S3, over TLS, beside raw sockets and a script."""

from collections.abc import Callable, Mapping
from typing import Any

from bench.process import Function, Process, Used, running
from bench.tables import VERDICTS, Table, median
from bench.world import PACED_BYTES_PER_SECOND, World

CASES = {"1 x 3 MB": (1, 3_000_000), "10 x 4 MB": (10, 4_000_000)}
EASEL = "Easel"
# Goals and former figures, by case.
GOALS_OF_PATH = {"1 x 3 MB": (2.3, 4.6), "10 x 4 MB": (2.0, 3.2)}
GOAL_OF_PERFORM = ("1 x 3 MB", 5.0, 8.6)
GOAL_OF_MEMORY = ("10 x 4 MB", 15.0, 50.0)
GOAL_OF_PACED = ("10 x 4 MB", 0.9, 1.92)

Buyer = Callable[[Process, str, int], Used]


def measure(world: World, rounds: int) -> list[Table]:
    """Interleaved rounds; each has new processes, which buy twice: memory counts the first time, CPU the second."""
    with world.door() as door:
        buyers = _buyers(world, door)
        fast: dict[tuple[str, str], list[tuple[Used, Used]]] = {}
        slow: dict[tuple[str, str], list[Used]] = {}
        for _ in range(rounds):
            for case, (images, size) in CASES.items():
                for name, (function, buy) in buyers.items():
                    prompt = f"An otter size={size}"
                    with running(function) as process:
                        buy(process, "An otter size=1000", 1)  # opens connections
                        pair = buy(process, prompt, images), buy(process, prompt, images)
                        fast.setdefault((case, name), []).append(pair)
                    paced = function.with_variables(AWS_ENDPOINT_URL_S3=world.s3_paced)
                    with running(paced) as process:
                        buy(process, "An otter size=1000", 1)
                        used = buy(process, f"{prompt} rate={PACED_BYTES_PER_SECOND:g}", images)
                        slow.setdefault((case, name), []).append(used)
    return _tables(fast, slow)


def _buyers(world: World, door: Process) -> dict[str, tuple[Function, Buyer]]:
    def directly(process: Process, prompt: str, images: int) -> Used:
        order = {"prompt": prompt, "n": images, "model": "gpt-image-2.6-flare", "size": "1024x1024", "quality": "low"}
        used = process.answer({"order": order, "bench_peak": True})
        return used | {"path_cpu": used["event_cpu"], "path_wall": used["wall"]}

    def by_worker(process: Process, prompt: str, images: int) -> Used:
        job = world.accept(door, prompt=prompt, n=images)
        used = process.answer(world.performing(job) | {"bench_peak": True})
        return used | data_path_of(used["marks"], images)

    return {
        "floor": (world.peer("floor.data_path"), directly),
        "naive": (world.peer("naive.data_path"), directly),
        EASEL: (world.function("WorkerFunction", BENCH_MARKS="1"), by_worker),
    }


def data_path_of(marks: list[Mapping[str, Any]], images: int) -> dict[str, float]:
    """CPU and wall seconds from the last AWS call before the purchase to the end of the last PUT, without other calls.

    The purchase is in the longest pause between two AWS calls before the first image is stored.
    """
    stored = [index for index, mark in enumerate(marks) if mark["operation"] == "PutObject"]
    if len(stored) != images:
        raise RuntimeError(f"{len(stored)} PUTs of {images} images: {[mark['operation'] for mark in marks]}")
    last = stored[-1]
    before = max(range(stored[0]), key=lambda index: marks[index + 1]["begun"] - marks[index]["ended"])
    others = sum(mark["own_cpu"] for mark in marks[before + 1 : last] if mark["operation"] != "PutObject")
    start, end = marks[before], marks[last]
    return {"path_cpu": end["cpu"] - start["cpu"] - others, "path_wall": end["ended"] - start["ended"]}


def _tables(
    fast: dict[tuple[str, str], list[tuple[Used, Used]]], slow: dict[tuple[str, str], list[Used]]
) -> list[Table]:
    table = Table(
        "Data path over TLS: purchase and PUT, and the whole event",
        (
            "case",
            "",
            "path CPU ms",
            "x floor",
            "event CPU ms",
            "x floor",
            "extra peak MB",
            "paced wall s",
            "event wall s",
        ),
        note="Paced: the provider answers at 75 MB/s, and each PUT takes 40 ms and its bytes at 75 MB/s.",
    )
    verdicts = Table("Data path against its goals", VERDICTS)
    for case in CASES:
        floor = median(pair[1]["event_cpu"] for pair in fast[case, "floor"])
        for name in ("floor", "naive", EASEL):
            pairs, paced = fast[case, name], slow[case, name]
            path = median(pair[1]["path_cpu"] for pair in pairs)
            event = median(pair[1]["event_cpu"] for pair in pairs)
            extra = median(pair[0]["extra"] for pair in pairs)
            wall, event_wall = (median(used[of] for used in paced) for of in ("path_wall", "wall"))
            table.add(case, name, path * 1000, path / floor, event * 1000, event / floor, extra, wall, event_wall)
            if name != EASEL:
                continue
            goal, before = GOALS_OF_PATH[case]
            verdicts.judge(f"{case}, purchase and PUT, CPU x floor", path / floor, goal, before)
            for goal_case, what, value, of in (
                (GOAL_OF_PERFORM[0], "whole perform, CPU x floor", event / floor, GOAL_OF_PERFORM),
                (GOAL_OF_MEMORY[0], "extra peak memory, MB", extra, GOAL_OF_MEMORY),
                (GOAL_OF_PACED[0], "paced wall, s", wall, GOAL_OF_PACED),
            ):
                if goal_case == case:
                    verdicts.judge(f"{case}, {what}", value, of[1], of[2])
    return [table, verdicts]
