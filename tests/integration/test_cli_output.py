"""The operator's terminal: it shows what is stored, and obeys none of it."""

import ast
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import drops, keys, output
from cli.main import main
from core.ledger.store import LedgerStore
from local.processes import ROOT
from tests.support.command_line import leaves
from tests.support.world import World, aws

# It clears the screen, forges a line, reorders the line and hides in it.
HOSTILE = "a\x1b[2J\r\nkey_0 \u202eb\u200bc\x7fd\x9be\u2028f\u3164g\ufe0fh\U000e0001i\x00"


@pytest.fixture
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployment full of hostile text, as the command finds it in CloudFormation."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("EASEL_URL", raising=False)
    sqs = aws.sqs()
    outputs = world.stack.outputs | {
        "DropsQueueUrl": sqs.get_queue_url(QueueName="drops")["QueueUrl"],
        "DropsDeadLetterQueueUrl": sqs.create_queue(QueueName="dead-drops")["QueueUrl"],
        "TokenSecretArn": aws.secretsmanager().describe_secret(SecretId="tokens")["ARN"],
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="easel-dev", TemplateBody=json.dumps(template))
    _, caller = keys.create(world.stack, HOSTILE, None, [f"gpt-image-{HOSTILE}"], [f"https://{HOSTILE}"])
    drops.map_prefix(world.stack, HOSTILE, caller.id)
    ledger = LedgerStore(aws.dynamodb(), "ledger")
    ledger.stop(HOSTILE, int(time.time()))
    table = aws.dynamodb()
    day = time.strftime("%Y-%m-%d", time.gmtime())
    for owner, name in ((f"usage#{day}", f"{caller.id}#gpt-image-{HOSTILE}"), (HOSTILE, HOSTILE)):
        item = {"owner": {"S": owner}, "name": {"S": name}, "spent": {"N": "5"}, "images": {"N": "1"}}
        table.put_item(TableName="ledger", Item={**item, "reserved": {"N": "0"}})
    return world


COMMANDS: dict[tuple[str, ...], list[str]] = {
    ("keys", "create"): ["--name", HOSTILE],
    ("keys", "list"): [],
    ("keys", "show"): ["ID"],
    ("keys", "rename"): ["ID", HOSTILE],
    ("keys", "rotate"): ["ID"],
    ("keys", "set"): ["ID", "--budget-day", "1"],
    ("keys", "revoke"): ["ID"],
    ("usage",): [],
    ("budget", "show"): [],
    ("budget", "set"): ["--day", "1"],
    ("budget", "reset"): [],
    ("stop",): ["--reason", HOSTILE],
    ("resume",): [],
    ("ledger", "check"): [],
    ("jobs", "list"): ["--key", HOSTILE],
    ("jobs", "show"): [HOSTILE],
    ("jobs", "logs"): [HOSTILE],
    ("images", "list"): [],
    ("images", "show"): [HOSTILE],
    ("images", "delete"): [HOSTILE],
    ("models",): [],
    ("generate",): [HOSTILE],
    ("edit",): [HOSTILE, "--image", HOSTILE.replace("\x00", "")],
    ("export",): ["usage", "--from", "2026-01-01"],
    ("jobs", "resolve"): [HOSTILE, "--free"],
    ("drops", "map"): [HOSTILE, "ID"],
    ("drops", "list"): [],
    ("drops", "unmap"): [HOSTILE],
    ("redrive",): [],
    ("webhooks", "secret"): ["ID"],
    ("webhooks", "list"): [],
    ("webhooks", "test"): ["ID", HOSTILE],
    ("webhooks", "replay"): [HOSTILE],
    ("tokens", "list"): [],
    ("tokens", "revoke"): [HOSTILE],
    ("tokens", "rotate"): [],
    ("doctor",): [],
    ("status",): [],
    ("remove",): ["--confirm", HOSTILE],
    ("restore",): ["ledger", "ledger", "--confirm", HOSTILE],
}


def test_each_command_is_tried() -> None:
    assert set(leaves()) == set(COMMANDS)


