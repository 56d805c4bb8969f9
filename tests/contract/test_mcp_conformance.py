"""The official conformance suite of MCP over the adapter of the MCP door."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import ROOT, clean_environment
from tests.support.mcp.programs import CONFORMANCE, run

# Each asks the client something back in the middle of a call, for which a stateless server has no channel. In
# 2026-07-28 the same is done by a second request, which works.
NEEDS_A_BACK_CHANNEL = (
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
)
REQUIRED = {"2026-07-28": 37, "2025-11-25": 30}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    environment = clean_environment(PYTHONPATH=f"{ROOT}/src:{ROOT}", POWERTOOLS_SERVICE_NAME="easel")
    command = [sys.executable, "-m", "tests.contract.mcp_conformance_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield f"http://localhost:{int(process.stdout.readline())}/mcp"
        finally:
            process.terminate()


@pytest.mark.parametrize("revision", REQUIRED)
def test_every_required_scenario_passes_that_needs_no_back_channel(url: str, revision: str, tmp_path: Path) -> None:
    listed = run(CONFORMANCE, "list", "--requirements", revision).stdout
    server_part = listed.partition("Server scenarios")[2].partition("Client scenarios")[0]
    required = set(re.findall(r"^  - (\S+)$", server_part, re.MULTILINE))
    assert len(required) == REQUIRED[revision]

    printed = run(CONFORMANCE, "server", "--url", url, "--requirements", revision, "-o", tmp_path, seconds=300).stdout
    passed = set(re.findall(r"^✓ (\S+):", printed, re.MULTILINE))
    failed = required - passed
    assert failed == (set(NEEDS_A_BACK_CHANNEL) if revision == "2025-11-25" else set()), printed
