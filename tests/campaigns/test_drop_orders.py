"""Every order in which the versions of a drop, S3's notifications, the work and the ends of jobs can come."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from cli import drops
from local.simulator import Simulator
from tests.support.drop_orders import BLOCKED, EMPTY, PICTURE, TEXT, Versions, orders, play_with_pause
from tests.support.world import World, deployed, simulated

KINDS = (EMPTY, TEXT, PICTURE, BLOCKED)


# moto copies all it has for each transaction, so a world that has seen many orders is slow and large.
_ORDERS_IN_A_WORLD = 10


@contextmanager
def owned(simulator: Simulator) -> Iterator[World]:
    """A deployment whose folder team/ has an owner."""
    with deployed(simulator) as world:
        drops.map_prefix(world.stack, "team", world.caller_id)
        yield world


@pytest.fixture
def world() -> Iterator[World]:
    """As above, for one test."""
    with simulated() as simulator, owned(simulator) as world:
        yield world


def play_all(kinds: tuple[str, ...], every: Iterable[tuple[str, ...]]) -> None:
    """Play each order, with a key of its own."""
    with simulated() as simulator:
        for some in itertools.batched(every, _ORDERS_IN_A_WORLD, strict=False):
            with owned(simulator) as world:
                for number, steps in enumerate(some):
                    Versions(world, f"team/{number}", kinds).play(steps)


@pytest.mark.parametrize("kinds", [*itertools.product(KINDS, (TEXT, PICTURE, BLOCKED))], ids=" then ".join)
def test_two_versions_in_every_order_leave_the_newer_one(kinds: tuple[str, ...]) -> None:
    play_all(kinds, orders(2))


@pytest.mark.parametrize("repeated", ["n0", "n1", "a0", "a1"])
def test_what_comes_twice_leaves_the_newer_version_too(repeated: str) -> None:
    play_all((PICTURE, PICTURE), orders(2, repeated))


@pytest.mark.parametrize("kinds", [*itertools.product((TEXT, PICTURE), (TEXT, PICTURE))], ids=" then ".join)
@pytest.mark.parametrize("services", [("s3",), ("dynamodb",)], ids=["s3", "dynamodb"])
def test_everything_of_a_newer_version_between_any_two_calls_of_the_writer_of_an_older_one(
    world: World, services: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    for pause in itertools.count(1):
        if not play_with_pause(Versions(world, f"team/{pause}", kinds), pause, *services):
            assert pause > 2
            break
