"""A function loads only what it uses: what it loads besides is paid for at each cold start."""

import subprocess
import sys
from functools import cache

import pytest

from local.processes import ROOT

LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@cache
def packages(handler: str) -> set[str]:
    """The top-level packages that a function has loaded before its first event."""
    environment = {"PYTHONPATH": str(ROOT / "src"), "POWERTOOLS_SERVICE_NAME": "easel"}
    command = [sys.executable, "-c", f"import handlers.{handler}; {LOADED}"]
    return set(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("handler", ["api", "worker", "sweep", "dead_letter"])
def test_only_the_mcp_function_loads_the_mcp_sdk(handler: str) -> None:
    assert not packages(handler) & {"mcp", "mcp_types", "mangum", "starlette"}


@pytest.mark.parametrize("handler", ["api", "mcp", "worker", "models_check", "sweep", "dead_letter"])
def test_no_function_loads_the_http_client_of_the_command(handler: str) -> None:
    assert not packages(handler) & {"httpx", "httpcore", "h11"}


@pytest.mark.parametrize("handler", ["api", "mcp", "worker", "sweep", "dead_letter"])
def test_no_function_loads_what_boto3_adds_to_botocore(handler: str) -> None:
    assert not packages(handler) & {"boto3", "s3transfer"}


@pytest.mark.parametrize("handler", ["api", "mcp", "worker", "sweep", "dead_letter"])
def test_pillow_waits_until_a_picture_is_opened(handler: str) -> None:
    assert "PIL" not in packages(handler)


def test_what_only_wrong_requests_need_waits_for_them() -> None:
    assert not packages("api") & {"difflib", "python_multipart"}
