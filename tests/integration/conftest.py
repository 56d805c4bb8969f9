"""The real handlers through the real composition roots, with fakes only beyond the wire: moto and the simulator."""

from collections.abc import Iterator

import pytest

from local.simulator import Simulator
from tests.support.moved_time import Clock, moved_time
from tests.support.world import World, deployed, simulated
from tests.support.world.mcp_server import McpDoor


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


@pytest.fixture
def door(world: World, monkeypatch: pytest.MonkeyPatch) -> McpDoor:
    monkeypatch.setenv("EASEL_PUBLIC_URL", "https://images.example.com/v1")
    monkeypatch.setenv("EASEL_MAX_WAIT_SECONDS", "45")
    monkeypatch.setenv("EASEL_MCP_HOSTS", "mcp.example.com, mcp2.example.com")
    monkeypatch.setenv("EASEL_MCP_ORIGINS", "https://inspector.example.com")
    monkeypatch.setenv("EASEL_OIDC_ISSUER", "https://login.example.com")
    monkeypatch.setenv("EASEL_OIDC_AUDIENCE", "easel")
    world.restart()
    return McpDoor(world.api.key)
