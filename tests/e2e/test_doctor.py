"""easel doctor and easel status against the deployed stack: a healthy one, and one with faults planted in its cloud."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from local.simulator_control import SimulatorControl
from local.stack import Stack


@pytest.fixture
def easel(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command with --local and --json: its exit code and its document."""
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(asdict(stack)))
    monkeypatch.setattr("cli.stack.LOCAL_STACK_FILES", (file,))

    def run(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*arguments, "--local", "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def found(document: Any, severity: str) -> set[str]:
    return {each["check"] for each in document["checks"] if each["severity"] == severity}


def test_the_laptop_cloud_is_healthy(easel: Any, simulator: SimulatorControl) -> None:
    code, document = easel("doctor")
    assert found(document, "broken") == set(), document
    assert found(document, "unknown") == set(), document
    assert code == 0
    assert simulator.calls() == [], "it buys nothing"


def test_faults_in_the_cloud_are_found(stack: Stack, easel: Any, simulator: SimulatorControl) -> None:
    functions, s3 = stack.client("lambda"), stack.client("s3")
    (mapping,) = functions.list_event_source_mappings(FunctionName=stack.drop_function)["EventSourceMappings"]
    cors = s3.get_bucket_cors(Bucket=stack.images_bucket)["CORSRules"]
    stack.easel("stop", "--reason", "a test")
    s3.delete_bucket_cors(Bucket=stack.images_bucket)
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        code, document = easel("doctor")
        _, status = easel("status")
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        s3.put_bucket_cors(Bucket=stack.images_bucket, CORSConfiguration={"CORSRules": cors})
        stack.easel("resume")
    assert code == 1
    assert found(document, "broken") == {"CORS of images", "connections"}
    assert "buying" in found(document, "warning")
    assert status["stopped"]["reason"] == "a test"
    assert status["measured_at"] <= time.time()
