"""What `easel doctor` prints, and how it exits."""

import json

import pytest
import respx
from botocore.exceptions import NoCredentialsError

from cli.errors import CommandError
from cli.main import main
from cli.stack import Stack
from core import __version__
from tests.support.deployed_account import Account
from tests.support.internet import CLOSED, Internet, Reply

MODELS = "https://api.openai.com/v1/models"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter, internet: Internet) -> Account:
    account = Account()
    monkeypatch.setattr(Stack, "find", lambda *_, **__: account.stack())
    internet.get(MODELS, Reply.of(json={"data": [{"id": "gpt-image-2.6-flare"}]}))
    respx_mock.post(host="mcp.example").respond(401)
    respx_mock.get(path="/v1/health").respond(json={"version": __version__})
    respx_mock.options().respond(204, headers={"access-control-allow-origin": "*"})
    return account


def test_a_healthy_deployment_exits_with_0_and_has_a_line_for_each_check(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert "ok       HTTP API             ApiUrl answers" in out
    assert out.splitlines()[-1] == "1 unknown, 25 ok"
    assert err == ""


def test_something_broken_exits_with_1_and_its_fix_is_under_it(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.change("s3:GetBucketVersioning", "Status", to="Suspended")
    assert main(["doctor"]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("broken"))
    assert "keeps no versions" in lines[at]
    assert lines[at + 1].strip().startswith("fix: aws s3api put-bucket-versioning")
    assert err == "easel: 1 check found something broken\n"


def test_a_warning_does_not_fail(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.change("sns:ListSubscriptionsByTopic", "Subscriptions", to=[])
    assert main(["doctor"]) == 0
    assert "1 warning" in capsys.readouterr().out


def test_json_holds_every_check_with_its_findings(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.change("s3:GetBucketVersioning", "Status", to="Suspended")
    assert main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert document["counts"] == {"ok": 24, "unknown": 1, "warning": 0, "broken": 1}
    (inbox,) = (each for each in document["checks"] if each["check"] == "inbox")
    assert inbox["severity"] == "broken"
    assert inbox["findings"][0]["fix"].startswith("aws s3api put-bucket-versioning")


def test_without_access_to_aws_that_is_the_one_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(*_: object, **__: object) -> Stack:
        raise CommandError("no AWS credentials were found") from NoCredentialsError()

    monkeypatch.setattr(Stack, "find", find)
    assert main(["doctor", "--json"]) == 1
    (check,) = json.loads(capsys.readouterr().out)["checks"]
    assert check["check"] == "access"
    assert "aws sso login" in check["findings"][0]["fix"]


def test_a_stack_that_does_not_exist_is_found_with_how_to_choose_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(*_: object, **__: object) -> Stack:
        raise CommandError("the stack 'nope' does not exist in eu-central-1")

    monkeypatch.setattr(Stack, "find", find)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "the stack 'nope' does not exist in eu-central-1" in out
    assert "--stack" in out


def test_a_provider_that_breaks_while_it_is_asked_is_a_finding(
    account: Account, internet: Internet, capsys: pytest.CaptureFixture[str]
) -> None:
    internet.get(MODELS, CLOSED)
    assert main(["doctor"]) == 1
    assert "cannot be reached from this machine (RemoteDisconnected)" in capsys.readouterr().out
