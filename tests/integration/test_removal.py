"""`easel remove` deletes what CloudFormation alone cannot, asks first, and leaves alone what is protected."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.main import main
from tests.support.world import aws

NAME = "easel-dev"
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}
PARAMETERS = {
    "OpenAiSecretArn": {"Type": "String", "Default": "arn:of-openai"},
    "GeminiSecretArn": {"Type": "String", "Default": ""},
    "OwnProviderSecretArns": {"Type": "CommaDelimitedList", "Default": "arn:of-one,arn:of-another"},
}
RESOURCES = {
    "ImagesBucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "all-images"}},
    "InboxBucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "all-drops"}},
    "JobsTable": TABLE,
    "EventBus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": NAME}},
}


def cloudformation() -> Any:
    return aws.session().client("cloudformation")


@pytest.fixture(autouse=True)
def deployment() -> Iterator[None]:
    """A stack with the kinds of resources that resist, used: a drop was replaced and deleted, a rule was added."""
    with aws.played():
        template = {"Parameters": PARAMETERS, "Resources": RESOURCES}
        cloudformation().create_stack(StackName=NAME, TemplateBody=json.dumps(template))
        s3, events = aws.s3(), aws.events()
        s3.put_bucket_versioning(Bucket="all-drops", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="all-images", Key="images/one.png", Body=b"1")
        for body in (b"1", b"2"):
            s3.put_object(Bucket="all-drops", Key="team/photo.png", Body=body)
        s3.delete_object(Bucket="all-drops", Key="team/photo.png")
        events.put_rule(Name="failures", EventBusName=NAME, EventPattern='{"source": ["easel"]}')
        mine = "arn:aws:sqs:us-east-1:123456789012:mine"
        events.put_targets(Rule="failures", EventBusName=NAME, Targets=[{"Id": "1", "Arn": mine}])
        yield


def table_name() -> str:
    found = cloudformation().describe_stack_resource(StackName=NAME, LogicalResourceId="JobsTable")
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def protect(*, on: bool = True) -> None:
    aws.dynamodb().update_table(TableName=table_name(), DeletionProtectionEnabled=on)


def left() -> dict[str, int]:
    """What is still there."""
    stacks = cloudformation().describe_stacks()["Stacks"]
    return {
        "stacks": len([each for each in stacks if each["StackName"] == NAME]),
        "buckets": len(aws.s3().list_buckets()["Buckets"]),
        "tables": len(aws.dynamodb().list_tables()["TableNames"]),
        "buses": len([each for each in aws.events().list_event_buses()["EventBuses"] if each["Name"] == NAME]),
    }


EVERYTHING = {"stacks": 1, "buckets": 2, "tables": 1, "buses": 1}


def test_all_versions_markers_and_rules_go_and_then_the_stack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remove", "--confirm", NAME]) == 0
    assert left() == dict.fromkeys(EVERYTHING, 0)
    done, asked = capsys.readouterr()
    assert all(name in asked for name in ("all-images", "all-drops", NAME))
    assert NAME in done


def test_the_secrets_of_every_provider_are_named_since_they_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remove", "--confirm", NAME]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "secret" in line]
    assert [line.rpartition(" ")[2] for line in lines] == ["arn:of-openai", "arn:of-one", "arn:of-another"]


@pytest.mark.parametrize("typed", ["yes\n", "easel-prod\n", "\n", ""])
def test_nothing_is_deleted_unless_the_name_of_the_stack_is_typed(
    monkeypatch: pytest.MonkeyPatch, typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["remove"]) == 1
    assert left() == EVERYTHING
    assert len(aws.s3().list_object_versions(Bucket="all-drops")["Versions"]) == 2
    assert "nothing was deleted" in capsys.readouterr().err


def test_the_name_of_the_stack_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NAME}\n"))
    assert main(["remove"]) == 0
    assert left()["stacks"] == 0


def test_what_is_protected_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    protect()
    assert main(["remove", "--confirm", NAME]) == 1
    assert left() == EVERYTHING
    assert aws.s3().list_objects_v2(Bucket="all-images")["KeyCount"] == 1
    assert "--unprotect" in capsys.readouterr().err


def test_protection_is_turned_off_if_that_is_asked_for() -> None:
    protect()
    assert main(["remove", "--unprotect", "--confirm", NAME]) == 0
    assert left() == dict.fromkeys(EVERYTHING, 0)
