"""The command line: starting, the port file, and stopping cleanly."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    port_file = tmp_path / "url"
    options = ["--port", "0", "--port-file", str(port_file), "--key", "k-1", "--key", "k-2"]
    command = [sys.executable, "-m", "local.simulator", *options, "--today", "2026-12-01", "--plain"]
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not port_file.exists():
            assert process.poll() is None
            time.sleep(0.02)
        url = port_file.read_text().strip()
        for key, status in (("k-1", 200), ("k-2", 200), ("sk-test", 401)):
            answer = httpx.get(f"{url}/v1/models", headers={"api-key": key}, trust_env=False)
            assert answer.status_code == status
        gone = httpx.get(f"{url}/v1/models/gpt-image-1.5", headers={"api-key": "k-1"}, trust_env=False)
        assert gone.status_code == 404
        process.send_signal(number)
        output, noise = process.communicate(timeout=10)
    assert url.startswith("http://127.0.0.1:")
    assert (process.returncode, output, noise) == (0, url + "\n", "")