def ids(world: World) -> list[str]:
    return [caller.id for caller in world.stack.callers().list_all()]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_that_is_stored_or_given_steers_the_terminal(
    stack: World,
    command: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cli.spending._PAUSE_SECONDS", 0)
    known = ids(stack)[-1]
    arguments = [*command, *(known if word == "ID" else word for word in COMMANDS[command])]
    for more, codes in (([HOSTILE], (2,)), ([], (0, 1, 2))):
        assert main([*arguments, *more]) in codes
        shown = "".join(capsys.readouterr())
        assert shown
        for line in shown.removesuffix("\n").split("\n"):
            assert line == output.visible(line)
            assert not line.startswith("key_0 ")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["redrive"], ["Put back so far: 1"]),
        (["restore", "callers", "old-callers", "--confirm", "easel-dev"], ["Comparing", "Writing the callers table"]),
        (["export", "jobs"], ["Reading jobs"]),
    ],
    ids=lambda each: each[0],
)
def test_what_may_take_long_says_how_far_it_is_but_only_on_a_terminal(
    stack: World,
    command: list[str],
    said: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run() -> str:
        aws.sqs().send_message(QueueUrl=dead_letters, MessageBody="a drop")
        keys.create(stack.stack, "later", None, [], [])
        assert main(command) == 0
        return capsys.readouterr().err

    dead_letters = aws.sqs().get_queue_url(QueueName="dead-drops")["QueueUrl"]
    aws.dynamodb().create_table(
        TableName="old-callers",
        KeySchema=[{"AttributeName": "key_hash", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key_hash", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert run() == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # stands for the terminal that a test does not have
    shown = run()
    assert [each for each in said if each not in shown] == []


@pytest.mark.parametrize("command", [["keys", "list"], ["models", "--json"], ["--version"], ["--help"]], ids=" ".join)
def test_a_full_disk_is_said_in_one_line(
    stack: World, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(command) == 1
    assert capsys.readouterr().err == "easel: what the command did cannot be written: No space left on device\n"


def test_nothing_is_done_whose_result_nobody_could_read(
    stack: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", None)  # as `>&-` makes it
    assert main(["keys", "create", "--name", "lost"]) == 1
    assert capsys.readouterr().err == "easel: standard output is closed, so nothing was done\n"
    assert "lost" not in [caller.name for caller in stack.stack.callers().list_all()]


SECRETS = [
    "ek_" + "s3cr3t-" * 6 + "x",
    "eyJhbGciOiJIUzI1NiJ9.eyJzM2NyM3QiOjF9.s3cr3t",
    "whsec_s3cr3t+/=",
    "sk-" + "s3cr3t" * 5,
]


@pytest.mark.parametrize(
    "command",
    [
        *(["keys", verb] for verb in ("show", "rotate", "revoke")),
        ["keys", "set", "--budget-day", "1"],
        ["jobs", "list", "--key"],
        ["usage", "--key"],
        ["tokens", "revoke"],
        ["tokens", "list", "--key"],
        ["images", "list", "--key"],
        ["images", "show"],
        ["jobs", "show"],
        ["drops", "map", "team/"],
        ["webhooks", "secret"],
        ["keys", "list"],  # an argument too many
        ["usage", "--day"],
    ],
    ids=" ".join,
)
def test_a_secret_in_place_of_an_id_is_not_repeated(
    stack: World, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for secret in SECRETS:
        assert main([*command, secret]) in (1, 2)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("easel: ")
        assert secret not in err
        assert "s3cr3t" not in err


def test_a_table_has_a_line_for_each_entry(stack: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(ids(stack))
    assert main(["drops", "list"]) == 0
    _, line = capsys.readouterr().out.splitlines()
    assert r"a\x1b[2J\x0d\x0akey_0 \u202eb\u200bc\x7fd\x9be\u2028f\u3164g\ufe0fh\U000e0001i\x00" in line


@pytest.mark.parametrize("command", [["keys", "create", "--name", HOSTILE], ["usage"]], ids=["keys create", "usage"])
def test_json_stays_exact(stack: World, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--json"]) == 0
    text = capsys.readouterr().out.removesuffix("\n")
    assert text.isprintable()
    read: Any = json.loads(text)
    assert (read if isinstance(read, dict) else read[0])["name"] == HOSTILE


def test_all_output_takes_one_way() -> None:
    for file in Path(ROOT / "cli").rglob("*.py"):
        if file.name not in ("output.py", "__main__.py"):
            names = {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
            allowed = {"sys"} if file.name == "main.py" else set()
            assert not (names & {"print", "sys"}) - allowed, f"{file.name} prints by itself; use cli.output"


@given(st.text())
def test_what_is_shown_is_one_line_of_characters_with_a_shape(text: str) -> None:
    shown = output.visible(text)
    assert shown.isprintable()
    assert output.visible(shown) == shown


@pytest.mark.parametrize("text", ["web shop", "Größe", "東京", "शॉप", "🦦", "עברית", "a\\b"])
def test_names_of_people_stay_readable(text: str) -> None:
    assert output.visible(text) == text
