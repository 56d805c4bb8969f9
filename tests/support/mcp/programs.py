"""Programs of the MCP project, run by the Node that is installed beside them, newer than many have."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from local.processes import clean_environment

FOLDER = Path(__file__).parent / "node"
MODULES = FOLDER / "node_modules"
CONFORMANCE = MODULES / "@modelcontextprotocol/conformance/dist/index.js"
INSPECTOR = MODULES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
CLIENT = FOLDER / "client.mjs"


def node() -> Path:
    """The installed Node; npm installs the one of this system."""
    found = sorted(MODULES.glob("node-*/bin/node"))
    assert found, "`make test` installs the programs"
    return found[0]


def run(
    program: Path, *arguments: str | Path, seconds: int = 180, home: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """What a program printed, and its exit code; `home` is where it may keep settings."""
    command: Sequence[str | Path] = [node(), program, *arguments]
    environment = clean_environment(**({"HOME": str(home)} if home else {}))
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=environment, cwd=FOLDER, check=False
    )
