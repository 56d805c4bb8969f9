"""`make deploy` says in plain words what the account's concurrency means, and goes on without it."""

import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from local.before_deploy import notes_of, parameters_of, profile_settings, settings_file
from local.processes import ROOT


def said(limit: int, **parameters: str) -> str:
    client = boto3.client(
        "lambda", region_name="eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as aws:
        aws.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": limit}})
        return "\n".join(notes_of(client, parameters))


def test_a_new_account_is_told_what_ten_mean_and_which_quota_to_raise() -> None:
    text = said(10)
    assert "10 functions at the same time" in text
    assert "L-B99A9384" in text
    assert "--region eu-central-1" in text


def test_an_ordinary_account_is_told_its_limit_only() -> None:
    assert said(1000).count("\n") == 0


@pytest.mark.parametrize(
    ("limit", "parameters", "fails"),
    [
        (10, {"DirectConcurrency": "1"}, True),
        (1000, {"DirectConcurrency": "20", "McpConcurrency": "20"}, False),
        (1000, {"DirectConcurrency": "900"}, False),
        (1000, {"DirectConcurrency": "500", "McpConcurrency": "401"}, True),
        (10, {"DirectConcurrency": "0"}, False),
        (10, {}, False),
    ],
)
def test_a_reservation_that_aws_refuses_is_named(limit: int, parameters: dict[str, str], fails: bool) -> None:
    assert ("this deployment will fail" in said(limit, **parameters)) == fails


@pytest.mark.parametrize(
    "written", ['"Environment=dev DirectConcurrency=20"', '["Environment=dev", "DirectConcurrency=20"]']
)
def test_parameters_are_read_as_sam_reads_them(written: str) -> None:
    settings = profile_settings(f"[prod.deploy.parameters]\nparameter_overrides = {written}", "prod")
    assert parameters_of(settings) == {"Environment": "dev", "DirectConcurrency": "20"}


def test_the_operators_own_settings_take_the_place_of_those_in_git(tmp_path: Path) -> None:
    assert settings_file(tmp_path) == "samconfig.toml"
    (tmp_path / "samconfig.local.toml").touch()
    assert settings_file(tmp_path) == "samconfig.local.toml"


def test_without_credentials_the_deployment_goes_on() -> None:
    """SAM is asked to guide, since the profile names no secret, and the operator is told what to answer."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "src:.", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/none"}
    environment |= {"AWS_DEFAULT_REGION": "eu-central-1"}
    command = [sys.executable, "-m", "local.before_deploy", "default"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    assert result.stdout.split() == ["--config-file", settings_file(ROOT), "--guided"]
    assert "cannot be read" in result.stderr
    assert "answer y" in result.stderr
    assert "Traceback" not in result.stderr
