"""The real handlers through the real composition roots, with fakes only beyond the wire: moto and the simulator."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from cli.stack import Stack
from core import catalog
from core.catalog import operator
from local.simulator import Simulator
from tests.support.command_line import Easel
from tests.support.moved_time import Clock, moved_time
from tests.support.world import World, aws, deployed, simulated
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


class OwnProviders(Protocol):
    """Gives the deployment providers of the operator's own: what src/providers.json would have."""

    def __call__(self, **providers: Any) -> None: ...


@pytest.fixture
def own_providers(world: World, tmp_path: Path) -> Iterator[OwnProviders]:
    file = tmp_path / "providers.json"

    def configure(**providers: Any) -> None:
        file.write_text(json.dumps(providers))
        catalog.load.cache_clear()
        world.restart()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operator, "FILE", file)
        configure()
        yield configure
    catalog.load.cache_clear()


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


@pytest.fixture
def easel(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Easel:
    """The operator's command for this world."""
    bucket = {"ImagesBucketName": os.environ["EASEL_IMAGES_BUCKET"], "ApiUrl": "https://api.example/v1"}
    secret = aws.secretsmanager().describe_secret(SecretId="tokens")["ARN"]
    stack = replace(world.stack, outputs=world.stack.outputs | bucket | {"TokenSecretArn": secret}, name="easel-dev")
    monkeypatch.setattr(Stack, "find", lambda *_, **__: stack)  # as CloudFormation would
    for name in ("EASEL_URL", "EASEL_KEY", "EASEL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Easel(capsys)
