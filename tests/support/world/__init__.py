"""A deployment without a network: the real functions, moto and the simulator beyond them.

invocations   how Lambda invokes a function
http_api      the HTTP API, asked in the event formats of its gateways
mcp_server    the MCP server, asked raw and by the official client
jobs          the queue of jobs, the worker, the upkeep, the items of the table
ends          the announcer, the event bus, webhooks
inbox         the drop function
provider      the simulator, and the check of its models
aws           what moto plays
short_ways    where moto takes its time
roles         what the functions are allowed to ask of AWS
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from cli import keys
from cli.stack import Stack
from composition import process, worker
from local.simulator import Simulator
from tests.support.world import aws
from tests.support.world.ends import Ends, Webhooks
from tests.support.world.http_api import HttpApi
from tests.support.world.inbox import Inbox
from tests.support.world.jobs import Jobs
from tests.support.world.provider import Provider
from tests.support.world.roles import enforced, functions_clients

EVERY_PROVIDER = "openai gemini bedrock"


@dataclass
class World:
    """What a test sees of a deployment, a part for each of its capabilities; `stack` is how an operator finds it."""

    simulator: Simulator
    stack: Stack
    api: HttpApi
    provider: Provider
    jobs: Jobs = field(default_factory=Jobs)
    ends: Ends = field(default_factory=Ends)
    webhooks: Webhooks = field(default_factory=Webhooks)
    inbox: Inbox = field(default_factory=Inbox)

    @property
    def caller_id(self) -> str:
        """The caller that `api` asks as."""
        (caller,) = [caller for caller in self.stack.callers().list_all() if caller.name == "tests"]
        return caller.id

    def restart(self) -> None:
        """Let the functions start anew, as after a deployment with other settings."""
        process.restart()


@contextmanager
def simulated() -> Iterator[Simulator]:
    """A simulator for any number of worlds, with the connections that they keep open to it."""
    with Simulator(plain=True) as simulator:
        yield simulator
        worker.http_client().close()
        worker.http_client.cache_clear()


@contextmanager
def deployed(simulator: Simulator, providers: str = "openai") -> Iterator[World]:
    """A fresh world with these providers, gone afterwards."""
    simulator.reset()
    with aws.played(), pytest.MonkeyPatch.context() as environment:
        variables = aws.create_resources()
        for name, value in variables.items():
            environment.setenv(name, value)
        environment.setenv("POWERTOOLS_SERVICE_NAME", "easel")
        environment.setenv("EASEL_MAX_WAIT_SECONDS", "25")
        environment.setenv("EASEL_PROVIDERS", providers)
        environment.setenv("PROVIDERS__OPENAI__BASE_URL", f"{simulator.url}/v1")
        environment.setenv("PROVIDERS__GEMINI__BASE_URL", f"{simulator.url}/v1beta")
        environment.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", simulator.url)
        process.restart()
        stack = Stack(aws.session(), None, _outputs(variables))
        key, _ = keys.create(stack, "tests", None, [], [])
        # The clients outlive this world, since each takes 15 ms to make.
        with aws.without_new_handlers(functions_clients()), enforced():
            yield World(simulator, stack, HttpApi(key), Provider(simulator))
    process.restart()


def _outputs(variables: dict[str, str]) -> dict[str, str]:
    """What the stack's outputs name."""
    return {
        "CallersTableName": variables["EASEL_CALLERS_TABLE"],
        "LedgerTableName": variables["EASEL_LEDGER_TABLE"],
        "JobsTableName": variables["EASEL_JOBS_TABLE"],
        "JobsQueueUrl": variables["EASEL_JOBS_QUEUE_URL"],
        "WebhooksQueueUrl": variables["EASEL_WEBHOOKS_QUEUE_URL"],
    }
