"""easel doctor: looks for what is broken in a deployment, and names what fixes it.

A check is a function that reads what it needs of a Deployment and yields findings. It changes nothing and buys nothing.

account     credentials, clock, the stack's state, concurrency
providers   secrets, keys, models, access to them
storage     tables and buckets
flow        time limits, connections, functions, dead letters
reach       the entry points from outside
watching    alarms and their subscribers
money       the stop switch and budgets
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from cli.doctor import account, flow, money, providers, reach, storage, watching
from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding, Severity, broken, unknown, worst
from cli.errors import CommandError
from core.catalog.operator import OperatorFileError
from core.dynamodb import ItemUnreadable

Check = Callable[[Deployment], Iterable[Finding]]

# By the name that is shown, in the order of the report.
CHECKS: dict[str, Check] = {
    "identity": account.identity,
    "clock": account.clock,
    "stack": account.stack_state,
    "concurrency": account.concurrency,
    "HTTP API": reach.http_api,
    "MCP server": reach.mcp_server,
    "CORS of the API": reach.api_cors,
    "CORS of images": storage.image_cors,
    "provider secrets": providers.secrets,
    "provider access": providers.access,
    "models": providers.models,
    "OpenAI organization": providers.organization,
    "Bedrock access": providers.bedrock,
    "buying": money.buying,
    "budgets": money.budgets,
    "functions": flow.functions,
    "connections": flow.connections,
    "time limits": flow.time_limits,
    "dead letters": flow.dead_letters,
    "tables": storage.tables,
    "expiry of records": storage.expiry,
    "privacy of buckets": storage.privacy,
    "expiry of images": storage.lifecycle,
    "inbox": storage.inbox,
    "alarms": watching.alarms,
    "alarm subscriber": watching.subscriber,
}
# About what the cloud on this machine does not have.
_ON_AWS_ONLY = frozenset(
    {
        "identity",
        "Bedrock access",
        "tables",
        "expiry of records",
        "expiry of images",
        "alarm subscriber",
    }
)
_AT_ONCE = 8

# Source: the error codes of the services that are asked.
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"})
_GONE = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "TableNotFoundException",
    }
)


@dataclass(frozen=True)
class Examined:
    """A check, and what it has found."""

    check: str
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of what it has found; `ok` if it has found nothing."""
        return worst(self.findings)


def examine(deployment: Deployment, through: Callable[[list[str]], Iterable[str]] = iter) -> list[Examined]:
    """Run all checks, several at a time, and return what they found, in their order.

    Args:
        deployment: what is examined.
        through: goes through the names of the checks, while their results are awaited, and can show how far that is.
    """
    names = [name for name in CHECKS if not (deployment.is_on_this_machine and name in _ON_AWS_ONLY)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = {name: pool.submit(_examined, name, CHECKS[name], deployment) for name in names}
        return [running[name].result() for name in through(names)]


def _examined(name: str, check: Check, deployment: Deployment) -> Examined:
    found = []
    try:
        for finding in check(deployment):
            found.append(finding)
    except (BotoCoreError, ClientError, CommandError, ItemUnreadable, OperatorFileError) as error:
        found.append(_unfinished(error))
    return Examined(name, tuple(found))


def _unfinished(error: Exception) -> Finding:
    """Why a check could not go on."""
    if isinstance(error, ClientError):
        code, action = error.response["Error"]["Code"], error.operation_name
        if code in _DENIED:
            return unknown(
                f"you are not allowed to call {action}", f"run this again as someone who is allowed to call {action}"
            )
        if code in _GONE:
            return broken(
                f"a resource of the stack no longer exists ({action}: {error.response['Error'].get('Message', code)})",
                "see docs/operations.md, Restoring data; a table or bucket cannot be deployed again over a stack",
            )
    return unknown(f"this could not be checked: {error}", "run this again; if it still fails, report it")
