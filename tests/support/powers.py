"""What each role must not be able to do: calls that would harm others or the operator, as data.

tests/deployment/template evaluates the policies for each; tests/campaigns tries each on the deployed stack, inside a
function that has the role. Resources are named as in the template.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.permissions import Access, accesses

DOORS = ("ApiRole", "McpRole", "DropRole")
BOOKING = (*DOORS, "WorkerRole", "DeadLetterRole", "SweepRole")
ALL = (*BOOKING, "AnnouncerRole", "WebhookRole", "ModelCheckRole")

_KEY_HASH = "0" * 64


@dataclass(frozen=True)
class Attempt:
    """A call of an AWS client that is denied to a role."""

    role: str
    what: str
    service: str
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.role}-{self.what.replace(' ', '-')}"

    def accesses(self) -> list[Access]:
        """What the role would need for it."""
        return accesses(self.service, self.operation, self.parameters, {})


def _item(name: str, key: str) -> dict[str, Any]:
    return {name: {"S": key}}


def _entry(key: str) -> dict[str, Any]:
    return {"owner": {"S": key}, "name": {"S": "deployment"}}


def _get(table: str, key: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return "dynamodb", "GetItem", {"TableName": table, "Key": key}


def _put(table: str, item: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return "dynamodb", "PutItem", {"TableName": table, "Item": item}


def _delete(table: str, key: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return "dynamodb", "DeleteItem", {"TableName": table, "Key": key}


def _update(table: str, key: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    parameters = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "REMOVE #attribute",
        "ExpressionAttributeNames": {"#attribute": "stopped_at"},
    }
    return "dynamodb", "UpdateItem", parameters


def _in_transaction(kind: str, call: tuple[str, str, dict[str, Any]]) -> tuple[str, str, dict[str, Any]]:
    return "dynamodb", "TransactWriteItems", {"TransactItems": [{kind: call[2]}]}


def _batch(*keys: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return "dynamodb", "BatchGetItem", {"RequestItems": {"LedgerTable": {"Keys": list(keys)}}}


def _query(table: str, name: str, key: str) -> tuple[str, str, dict[str, Any]]:
    parameters = {
        "TableName": table,
        "KeyConditionExpression": "#name = :key",
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": {":key": {"S": key}},
    }
    return "dynamodb", "Query", parameters


def _secret(name: str) -> tuple[str, str, dict[str, Any]]:
    return "secretsmanager", "GetSecretValue", {"SecretId": name}


def _object(operation: str, bucket: str, key: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", operation, {"Bucket": bucket, "Key": key}


def _send(queue: str) -> tuple[str, str, dict[str, Any]]:
    return "sqs", "SendMessage", {"QueueUrl": queue, "MessageBody": "x"}


_CALLS: tuple[tuple[str, tuple[str, ...], tuple[str, str, dict[str, Any]]], ...] = (
    # ------------------------------------------------------------ keys and secrets
    ("read all keys", ALL, ("dynamodb", "Scan", {"TableName": "CallersTable"})),
    ("make a key", ALL, _put("CallersTable", _item("key_hash", _KEY_HASH))),
    ("change a key", ALL, _update("CallersTable", _item("key_hash", _KEY_HASH))),
    ("take over a folder of the inbox", ALL, _update("CallersTable", _item("key_hash", "drops"))),
    (
        "read a secret of webhooks",
        tuple(role for role in ALL if role != "WebhookRole"),
        _get("CallersTable", _item("key_hash", "webhook#key_0")),
    ),
    ("set a secret of webhooks", ALL, _put("CallersTable", _item("key_hash", "webhook#key_0"))),
    (
        "read a key",
        ("WorkerRole", "DeadLetterRole", "SweepRole", "WebhookRole", "ModelCheckRole"),
        _get("CallersTable", _item("key_hash", _KEY_HASH)),
    ),
    (
        "read who owns the inbox",
        ("ApiRole", "McpRole", "WebhookRole"),
        _get("CallersTable", _item("key_hash", "drops")),
    ),
    *(
        (
            f"read the key of {provider}",
            tuple(role for role in ALL if role not in ("WorkerRole", "ModelCheckRole")),
            _secret(secret),
        )
        for provider, secret in (
            ("OpenAI", "OpenAiSecretArn"),
            ("Gemini", "GeminiSecretArn"),
            ("an own provider", "OwnProviderSecretArns"),
        )
    ),
    (
        "buy from Bedrock",
        tuple(role for role in ALL if role != "WorkerRole"),
        ("bedrock-runtime", "InvokeModel", {"modelId": "stability.stable-image-core-v1:1", "body": "{}"}),
    ),
    (
        "note the health of a provider",
        tuple(role for role in ALL if role != "WorkerRole"),
        _update("LedgerTable", _entry("health")),
    ),
    ("read what signs browser tokens", tuple(role for role in ALL if role != "ApiRole"), _secret("TokenSecret")),
    # ------------------------------------------------------------ the operator's settings, and the books
    ("lift the stop", ALL, _update("LedgerTable", _entry("control"))),
    ("lift the stop in a transaction", ALL, _in_transaction("Update", _update("LedgerTable", _entry("control")))),
    ("replace the settings", ALL, _put("LedgerTable", _entry("control"))),
    ("replace the settings in a transaction", ALL, _in_transaction("Put", _put("LedgerTable", _entry("control")))),
    ("delete the settings", ALL, _delete("LedgerTable", _entry("control"))),
    ("change an entry", ALL, _update("LedgerTable", _entry("entries#2026-11-22"))),
    ("delete an entry", ALL, _delete("LedgerTable", _entry("entries#2026-11-22"))),
    ("replace a balance", ALL, _put("LedgerTable", _entry("deployment"))),
    ("delete a balance", ALL, _delete("LedgerTable", _entry("key_0"))),
    ("write an entry", ("AnnouncerRole", "WebhookRole", "ModelCheckRole"), _put("LedgerTable", _entry("entries#x"))),
    ("change a balance", ("AnnouncerRole", "WebhookRole", "ModelCheckRole"), _update("LedgerTable", _entry("key_0"))),
    ("read all books", ALL, ("dynamodb", "Scan", {"TableName": "LedgerTable"})),
    ("read the entries", ALL, _query("LedgerTable", "owner", "entries#2026-11-22")),
    ("read the balances of an owner", ALL, _query("LedgerTable", "owner", "key_0")),
    ("read a balance of a key", ("WorkerRole", "SweepRole", "WebhookRole"), _batch(_entry("control"), _entry("key_0"))),
    ("read entries one by one", ALL, _batch(_entry("entries#2026-11-22"))),
    # ------------------------------------------------------------ jobs, images, tokens, messages
    ("read all jobs", ALL, ("dynamodb", "Scan", {"TableName": "JobsTable"})),
    (
        "forge a browser token",
        tuple(role for role in ALL if role != "ApiRole"),
        _put("JobsTable", _item("id", "tok_0")),
    ),
    (
        "forge an image",
        tuple(role for role in ALL if role not in ("ApiRole", "WorkerRole")),
        _put("JobsTable", _item("id", "img_0")),
    ),
    ("forge a job", ("AnnouncerRole", "WebhookRole", "ModelCheckRole"), _put("JobsTable", _item("id", "job_0"))),
    ("read a job", ("WebhookRole", "ModelCheckRole"), _get("JobsTable", _item("id", "job_0"))),
    (
        "forge a webhook message",
        (*DOORS, "WorkerRole", "DeadLetterRole", "ModelCheckRole"),
        _put("JobsTable", _item("id", "msg_0")),
    ),
    ("change a webhook message", ("SweepRole", "AnnouncerRole"), _update("JobsTable", _item("id", "msg_0"))),
    (
        "occupy the slots of a caller",
        tuple(role for role in ALL if role != "WorkerRole"),
        _update("JobsTable", _item("id", "turns#key_0")),
    ),
    (
        "take a folder of results",
        tuple(role for role in ALL if role != "DropRole"),
        _put("JobsTable", _item("id", "folder#x")),
    ),
    (
        "forge how long jobs take",
        tuple(role for role in ALL if role != "AnnouncerRole"),
        _update("JobsTable", _item("id", "durations#0#x#low")),
    ),
    (
        "redirect a retry",
        tuple(role for role in ALL if role != "ApiRole"),
        _put("JobsTable", _item("id", "retry#key_0#x")),
    ),
    (
        "let a request find a job that it did not start",
        tuple(role for role in ALL if role not in ("ApiRole", "WorkerRole")),
        _put("JobsTable", _item("id", "again#key_0#x")),
    ),
    (
        "delete an image's record",
        tuple(role for role in ALL if role != "ApiRole"),
        _delete("JobsTable", _item("id", "img_0")),
    ),
    (
        "delete a job",
        tuple(role for role in ALL if role not in DOORS),
        _delete("JobsTable", _item("id", "job_0")),
    ),
    (
        "list what callers own",
        ("WorkerRole", "SweepRole", "WebhookRole", "DropRole"),
        (
            "dynamodb",
            "Query",
            _query("JobsTable", "owner", "jobs#key_0")[2] | {"IndexName": "by_owner"},
        ),
    ),
    # ------------------------------------------------------------ objects
    ("write to the inbox", ALL, _object("PutObject", "InboxBucket", "team/x.png")),
    ("delete from the inbox", ALL, _object("DeleteObject", "InboxBucket", "team/x.png")),
    (
        "read the inbox",
        tuple(role for role in ALL if role != "DropRole"),
        _object("GetObject", "InboxBucket", "team/x.png"),
    ),
    (
        "write an image",
        tuple(role for role in ALL if role != "WorkerRole"),
        _object("PutObject", "ImagesBucket", "images/x.png"),
    ),
    (
        "delete an image",
        tuple(role for role in ALL if role != "ApiRole"),
        _object("DeleteObject", "ImagesBucket", "images/x.png"),
    ),
    (
        "write a preview",
        tuple(role for role in ALL if role != "WorkerRole"),
        _object("PutObject", "ImagesBucket", "previews/job_0/0.png"),
    ),
    (
        "delete a preview",
        tuple(role for role in ALL if role != "ApiRole"),
        _object("DeleteObject", "ImagesBucket", "previews/job_0/0.png"),
    ),
    (
        "read previews",
        tuple(role for role in ALL if role not in ("ApiRole", "McpRole")),
        _object("GetObject", "ImagesBucket", "previews/job_0/0.png"),
    ),
    (
        "write results of drops",
        tuple(role for role in ALL if role not in ("DropRole", "AnnouncerRole")),
        _object("PutObject", "ImagesBucket", "drops/team/result.json"),
    ),
    (
        "read inputs of jobs",
        tuple(role for role in ALL if role not in (*DOORS, "WorkerRole")),
        _object("GetObject", "ImagesBucket", "inputs/job_0/x"),
    ),
    # ------------------------------------------------------------ queues and events
    (
        "send a webhook",
        tuple(role for role in ALL if role not in ("AnnouncerRole", "SweepRole", "WebhookRole")),
        _send("WebhooksQueue"),
    ),
    ("queue a job", ("DeadLetterRole", "AnnouncerRole", "WebhookRole", "ModelCheckRole"), _send("JobsQueue")),
    ("queue a drop", tuple(role for role in ALL if role != "DropRole"), _send("DropsQueue")),
    (
        "publish an event",
        tuple(role for role in ALL if role not in ("DropRole", "AnnouncerRole")),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "easel", "DetailType": "x", "Detail": "{}", "EventBusName": "EventBus"}]},
        ),
    ),
)


def _attempts() -> Iterator[Attempt]:
    for what, roles, (service, operation, parameters) in _CALLS:
        yield from (Attempt(role, what, service, operation, parameters) for role in roles)


FORBIDDEN: tuple[Attempt, ...] = tuple(_attempts())
