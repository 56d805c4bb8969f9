"""What the checks read: a deployment's resources by their logical ids, its settings, and its providers."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
from botocore.config import Config

from cli.errors import CommandError
from cli.stack import Stack
from core.callers.model import Caller
from core.callers.store import CallerStore
from core.catalog import Catalog
from core.catalog.operator import own_providers
from core.ledger.store import LedgerStore
from core.providers import ImageProvider, Tools, connect, settings_of
from core.providers.http import HttpClient

# A check that must wait longer has found something, too.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})


class Deployment:
    """Reads a deployment with the operator's rights. Safe to share between threads; each thing is read once."""

    def __init__(self, stack: Stack, http: httpx.Client, providers: HttpClient) -> None:
        self.stack = stack
        self.http = http
        self._providers = providers
        self._read: dict[Any, Any] = {}
        self._locks: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is the one that `make up` started, whose cloud lacks some of what AWS has."""
        return self.stack.endpoint_url is not None

    @property
    def region(self) -> str:
        """The region of the stack."""
        return str(self.stack.session.region_name)

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client, in the stack's region unless another is given."""

        def create() -> Any:
            with self._lock:  # Sessions cannot create clients in parallel.
                return self.stack.session.client(  # type: ignore[call-overload] # a name at run time
                    service, region_name=region, endpoint_url=self.stack.endpoint_url, config=_CONFIG
                )

        return self._once(("client", service, region), create)

    @property
    def resources(self) -> dict[str, str]:
        """The physical id of each resource, by its logical id."""

        def read() -> dict[str, str]:
            pages = self.client("cloudformation").get_paginator("list_stack_resources")
            found = (
                each for page in pages.paginate(StackName=self.stack.name) for each in page["StackResourceSummaries"]
            )
            return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found}

        return self._once("resources", read)

    def physical(self, logical_id: str) -> str:
        """The physical id of a resource.

        Raises:
            CommandError: the stack has no such resource.
        """
        if not self.resources.get(logical_id):
            raise CommandError(f"the stack has no resource '{logical_id}'; was it deployed from this version of Easel?")
        return self.resources[logical_id]

    def parameter(self, name: str) -> str:
        """A parameter of the stack, empty if it has none of that name."""
        return self.stack.parameters.get(name, "")

    def function(self, logical_id: str) -> dict[str, Any]:
        """The configuration of a function, as Lambda describes it."""

        def read() -> dict[str, Any]:
            found: dict[str, Any] = self.client("lambda").get_function_configuration(
                FunctionName=self.physical(logical_id)
            )
            return found

        return self._once(("function", logical_id), read)

    def variables(self, logical_id: str) -> dict[str, str]:
        """The environment variables of a function."""
        found: dict[str, str] = self.function(logical_id).get("Environment", {}).get("Variables", {})
        return found

    def queue(self, logical_id: str) -> dict[str, str]:
        """The attributes of a queue, as SQS describes them."""

        def read() -> dict[str, str]:
            url = self.physical(logical_id)
            answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            found: dict[str, str] = answer["Attributes"]
            return found

        return self._once(("queue", logical_id), read)

    @property
    def catalog(self) -> Catalog:
        """The models of its providers."""
        return self._once("catalog", self.stack.catalog)

    @property
    def callers(self) -> list[Caller]:
        """The keys that are not revoked."""
        found = self._once("callers", lambda: self._callers().list_all())
        return [caller for caller in found if caller.revoked_at is None]

    @property
    def ledger(self) -> LedgerStore:
        """All money."""
        return LedgerStore(self.client("dynamodb"), self.stack.output("LedgerTableName"))

    def _callers(self) -> CallerStore:
        return CallerStore(self.client("dynamodb"), self.stack.output("CallersTableName"))

    def provider_settings(self, name: str) -> dict[str, str]:
        """How the worker reaches a provider: its settings, without the prefix that names the provider."""
        own = own_providers().get(name)
        return own.settings() if own else settings_of(name, self.variables("WorkerFunction"))

    def provider(self, name: str) -> ImageProvider:
        """A provider as the worker has it, with a key that is read with the operator's rights.

        Raises:
            SettingsError: its settings are not valid.
        """

        def make() -> ImageProvider:
            tools = Tools(self._providers, self.client("secretsmanager"))
            return connect(self.catalog.providers[name].adapter, self.provider_settings(name), tools)

        return self._once(("provider", name), make)

    def listed(self, name: str) -> dict[str, Any]:
        """The models that a provider lists, with their shutdown dates, which costs nothing.

        Raises:
            SettingsError: its settings are not valid.
            ListUnavailable: the list cannot be read.
        """
        return self._once(("listed", name), self.provider(name).models)

    def _once[T](self, name: Any, read: Callable[[], T]) -> T:
        """What `read` returns, or raises, called once at a time and not again after it has returned."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._read:
                self._read[name] = read()
            found: T = self._read[name]
            return found
