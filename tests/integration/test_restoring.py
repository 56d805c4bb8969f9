"""`easel restore` makes a table equal to one that DynamoDB restored, after saying what would change."""

import pytest

from cli import keys
from cli.main import main
from cli.restoring import changes
from tests.support.world import World, aws


@pytest.fixture
def found_by_its_name(world: World) -> None:
    """The command finds the world's stack as an operator's does, by what CloudFormation says of it."""
    outputs = [{"OutputKey": name, "OutputValue": value} for name, value in world.stack.outputs.items()]
    template = "Outputs:\n" + "".join(
        f"  {each['OutputKey']}: {{Value: '{each['OutputValue']}'}}\n" for each in outputs
    )
    aws.session().client("cloudformation").create_stack(
        StackName="easel-dev", TemplateBody=f"Resources:\n  Topic: {{Type: 'AWS::SNS::Topic'}}\n{template}"
    )


def restored(table: str) -> str:
    """What DynamoDB makes of a table's state at this moment."""
    aws.dynamodb().update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    aws.dynamodb().restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=f"{table}-restored", UseLatestRestorableTime=True
    )
    return f"{table}-restored"


def status(world: World, key: str) -> int:
    world.restart()
    return world.api.call("GET", "/jobs", key=key).status


@pytest.mark.usefixtures("found_by_its_name")
def test_a_table_becomes_what_it_was_and_nothing_that_came_later_stays(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (lost,) = world.stack.callers().list_all()
    source = restored("callers")
    assert main(["keys", "revoke", lost.id]) == 0
    later, _ = keys.create(world.stack, "later", None, [], [])
    assert (status(world, world.api.key), status(world, later)) == (401, 200)
    assert main(["stop"]) == 0
    assert main(["restore", "callers", source]) == 0
    assert "1 items" in capsys.readouterr().out
    assert status(world, later) == 200
    assert main(["restore", "callers", source, "--confirm", "easel-dev"]) == 0
    assert (status(world, world.api.key), status(world, later)) == (200, 401)


@pytest.mark.usefixtures("found_by_its_name")
def test_a_restored_ledger_still_says_that_buying_is_stopped(world: World) -> None:
    world.api.accepted()
    source = restored("ledger")
    assert main(["stop", "--reason", "restoring"]) == 0
    writes, deletes = changes(world.stack, "ledger", source)
    assert "control" not in str([each["owner"] for each in (*writes, *deletes)]), "not even for a moment"
    assert main(["restore", "ledger", source, "--confirm", "easel-dev"]) == 0
    assert world.stack.ledger().control().reason == "restoring"
    assert world.api.generate().status == 503


@pytest.mark.usefixtures("found_by_its_name")
@pytest.mark.parametrize(
    ("stopped", "arguments", "why"),
    [
        (False, ["callers", "callers-restored", "--confirm", "easel-dev"], "easel stop"),
        (True, ["callers", "callers-restored", "--confirm", "easel-prod"], "nothing was changed"),
        (True, ["jobs", "callers-restored", "--confirm", "easel-dev"], "other keys"),
        (True, ["callers", "nowhere", "--confirm", "easel-dev"], "not found"),
    ],
)
def test_nothing_is_restored_by_mistake(
    world: World, stopped: bool, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    restored("callers")
    later, _ = keys.create(world.stack, "later", None, [], [])
    if stopped:
        main(["stop"])
    assert main(["restore", *arguments]) == 1
    assert why in capsys.readouterr().err
    assert status(world, later) == 200
