"""Finds a deployed Easel by its CloudFormation stack, in AWS or on this machine, and opens its stores."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import CommandError
from core import catalog
from core.callers.store import CallerStore
from core.catalog import Catalog
from core.jobs.store import JobStore
from core.ledger.dollars import micro_usd
from core.ledger.model import Budget
from core.ledger.store import LedgerStore

LOCAL_STACK_FILE = Path("out/stack.json")


@dataclass(frozen=True)
class Stack:
    """A deployed Easel: a session with access to it, its outputs, its parameters, and the name of its stack."""

    session: boto3.session.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    name: str = ""

    @classmethod
    def find(cls, name: str, *, local: bool, profile: str | None = None, region: str | None = None) -> "Stack":
        """The stack of that name or, if `local`, the one that `make up` runs here.

        Raises:
            CommandError: there is none, or the credentials do not give access to it.
        """
        endpoint_url = None
        if local:
            if not LOCAL_STACK_FILE.exists():
                raise CommandError(
                    f"the local deployment is not running ({LOCAL_STACK_FILE} is missing); start it with `make up`"
                )
            here = json.loads(LOCAL_STACK_FILE.read_text())
            name, endpoint_url, region = here["stack_name"], here["aws_endpoint_url"], here["region"]
            # MiniStack's administrator.
            session = boto3.session.Session(
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - not a secret, see above
                region_name=region,
            )
        else:
            session = boto3.session.Session(profile_name=profile, region_name=region)
        try:
            cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            raise CommandError(f"cannot read the stack '{name}': {error}. Choose another with --stack.") from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
        return cls(session, endpoint_url, outputs, parameters, name)

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
        return self.session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload] # a name at run time

    def callers(self) -> CallerStore:
        """The API keys."""
        return CallerStore(self.client("dynamodb"), self.output("CallersTableName"))

    def ledger(self) -> LedgerStore:
        """All money."""
        return LedgerStore(self.client("dynamodb"), self.output("LedgerTableName"))

    def jobs(self) -> JobStore:
        """The jobs, and the ledger that their transactions write to."""
        return JobStore(self.client("dynamodb"), self.output("JobsTableName"), self.ledger())
