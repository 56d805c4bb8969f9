"""What the deployed API answers is what its description says, for thousands of requests that fit it or do not.

Schemathesis makes them from the served document: every field at and beyond its bounds, wrong types, unknown fields,
other methods, no key, and chains such as upload, read, delete. How, and what is left out, is in schemathesis.toml.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SETTINGS = Path(__file__).with_name("schemathesis.toml")


def _strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every answer closed: no field, and for its status no error code, that is not in it."""
    components = document["components"]
    for schema in components["schemas"].values():
        schema.setdefault("additionalProperties", False)
    for name, response in components["responses"].items():
        codes = re.findall(r"^- `(\w+)`", response["description"], re.MULTILINE)
        if "X" not in name and "content" in response:
            content = response["content"]["application/json"]
            documented = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
            content["schema"] = {"allOf": [content["schema"], documented]}
    return document


def _wait_for_jobs(url: str, key: Key) -> None:
    """Until nothing is bought any more, so that it does not run into the next test."""
    page: dict[str, Any] = {"has_more": True, "last_id": None}
    while page["has_more"]:
        after = {"after": page["last_id"]} if page["last_id"] else {}
        page = wire.get(f"{url}/jobs", params={"limit": 100, **after}, headers=key.headers).raise_for_status().json()
        for job in page["data"]:
            status = job["status"]
            while status in ("queued", "running"):
                waited = wire.get(f"{url}/jobs/{job['id']}?wait=20", headers=key.headers)
                status = waited.raise_for_status().json()["status"]


# The direct URL gets the many requests: behind API Gateway no more than its throttle lets through could be sent.
@pytest.mark.parametrize(
    ("door", "phases"),
    [
        pytest.param("direct", ("coverage", "fuzzing"), id="direct", marks=pytest.mark.nightly),
        pytest.param("api", ("examples", "stateful"), id="api"),
    ],
)
def test_every_answer_is_described(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, tmp_path: Path, door: str, phases: tuple[str, ...]
) -> None:
    key = make_key()
    url = stack.api_url if door == "api" else stack.direct_url
    served = wire.get(f"{url}/openapi.json")
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(_strict(served.raise_for_status().json())))
    # MiniStack throttles at the stage's 50 a second as API Gateway does, but not with the body the template gives it.
    limit = ["--rate-limit", "40/s"] if door == "api" else []
    # Nothing is waited for in the call itself: a thousand images would take an hour.
    # fmt: off
    run = subprocess.run(
        [SCHEMATHESIS, "--config-file", SETTINGS, "--no-color", "run", description, "--url", url,
         "--phases", ",".join(phases), *limit,
         "--header", f"Authorization: {key.headers['Authorization']}", "--header", "Prefer: respond-async"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )
    # fmt: on
    _wait_for_jobs(url, key)
    assert run.returncode == 0, run.stdout + run.stderr
