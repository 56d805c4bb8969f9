"""MiniStack's Function URLs, REST APIs, buckets and event buses answer as AWS's do, and functions have limits."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.ministack import function_url
from tests.deployment.local.conftest import NEW_ACCOUNT, TRUST
from tests.support import wire

Client = Callable[[str], Any]
Deploy = Callable[[dict[str, Any]], dict[str, str]]

# Does what the last part of the path says; what it answers is an envelope for both front ends.
CODE = """
import time
def handle(event, context):
    path = event.get("rawPath") or event["path"]
    what, _, number = path.rpartition("/")[2].partition("-")
    answer = {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": what}
    if what == "challenge":
        answer |= {"statusCode": 401, "headers": {"WWW-Authenticate": "Bearer"}}
    elif what == "large":
        answer["body"] = "x" * int(number)
    elif what == "memory":
        hoard = bytearray(int(number) * 1024 * 1024)
        hoard[::4096] = b"x" * len(hoard[::4096])
    elif what == "slow":
        time.sleep(int(number))
    elif what == "fail":
        raise ValueError("a secret of the function")
    return answer
"""
BUSY = '{"code":"busy"}'


@dataclass(frozen=True)
class Doors:
    """The two URLs of one function."""

    url: str
    api: str

    def __iter__(self) -> Iterator[str]:
        yield from (self.url, self.api)


@pytest.fixture(scope="module")
def make_doors(client: Client, deploy: Deploy, endpoint: str) -> Callable[..., Doors]:
    def make(**properties: Any) -> Doors:
        made = deploy(resources(**properties))
        url = client("lambda").get_function_url_config(FunctionName=made["Function"])["FunctionUrl"]
        return Doors(function_url(endpoint, url), f"{endpoint}/_aws/execute-api/{made['Api']}/prod")

    return make


@pytest.fixture(scope="module")
def doors(make_doors: Callable[..., Doors]) -> Doors:
    return make_doors()


def resources(**properties: Any) -> dict[str, Any]:
    function_arn = {"Fn::GetAtt": ["Function", "Arn"]}
    uri = {
        "Fn::Join": [
            "",
            ["arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/", function_arn, "/invocations"],
        ]
    }
    integration = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri}
    method = {
        "RestApiId": {"Ref": "Api"},
        "ResourceId": {"Ref": "Resource"},
        "HttpMethod": "ANY",
        "AuthorizationType": "NONE",
        "Integration": integration,
    }
    root = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "Role": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST}),
        "Function": (
            "AWS::Lambda::Function",
            {
                "Runtime": "python3.13",
                "Handler": "index.handle",
                "Code": {"ZipFile": CODE},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "MemorySize": 128,
                "Timeout": 60,
                **properties,
            },
        ),
        "Url": ("AWS::Lambda::Url", {"TargetFunctionArn": {"Ref": "Function"}, "AuthType": "NONE"}),
        "MayCall": (
            "AWS::Lambda::Permission",
            {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunctionUrl",
                "Principal": "*",
                "FunctionUrlAuthType": "NONE",
            },
        ),
        "Api": ("AWS::ApiGateway::RestApi", {"Name": "doors", "BinaryMediaTypes": ["application/octet-stream"]}),
        "Resource": (
            "AWS::ApiGateway::Resource",
            {"RestApiId": {"Ref": "Api"}, "ParentId": root, "PathPart": "{proxy+}"},
        ),
        "Method": ("AWS::ApiGateway::Method", method),
        "Busy": (
            "AWS::ApiGateway::GatewayResponse",
            {
                "RestApiId": {"Ref": "Api"},
                "ResponseType": "INTEGRATION_FAILURE",
                "StatusCode": "503",
                "ResponseTemplates": {"application/json": BUSY},
            },
        ),
        "TooLarge": (
            "AWS::ApiGateway::GatewayResponse",
            {"RestApiId": {"Ref": "Api"}, "ResponseType": "REQUEST_TOO_LARGE", "StatusCode": "499"},
        ),
        "Deployment": ("AWS::ApiGateway::Deployment", {"RestApiId": {"Ref": "Api"}, "StageName": "prod"}),
    }
    written = {name: {"Type": kind, "Properties": values} for name, (kind, values) in made.items()}
    written["Deployment"]["DependsOn"] = ["Method", "Busy", "TooLarge"]
    return written


def test_a_challenge_arrives_under_another_name(doors: Doors) -> None:
    for door in doors:
        answer = wire.get(f"{door}/challenge")
        assert (answer.status_code, answer.headers.get("x-amzn-remapped-www-authenticate")) == (401, "Bearer")
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("size", [5 * 1024 * 1024, 9 * 1024 * 1024], ids=["5 MB in base64", "9 MB"])
def test_a_request_beyond_what_a_function_takes_is_refused_before_it(doors: Doors, size: int) -> None:
    """Whatever the template's gateway responses say of it."""
    body, headers = bytes(size), {"Content-Type": "application/octet-stream"}
    by_url, by_api = (wire.post(f"{door}/echo", content=body, headers=headers) for door in doors)
    assert (by_url.status_code, "must be smaller than 6291456" in by_url.json()["Message"]) == (413, True)
    assert (by_api.status_code, by_api.json()) == (413, {"message": "Request Too Long"})


def test_a_request_just_within_it_is_taken(doors: Doors) -> None:
    for door in doors:
        answer = wire.post(f"{door}/echo", content="x" * 6_000_000, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.text) == (200, "echo")


def test_api_gateway_takes_no_body_of_more_than_10_mb(doors: Doors) -> None:
    answer = wire.post(f"{doors.api}/echo", content="x" * (10 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.text) == (413, "HTTP content length exceeded 10485760 bytes.")


@pytest.mark.parametrize("what", ["fail", "large-6300000", "memory-200"])
def test_of_a_function_that_fails_callers_learn_nothing(doors: Doors, what: str) -> None:
    """By raising, by an answer of more than 6 MB, or by more memory than it has."""
    by_url, by_api = (wire.get(f"{door}/{what}") for door in doors)
    assert (by_url.status_code, by_url.text) == (502, "Internal Server Error")
    assert (by_api.status_code, by_api.text) == (503, BUSY)


def test_a_function_may_use_the_memory_that_it_has(doors: Doors) -> None:
    for door in doors:
        assert wire.get(f"{door}/memory-40").status_code == 200
        assert wire.get(f"{door}/large-6000000").status_code == 200


@pytest.mark.parametrize(
    ("properties", "calls"),
    [({"ReservedConcurrentExecutions": 1}, 1), ({}, NEW_ACCOUNT)],
    ids=["reserved by the template", "of a new account"],
)
def test_no_more_calls_run_at_once_than_the_concurrency_allows(
    make_doors: Callable[..., Doors], properties: dict[str, Any], calls: int
) -> None:
    doors = make_doors(**properties)
    with ThreadPoolExecutor(calls) as pool:
        running = [pool.submit(wire.get, f"{doors.url}/slow-5") for _ in range(calls)]
        time.sleep(3)  # the processes of the functions start meanwhile
        by_url, by_api = (wire.get(f"{door}/echo") for door in doors)
        assert {call.result().status_code for call in running} == {200}
    assert by_url.status_code == 429
    assert (by_api.status_code, by_api.text) == (503, BUSY)


def test_a_signed_url_takes_no_authorization_besides(client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="signed")
    s3.put_object(Bucket="signed", Key="a.txt", Body=b"a")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "signed", "Key": "a.txt"})
    assert wire.get(url).text == "a"
    refused = wire.get(url, headers={"Authorization": "Bearer ek_test"})
    assert (refused.status_code, "Only one auth mechanism allowed" in refused.text) == (400, True)
    assert "ek_test" not in refused.text


