"""Long waits end as documented although AWS counts chains: a burst, a drop that waits, a stop.

In virtual time, with the real handlers, on queues as AWS documents them (tests/support/event_sources.py). Each test is
red if its function lacks `RecursiveLoop: Allow`. Run with -s to see what ended how and when.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cli import drops, keys
from local.simulator import Simulator
from tests.support.event_sources import EventSources, event_sources
from tests.support.pictures import picture
from tests.support.template import TEMPLATE
from tests.support.virtual_time import VirtualTime, virtual_time
from tests.support.world import World, deployed, simulated

PURCHASE_SECONDS = 15
HALF_AN_HOUR = 1800


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated() as running:
        yield running


@pytest.fixture
def virtual(simulator: Simulator) -> Iterator[VirtualTime]:
    with virtual_time() as virtual:
        yield virtual


@pytest.fixture
def world(virtual: VirtualTime, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with deployed(simulator) as world:
        monkeypatch.setenv("EASEL_CALLER_CONCURRENCY", str(TEMPLATE["Parameters"]["CallerConcurrency"]["Default"]))
        world.restart()
        yield world


@pytest.fixture
def sources(world: World, virtual: VirtualTime) -> Iterator[EventSources]:
    with event_sources(virtual, PURCHASE_SECONDS) as sources:
        yield sources


def item_of(world: World, job_id: str) -> dict[str, Any]:
    return dict(world.jobs.item(job_id))


def finished(world: World, job_ids: list[str]) -> bool:
    return all(item_of(world, job_id)["status"]["S"] not in ("queued", "running") for job_id in job_ids)


def report(world: World, sources: EventSources, job_ids: list[str], began: float) -> tuple[Counter[str], int]:
    """How many jobs ended how, and the seconds until the last of them did."""
    items = [item_of(world, job_id) for job_id in job_ids]
    ended = Counter(item["status"]["S"] for item in items)
    last = max(int(item["finished_at"]["N"]) for item in items) - int(began)
    print(  # noqa: T201 - for people, with -s
        f"\n{dict(ended)} after {last} s; put back {dict(sources.sent)}, chains refused {dict(sources.refused)}, "
        f"dead letters {dict(sources.dead)}"
    )
    return ended, last


def test_a_burst_of_one_caller_is_done_and_keeps_anothers_job_waiting_for_a_moment_only(
    world: World, sources: EventSources, virtual: VirtualTime
) -> None:
    began = time.time()
    theirs = [world.api.accepted() for _ in range(200)]
    arrived: list[str] = []
    other, _ = keys.create(world.stack, "other", None, [], [])

    def arrive() -> None:
        body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
        answer = world.api.call("POST", "/images/generations", body, key=other, headers={"prefer": "respond-async"})
        arrived.append(str(answer.json()["id"]))

    virtual.at(began + 120, arrive)
    virtual.run(lambda: bool(arrived) and finished(world, arrived), 600)
    _, mine = report(world, sources, arrived, began + 120)
    assert mine <= PURCHASE_SECONDS + 15
    open_ids = set(theirs)

    def all_done() -> bool:
        for job_id in list(open_ids)[:1]:
            if finished(world, [job_id]):
                open_ids.discard(job_id)
        return not open_ids

    virtual.run(all_done, 4000)
    ended, last = report(world, sources, theirs, began)
    assert ended == {"succeeded": 200}
    assert last < 1.2 * 200 * PURCHASE_SECONDS / 4 + 60
    assert world.provider.bought() == 201
    assert not sources.dead and not sources.refused
    assert sources.sent["WorkerFunction"] < 200 * 20


def test_jobs_wait_for_a_stop_of_half_an_hour_to_end(world: World, sources: EventSources, virtual: VirtualTime) -> None:
    began = time.time()
    job_ids = [world.api.accepted() for _ in range(3)]
    world.stack.ledger().stop("a test", int(began))
    virtual.at(began + HALF_AN_HOUR, world.stack.ledger().resume)
    virtual.run(lambda: finished(world, job_ids), 3700)
    ended, last = report(world, sources, job_ids, began)
    assert ended == {"succeeded": 3}
    assert HALF_AN_HOUR < last < HALF_AN_HOUR + 120
    assert world.provider.bought() == 3
    assert not sources.dead and not sources.refused


def test_a_drop_waits_for_half_an_hour_and_is_bought_then(
    world: World, sources: EventSources, virtual: VirtualTime
) -> None:
    began = time.time()
    _, caller = keys.create(world.stack, "drops", None, [], [])
    drops.map_prefix(world.stack, "team", caller.id)
    event = world.inbox.put("team/photo.png", picture(), prompt="make it night")
    world.stack.ledger().stop("a test", int(began))
    virtual.at(began + HALF_AN_HOUR, world.stack.ledger().resume)
    sources.send(sources.drops, event["Records"][0]["body"])
    virtual.run(lambda: world.provider.bought() == 1, 2 * 3600)
    virtual.run(lambda: not sources.jobs.messages and not sources.drops.messages, 600)
    print(f"\nbought after {time.time() - began:.0f} s; put back {dict(sources.sent)}")  # noqa: T201 - for people, with -s
    assert HALF_AN_HOUR < time.time() - began < HALF_AN_HOUR + 180
    assert not sources.dead and not sources.refused
