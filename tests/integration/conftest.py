"""The real handlers through the real composition roots, with fakes only beyond the wire: moto and the simulator."""

from collections.abc import Iterator

import pytest

from local.simulator import Simulator
from tests.support.moved_time import Clock, moved_time
from tests.support.world import World, deployed, simulated


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with simulated() as running:
        yield running


@pytest.fixture
def world(simulator: Simulator) -> Iterator[World]:
    with deployed(simulator) as world:
        yield world


@pytest.fixture
def clock(world: World) -> Iterator[Clock]:
    """Time, which a test may move on; the world was deployed before."""
    with moved_time() as clock:
        yield clock
