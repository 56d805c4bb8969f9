"""What people really connect with: the official clients of MCP, of every revision, on the deployed stack."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import MakeKey
from tests.support import wire
from tests.support.mcp.clients import Assistant, Inspector, PythonClient, Told, TypeScriptClient
from tests.support.mcp.programs import MODULES

WISH = {"prompt": "An otter floats on its back", "model": "gpt-image-2.6-flare", "quality": "low"}
# Each has an SDK of its time in tests/support/mcp/node, which speaks it unless told otherwise.
OLDER_REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


def older_client(revision: str) -> Callable[[str, str, Path], Assistant]:
    return lambda url, key, _: TypeScriptClient(url, key, f"mcp-sdk-{revision}")


CLIENTS: dict[str, Callable[[str, str, Path], Assistant]] = {
    "python, 2026-07-28": lambda url, key, _: PythonClient(url, key, "auto"),
    "python, 2025-11-25": lambda url, key, _: PythonClient(url, key, "legacy"),
    "typescript": lambda url, key, _: TypeScriptClient(url, key),
    "inspector": Inspector,
    **{f"typescript, {revision}": older_client(revision) for revision in OLDER_REVISIONS},
}


@pytest.fixture(params=CLIENTS)
def assistant(request: pytest.FixtureRequest, stack: Stack, make_key: MakeKey, tmp_path: Path) -> Assistant:
    """Each client in turn, with a key of its own."""
    return CLIENTS[request.param](stack.mcp_url, make_key().key, tmp_path)


def finished(assistant: Assistant, told: Told) -> Told:
    while told.structured["status"] in ("queued", "running"):
        assert not told.is_error
        told = assistant.call("get_image_job", job_id=told.structured["job_id"])
    return told


def test_each_older_sdk_speaks_its_revision() -> None:
    for revision in OLDER_REVISIONS:
        types = (MODULES / f"mcp-sdk-{revision}" / "dist/esm/types.js").read_text()
        assert re.search(f"LATEST_PROTOCOL_VERSION = [\"']{revision}", types), revision


def test_a_picture_is_made_and_changed(assistant: Assistant, simulator: SimulatorControl) -> None:
    assert "generate_image" in assistant.tools()
    made = finished(assistant, assistant.call("generate_image", **WISH))
    (image,) = made.structured["images"]
    assert made.links == [image["url"]]
    assert made.shows_preview
    edited = finished(assistant, assistant.call("edit_image", prompt="in winter", images=[image["id"]]))
    assert edited.structured["status"] == "succeeded"
    assert wire.get(edited.links[0], follow_redirects=True).status_code == 200
    assert image["id"] in assistant.resource(f"easel://images/{image['id']}")
    assert len([call for call in simulator.calls() if call["accepted"]]) == 2


def test_a_picture_that_takes_seventy_seconds_is_polled(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, tmp_path: Path
) -> None:
    """Longer than any client's time-out, and the function's. All clients wait at the same time."""
    simulator.plan("slow", seconds=70, count=len(CLIENTS))
    assistants = [connect(stack.mcp_url, make_key().key, tmp_path) for connect in CLIENTS.values()]

    def wait(assistant: Assistant) -> tuple[str, str]:
        told = assistant.call("generate_image", **WISH, wait_seconds=5)
        return told.structured["status"], finished(assistant, told).structured["status"]

    with ThreadPoolExecutor() as threads:
        for first, last in threads.map(wait, assistants):
            assert first in ("queued", "running")
            assert last == "succeeded"
    assert len(simulator.calls()) == len(CLIENTS)


def test_what_costs_nothing_and_what_goes_wrong(assistant: Assistant, simulator: SimulatorControl) -> None:
    assert assistant.call("quote_image", **WISH).structured["quote_micro_usd"] > 0
    assert "a teapot" in assistant.prompt("product_photo", product="a teapot")
    assert "gpt-image-2.6-flare" in assistant.resource("easel://models")
    refused = assistant.call("generate_image", **(WISH | {"size": "1000x1000"}))
    assert refused.is_error
    assert "divisible by 16" in refused.text
    assert simulator.calls() == []
