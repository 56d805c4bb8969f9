"""One simulator for the whole folder, which is reset before each test."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from local.simulator import Simulator
from tests.contract.simulator.samples import picture

TODAY = date(2026, 11, 22)
HEADERS = {"Authorization": "Bearer sk-test"}

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def _running() -> Iterator[Simulator]:
    with Simulator(plain=True, today=TODAY) as simulator:
        yield simulator


@pytest.fixture
def sim(_running: Simulator) -> Simulator:
    """Today's provider."""
    _running.reset()
    return _running


@pytest.fixture(scope="session")
def museum() -> Iterator[Simulator]:
    """A provider that still serves retired models."""
    with Simulator(plain=True, today=TODAY, serve_retired=True) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """An HTTP client with an accepted key."""
    with httpx.Client(headers=HEADERS, trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def generate(sim: Simulator, http: httpx.Client) -> Post:
    """Ask for an image with gpt-image-2.6-flare; the arguments are added to the request."""

    def call(**changes: Any) -> httpx.Response:
        body = {"model": "gpt-image-2.6-flare", "prompt": "an otter"} | changes
        return http.post(f"{sim.url}/v1/images/generations", json=body)

    return call


@pytest.fixture
def edit(sim: Simulator, http: httpx.Client) -> Post:
    """Edit images with a multipart form."""

    def call(files: list[tuple[str, bytes]] | None = None, **changes: str) -> httpx.Response:
        form = {"model": "gpt-image-2.6-flare", "prompt": "an otter"} | changes
        parts = [("image", picture())] if files is None else files
        uploads = [(name, ("upload", data, "application/octet-stream")) for name, data in parts]
        return http.post(f"{sim.url}/v1/images/edits", data=form, files=uploads)

    return call
