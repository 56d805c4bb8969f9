"""Finds a deployed Easel: by its CloudFormation stack, in AWS or in the laptop cloud."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

LOCAL_STACK_FILE = Path("out/stack.json")


class StackError(Exception):
    """The stack cannot be reached or is not an Easel; the message says what to do."""


@dataclass(frozen=True)
class Stack:
    """A deployed Easel: a session that may work on it, what its stack names, and what it was deployed with."""

    session: boto3.session.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, name: str, *, local: bool, profile: str | None = None, region: str | None = None) -> "Stack":
        """The stack of that name, or the one that `make up` runs here.

        Raises:
            StackError: there is none, or the credentials do not reach it.
        """
        endpoint_url = None
        if local:
            if not LOCAL_STACK_FILE.exists():
                raise StackError(f"No laptop cloud is running here ({LOCAL_STACK_FILE} is missing). Start it: make up")
            here = json.loads(LOCAL_STACK_FILE.read_text())
            name, endpoint_url, region = here["stack_name"], here["aws_endpoint_url"], here["region"]
            # What the laptop cloud takes for its administrator.
            session = boto3.session.Session(
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - no secret, see above
                region_name=region,
            )
        else:
            session = boto3.session.Session(profile_name=profile, region_name=region)
        try:
            cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            raise StackError(f"The stack '{name}' cannot be read: {error}. Name another with --stack.") from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
        return cls(session, endpoint_url, outputs, parameters)

    def output(self, name: str) -> str:
        """An output of the stack.

        Raises:
            StackError: it has none of that name.
        """
        if name not in self.outputs:
            raise StackError(f"The stack has no output '{name}'; is it an Easel of this version?")
        return self.outputs[name]
