"""Where a local deployment is and how its administrator reaches it, as stored in `out/stack.json`."""

import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3

from local.ministack import CREDENTIALS
from local.processes import ROOT, LocalCloudError, clean_environment, is_alive

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

STACK_FILE = ROOT / "out/stack.json"
# The same for a shell, what a caller needs: source out/stack.env
SHELL_FILE = STACK_FILE.with_suffix(".env")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A deployed stack. `api_url` and `direct_url` end in /v1; `simulator_url` is None with a real provider.

    `parameters` are those of its providers.
    """

    stack_name: str
    region: str
    aws_endpoint_url: str
    api_url: str
    direct_url: str
    mcp_url: str
    api_key: str
    simulator_url: str | None
    parameters: dict[str, str] = field(hash=False)
    token_secret_arn: str
    images_bucket: str
    inbox_bucket: str
    jobs_table: str
    callers_table: str
    ledger_table: str
    jobs_queue_url: str
    jobs_dead_letter_queue_url: str
    event_bus: str
    worker_function: str
    mcp_function: str
    sweep_function: str
    model_check_function: str
    drops_queue_url: str
    drops_dead_letter_queue_url: str
    drop_function: str
    pid: int

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self) -> None:
        """Write all fields as JSON, and what callers need for a shell; atomically: a reader never sees half a file."""
        _write(SHELL_FILE, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.variables.items()))
        _write(STACK_FILE, json.dumps(asdict(self), indent=2) + "\n")

    @property
    def variables(self) -> dict[str, str]:
        """What the documentation calls the base URLs and the key of a deployment."""
        return {
            "EASEL_URL": self.api_url,
            "EASEL_DIRECT_URL": self.direct_url,
            "EASEL_MCP_URL": self.mcp_url,
            "EASEL_KEY": self.api_key,
            **({"EASEL_SIMULATOR_URL": self.simulator_url} if self.simulator_url else {}),
        }

    @property
    def playground_url(self) -> str:
        """The playground with the key behind the #, which browsers send to no server."""
        return f"{self.api_url}/playground#key={self.api_key}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point AWS tools and the `easel` command at this stack."""
        return clean_environment(
            **CREDENTIALS,
            AWS_DEFAULT_REGION=self.region,
            AWS_REGION=self.region,
            AWS_ENDPOINT_URL=self.aws_endpoint_url,
        )

    def easel(self, *arguments: str) -> str:
        """Run the `easel` command for this stack and return its output.

        Raises:
            LocalCloudError: it failed; the message is its own.
        """
        command: list[str | Path] = [ROOT / ".venv/bin/easel", "--stack", self.stack_name, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=self.environment, check=False)
        if result.returncode:
            raise LocalCloudError(result.stderr.strip())
        return str(result.stdout)

    def create_key(self, name: str, *options: str) -> str:
        """Create a caller as an operator would, with `easel keys create`, and return its API key."""
        return str(json.loads(self.easel("keys", "create", "--name", name, "--json", *options))["key"])

    def client(self, service: str) -> Any:
        """A boto3 client with the rights of the account's administrator."""
        return aws_client(service, self.aws_endpoint_url, self.region)

    def logs(self, of: str = "") -> list[str]:
        """Every line that the functions logged, by log group; only of groups that have `of` in their names."""
        logs: CloudWatchLogsClient = self.client("logs")
        groups = logs.get_paginator("describe_log_groups").paginate()
        lines: list[str] = []
        for name in (group["logGroupName"] for page in groups for group in page["logGroups"]):
            if of not in name:
                continue
            events = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
            lines += [event["message"] for page in events for event in page["events"]]
        return lines

    @contextlib.contextmanager
    def without_statement(self, sid: str) -> Iterator[None]:
        """Inside the block, the roles of this stack lack the statement of that Sid.

        The same as deploying the template without it, but faster: the policy changes in place, and all functions
        restart. Raises KeyError if no role has such a statement.
        """
        iam: IAMClient = self.client("iam")
        changed: list[tuple[str, str, dict[str, Any]]] = []
        for role in self._physical_ids("AWS::IAM::Role"):
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                document: Any = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                if any(statement.get("Sid") == sid for statement in document["Statement"]):
                    changed.append((role, name, document))
        if not changed:
            raise KeyError(f"no role of {self.stack_name} has a statement with the Sid {sid}")
        try:
            for role, name, document in changed:
                _put_policy(iam, role, name, document, without=sid)
            self.restart_functions()
            yield
        finally:
            for role, name, document in changed:
                _put_policy(iam, role, name, document)

    @contextlib.contextmanager
    def without_conditions(self, role: str) -> Iterator[None]:
        """Inside the block, the statements of the role of that logical id hold under all circumstances."""
        iam: IAMClient = self.client("iam")
        name = self.physical_id(role)
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document: Any = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        statements = [
            {part: value for part, value in each.items() if part != "Condition"} for each in document["Statement"]
        ]
        try:
            _put_policy(iam, name, policy, document | {"Statement": statements})
            yield
        finally:
            _put_policy(iam, name, policy, document)

    @contextlib.contextmanager
    def with_variables(self, variables: Mapping[str, str], *functions: str) -> Iterator[None]:
        """Inside the block, the functions of these logical ids have additional environment variables.

        The same as deploying the template with other parameters, but faster.
        """
        client: LambdaClient = self.client("lambda")
        before: dict[str, dict[str, str]] = {}
        try:
            for name in map(self.physical_id, functions):
                before[name] = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
                changed = before[name] | dict(variables)
                client.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
            yield
        finally:
            for name, deployed in before.items():
                client.update_function_configuration(FunctionName=name, Environment={"Variables": deployed})

    def restart_functions(self, *names: str) -> None:
        """Make these functions, or all of them, start cold, so that none keeps using what it has in memory."""
        functions: LambdaClient = self.client("lambda")
        for name in names or self._physical_ids("AWS::Lambda::Function"):
            # Setting the same value changes nothing, but MiniStack ends the function's processes.
            timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
            functions.update_function_configuration(FunctionName=name, Timeout=timeout)

    def physical_id(self, logical_id: str) -> str:
        """The name, URL or ARN of a resource of the template, whatever its Ref is."""
        cloudformation: CloudFormationClient = self.client("cloudformation")
        found = cloudformation.describe_stack_resource(StackName=self.stack_name, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def _physical_ids(self, kind: str) -> list[str]:
        cloudformation: CloudFormationClient = self.client("cloudformation")
        resources = cloudformation.describe_stack_resources(StackName=self.stack_name)
        return [
            resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
            if resource["ResourceType"] == kind
        ]


@cache
def aws_client(service: str, endpoint_url: str, region: str) -> Any:
    """A boto3 client with the rights of MiniStack's administrator; one for all, since each takes 90 ms to make."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
    ).client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload] # a name at run time


def forget() -> None:
    """Remove what `save` wrote, of a deployment that has ended."""
    STACK_FILE.unlink(missing_ok=True)
    SHELL_FILE.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


def _put_policy(iam: "IAMClient", role: str, name: str, document: dict[str, Any], without: str | None = None) -> None:
    statements = [s for s in document["Statement"] if without is None or s.get("Sid") != without]
    if statements:
        changed = json.dumps(document | {"Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=changed)
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def running(path: Path = STACK_FILE) -> Stack | None:
    """The stack that `make up` keeps running; None if there is none, or if it was killed.

    Raises:
        LocalCloudError: it was started by another version of Easel.
    """
    if keeper(path) is None:
        return None
    try:
        return Stack.load(path)
    except TypeError:
        raise LocalCloudError(
            "The local deployment was started by another version of Easel. Stop it with: make down"
        ) from None


def keeper(path: Path = STACK_FILE) -> int | None:
    """The process that keeps the stack of `make up` running; None if there is none, or if it was killed."""
    if not path.exists():
        return None
    pid = int(json.loads(path.read_text())["pid"])
    return pid if is_alive(pid) else None
