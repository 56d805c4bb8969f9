"""Finds a deployed Easel by its CloudFormation stack, in AWS or on this machine, and opens its stores."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from cli.errors import CommandError
from cli.session import Context
from core import catalog
from core.callers.store import CallerStore
from core.catalog import Catalog
from core.jobs.durations import Durations
from core.jobs.model import Job
from core.jobs.progress import Progress
from core.jobs.store import JobStore
from core.jobs.wait_estimate import WaitEstimates
from core.ledger.dollars import micro_usd
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from core.queues import JobQueue

# Where `make up` says what it runs: in this folder or, from any other one, in the checkout that this package is from.
LOCAL_STACK_FILES = (Path("out/stack.json"), Path(__file__).parents[1] / "out" / "stack.json")


@dataclass(frozen=True)
class Stack:
    """A deployed Easel: a session with access to it, its outputs, its parameters, and the name of its stack.

    `api_key` is the key that `make up` made for the deployment on this machine.
    """

    session: boto3.session.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    name: str = ""
    api_key: str | None = field(default=None, repr=False)

    @classmethod
    def find(cls, name: str, *, local: bool, profile: str | None = None, region: str | None = None) -> "Stack":
        """The stack of that name or, if `local`, the one that `make up` runs here.

        Raises:
            CommandError: there is none, or the credentials do not give access to it.
        """
        here = _here() if local else {}
        endpoint_url = here.get("aws_endpoint_url")
        # The URLs in the outputs of a local stack are as in AWS, and lead nowhere from here.
        urls = {"ApiUrl": here["api_url"], "DirectUrl": here["direct_url"], "McpUrl": here["mcp_url"]} if local else {}
        if local:
            name = here["stack_name"]
            session = boto3.session.Session(
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - no secret; MiniStack's administrator is called so
                region_name=here["region"],
            )
        else:
            try:
                session = boto3.session.Session(profile_name=profile, region_name=region)
            except ProfileNotFound:
                raise CommandError(
                    f"the AWS profile '{profile}' does not exist; `aws configure list-profiles` lists the profiles"
                ) from None
        try:
            cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            raise CommandError(_why(error, name, session, local=local)) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
        return cls(session, endpoint_url, outputs | urls, parameters, name, here.get("api_key"))

    def output(self, name: str) -> str:
        """An output of the stack.

        Raises:
            CommandError: it has no output of that name.
        """
        if name not in self.outputs:
            raise CommandError(f"the stack has no output '{name}'; was it deployed from this version of Easel?")
        return self.outputs[name]

    def catalog(self) -> Catalog:
        """The models of its providers."""
        return catalog.load(self.outputs.get("Providers") or None)

    def deployed_budget(self) -> Budget:
        """The budget that it was deployed with; the operator can override it (see ledger.store.Control)."""
        day, month = (self.parameters.get(name, "") for name in ("DailyBudgetUsd", "MonthlyBudgetUsd"))
        return Budget(day=micro_usd(day) if day else None, month=micro_usd(month) if month else None)

    def client(self, service: str) -> Any:
        """A boto3 client for the account and region of the stack."""
        return _client(self.session, service, self.endpoint_url)

    def callers(self) -> CallerStore:
        """The API keys."""
        return CallerStore(self.client("dynamodb"), self.output("CallersTableName"))

    def ledger(self) -> LedgerStore:
        """All money."""
        return LedgerStore(self.client("dynamodb"), self.output("LedgerTableName"))

    def jobs(self) -> JobStore:
        """The jobs, and the ledger that their transactions write to."""
        return JobStore(self.client("dynamodb"), self.output("JobsTableName"), self.ledger())

    def durations(self) -> Durations:
        """How long jobs take."""
        return Durations(self.client("dynamodb"), self.output("JobsTableName"))

    def progress(self, job: Job, now: float) -> Progress:
        """How far an unfinished job is at a moment (Unix seconds)."""
        durations, queue = self.durations(), JobQueue(self.client("sqs"), self.output("JobsQueueUrl"))
        concurrency = int(self.parameters.get("WorkerConcurrency") or 1)
        estimate = WaitEstimates(queue, concurrency, durations).of(job)
        return Progress.of(job, now, durations.usual(job), estimate.position if estimate else None)


@cache
def _client(session: boto3.session.Session, service: str, endpoint_url: str | None) -> Any:
    """One client for all stores, since each takes 15 ms to make."""
    return session.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload] # a name at run time


def deployment(ctx: Context) -> Stack:
    """The stack that the global options name.

    Raises:
        CommandError: it cannot be read.
        typer.BadParameter: the options contradict each other.
    """
    session = ctx.obj
    elsewhere = sorted(session.given & {"stack", "profile", "region"})
    if session.local and elsewhere:
        raise typer.BadParameter(f"--local cannot be combined with --{elsewhere[0]}")
    return Stack.find(session.stack, local=session.local, profile=session.profile, region=session.region)


def _here() -> dict[str, Any]:
    """What `make up` wrote about the deployment on this machine."""
    file = next((file for file in LOCAL_STACK_FILES if file.exists()), None)
    if file is None:
        raise CommandError("the local deployment is not running; start it with `make up`")
    return dict(json.loads(file.read_text()))


def _why(error: Exception, name: str, session: boto3.session.Session, *, local: bool) -> str:
    """Why a stack could not be read, and what to do."""
    if isinstance(error, NoRegionError):
        return "no AWS region is set; use --region, set AWS_REGION, or use --local for the deployment of `make up`"
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found; use --profile, log in, or use --local for the deployment of `make up`"
    if local and isinstance(error, EndpointConnectionError):
        return "the local deployment does not answer; start it anew with `make down` and `make up`"
    if isinstance(error, ClientError) and "does not exist" in str(error):
        return (
            f"the stack '{name}' does not exist in {session.region_name}; use --stack, --region or --profile, or "
            "--local for the deployment of `make up`"
        )
    return f"cannot read the stack '{name}': {str(error).rstrip('.')}"