def test_a_bucket_is_deleted_only_without_any_version(client: Client, deploy: Deploy) -> None:
    versioned = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
    s3, made = client("s3"), deploy({"Bucket": versioned})
    bucket = made["Bucket"]
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"a")
    s3.delete_object(Bucket=bucket, Key="a.txt")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    assert not is_deleted(client, bucket)
    versions = s3.list_object_versions(Bucket=bucket)
    for each in versions["Versions"] + versions["DeleteMarkers"]:
        s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    assert is_deleted(client, bucket)


def test_an_event_bus_is_deleted_only_without_rules(client: Client, deploy: Deploy) -> None:
    events = client("events")
    bus = deploy({"Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "with-rules"}}})["Bus"]
    events.put_rule(Name="mine", EventBusName=bus, EventPattern=json.dumps({"source": ["easel"]}))
    with pytest.raises(ClientError, match="it has rules"):
        events.delete_event_bus(Name=bus)
    assert not is_deleted(client, bus)
    events.delete_rule(Name="mine", EventBusName=bus)
    assert is_deleted(client, bus)


def is_deleted(client: Client, physical_id: str) -> bool:
    """Whether the stack of a resource could be deleted."""
    cloudformation = client("cloudformation")
    (stack,) = [
        each["StackId"]
        for each in cloudformation.list_stacks()["StackSummaries"]
        if each["StackStatus"] != "DELETE_COMPLETE"
        and physical_id
        in {
            resource.get("PhysicalResourceId")
            for resource in cloudformation.list_stack_resources(StackName=each["StackId"])["StackResourceSummaries"]
        }
    ]
    cloudformation.delete_stack(StackName=stack)
    while (status := cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]) != "DELETE_COMPLETE":
        if status == "DELETE_FAILED":
            return False
        time.sleep(0.1)
    return True
