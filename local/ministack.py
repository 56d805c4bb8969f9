"""Starts MiniStack, an emulator of AWS: on loopback only, with IAM enforced."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from local.processes import ROOT, free_port, service, wait_until

DEFAULT_PORT = 4566
# For MiniStack, this key is the account's administrator.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
PYTHON = ROOT / ".venv-ministack/bin/python"


@contextlib.contextmanager
def ministack(log: Path, port: int) -> Iterator[str]:
    """Run MiniStack inside the block; yields its endpoint URL.

    If `port` is 0 or in use, a free one is taken. The environment variable LAMBDA_ACCOUNT_CONCURRENCY says how many
    functions may run at once in the account; without it, that depends on the machine's memory.
    """
    port = free_port(port)
    settings = {
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        # Only the gateway: no MQTT broker on 0.0.0.0:8883, no SFTP, no Docker.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "LAMBDA_EXECUTOR": "local",
    }
    if account_concurrency := os.environ.get("LAMBDA_ACCOUNT_CONCURRENCY"):
        settings["LAMBDA_ACCOUNT_CONCURRENCY"] = account_concurrency
    url = f"http://127.0.0.1:{port}"
    with service([PYTHON, "-m", "local.fidelity"], log, settings) as guard:
        wait_until(lambda: _is_healthy(url), guard, log)
        yield url


def function_url(aws_endpoint_url: str, url: str) -> str:
    """MiniStack's path for a Function URL, whose own host name cannot be resolved."""
    return f"{aws_endpoint_url}/_aws/lambda-url/{(urlsplit(url).hostname or '').split('.')[0]}"


def _is_healthy(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/_ministack/health", trust_env=False).json()["auth"] == "enabled")
    except httpx.TransportError:
        return False
