"""The operator's command line against the deployed stack: what it prints, and how it reports failures."""

import json
import subprocess

import pytest

from local.processes import ROOT
from local.stack import Stack
from tests.support import wire


def easel(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / ".venv/bin/easel"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=stack.environment, check=False)


def status(stack: Stack, key: str) -> int:
    return wire.get(f"{stack.api_url}/jobs", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_created_used_listed_and_revoked(stack: Stack) -> None:
    made = json.loads(stack.easel("keys", "create", "--name", "web shop", "--expires", "90d", "--json"))
    assert status(stack, made["key"]) == 200
    listed = stack.easel("keys", "list")
    assert "web shop" in listed
    assert made["key"] not in listed
    assert "web shop" in stack.easel("keys", "revoke", made["id"])
    assert status(stack, made["key"]) == 401


def test_only_the_hash_of_a_key_is_stored_and_an_expired_key_is_refused(stack: Stack) -> None:
    made = json.loads(stack.easel("keys", "create", "--name", "short", "--expires", "1h", "--json"))
    table = stack.client("dynamodb")
    items = table.scan(TableName=stack.callers_table)["Items"]
    assert made["key"] not in str(items)
    (key_hash,) = [item["key_hash"] for item in items if item["id"]["S"] == made["id"]]
    table.update_item(
        TableName=stack.callers_table,
        Key={"key_hash": key_hash},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )
    assert status(stack, made["key"]) == 401


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--stack", "nowhere", "keys", "list"], "nowhere"),
        (["--profile", "nobody", "keys", "list"], "nobody"),
        (["--stack", "STACK", "keys", "revoke", "key_unknown"], "key_unknown"),
    ],
)
def test_a_failure_is_reported_on_one_line(stack: Stack, arguments: list[str], named: str) -> None:
    result = easel(stack, *[stack.stack_name if word == "STACK" else word for word in arguments])
    assert result.returncode == 1
    assert result.stderr.startswith("easel: ")
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_an_invalid_duration_is_explained(stack: Stack) -> None:
    result = easel(stack, "keys", "create", "--name", "x", "--expires", "soon")
    assert result.returncode == 2
    assert "use 12h, 90d or 4w" in result.stderr
