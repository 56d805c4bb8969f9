"""What a drop leaves when versions, notifications, retries and ends come in any order.

A few of all orders; tests/campaigns/test_drop_orders.py tries every one.
"""

from itertools import count

import pytest

from cli import drops
from tests.support.drop_orders import BLOCKED, EMPTY, PICTURE, TEXT, Versions, play_with_pause
from tests.support.world import World

OLDER_LAST = ("p0", "p1", "n1", "w1", "a1", "n0", "w0", "n1", "a0", "a1", "n0")
OLDER_BETWEEN = ("p0", "n0", "p1", "w0", "n1", "n0", "w1", "a1", "a0", "n0")


@pytest.fixture(autouse=True)
def _owner(world: World) -> None:
    drops.map_prefix(world.stack, "team", world.caller_id)


@pytest.mark.parametrize("kinds", [(EMPTY, PICTURE), (PICTURE, TEXT), (PICTURE, PICTURE), (BLOCKED, PICTURE)])
@pytest.mark.parametrize("steps", [OLDER_LAST, OLDER_BETWEEN], ids=["older last", "older between"])
def test_a_folder_shows_the_newest_drop_and_nothing_else_in_whatever_order_all_comes(
    world: World, kinds: tuple[str, ...], steps: tuple[str, ...]
) -> None:
    Versions(world, "team/photo", kinds).play(steps)


def test_a_writer_that_pauses_leaves_nothing_over_or_beside_what_came_meanwhile(world: World) -> None:
    for pause in count(1):
        if not play_with_pause(Versions(world, f"team/{pause}", (PICTURE, TEXT)), pause, "s3"):
            assert pause > 2
            break
