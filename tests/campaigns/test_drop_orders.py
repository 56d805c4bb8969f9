"""Every order in which the versions of a drop, S3's notifications, the work and the ends of jobs can come."""

import itertools
from collections.abc import Iterable, Iterator

import pytest

from cli import drops
from tests.support.drop_orders import BLOCKED, EMPTY, PICTURE, TEXT, Versions, orders, play_with_pause
from tests.support.world import World, aws, deployed, simulated

KINDS = (EMPTY, TEXT, PICTURE, BLOCKED)


@pytest.fixture
def world() -> Iterator[World]:
    """A deployment whose folder team/ has an owner."""
    with simulated() as simulator, deployed(simulator) as world:
        drops.map_prefix(world.stack, "team", world.caller_id)
        yield world


def play_all(world: World, kinds: tuple[str, ...], every: Iterable[tuple[str, ...]]) -> None:
    """Play each order with a key of its own. What it left goes, since moto keeps all pictures in memory."""
    for number, steps in enumerate(every):
        Versions(world, f"team/{number}", kinds).play(steps)
        listed = aws.s3().list_objects_v2(Bucket="images").get("Contents", [])
        for each in listed:
            aws.s3().delete_object(Bucket="images", Key=each["Key"])


@pytest.mark.parametrize("kinds", [*itertools.product(KINDS, (TEXT, PICTURE, BLOCKED))], ids=" then ".join)
def test_two_versions_in_every_order_leave_the_newer_one(world: World, kinds: tuple[str, ...]) -> None:
    play_all(world, kinds, orders(2))


@pytest.mark.parametrize("repeated", ["n0", "n1", "a0", "a1"])
def test_what_comes_twice_leaves_the_newer_version_too(world: World, repeated: str) -> None:
    play_all(world, (PICTURE, PICTURE), orders(2, repeated))


@pytest.mark.parametrize("kinds", [*itertools.product((TEXT, PICTURE), (TEXT, PICTURE))], ids=" then ".join)
@pytest.mark.parametrize("services", [("s3",), ("dynamodb",)], ids=["s3", "dynamodb"])
def test_everything_of_a_newer_version_between_any_two_calls_of_the_writer_of_an_older_one(
    world: World, services: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    for pause in itertools.count(1):
        if not play_with_pause(Versions(world, f"team/{pause}", kinds), pause, *services):
            assert pause > 2
            break
