"""MiniStack as the local deployment starts it, with nothing deployed, for a new account."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from local.deployment import REGION
from local.ministack import ministack
from local.stack import aws_client

_numbers = itertools.count(1)
# How many functions run at once in an account that AWS has not raised yet.
NEW_ACCOUNT = 10
TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
}


@pytest.fixture(scope="package")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMBDA_ACCOUNT_CONCURRENCY", str(NEW_ACCOUNT))
        with ministack(tmp_path_factory.mktemp("ministack") / "ministack.log", 0) as url:
            yield url


@pytest.fixture(scope="package")
def client(endpoint: str) -> Callable[[str], Any]:
    """Makes a client with the rights of the account's administrator."""
    return lambda service: aws_client(service, endpoint, REGION)


@pytest.fixture
def role(client: Callable[[str], Any]) -> Callable[..., str]:
    """Makes a role that may do what the statements say; returns its ARN."""

    def make(*statements: dict[str, Any]) -> str:
        iam, name = client("iam"), f"role-{next(_numbers)}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
        return str(arn)

    return make


@pytest.fixture
def client_as(client: Callable[[str], Any], endpoint: str) -> Callable[[str, str], Any]:
    """Makes a client with the rights of a role."""

    def make(role_arn: str, service: str) -> Any:
        session = client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        return boto3.Session(
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            region_name=REGION,
        ).client(service, endpoint_url=endpoint)  # type: ignore[call-overload] # a name at run time

    return make


@pytest.fixture(scope="package")
def deploy(client: Callable[[str], Any]) -> Callable[[dict[str, Any]], dict[str, str]]:
    """Deploys resources with CloudFormation; returns their physical ids by logical id."""

    def make(resources: dict[str, Any]) -> dict[str, str]:
        cloudformation, name = client("cloudformation"), f"stack-{next(_numbers)}"
        template = json.dumps({"Resources": resources})
        cloudformation.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2})
        made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in made}

    return make


def eventually(what: str, holds: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it returned; fail after a minute."""
    deadline = time.monotonic() + 60
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found
