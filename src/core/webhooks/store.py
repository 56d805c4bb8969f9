"""Webhook messages in the jobs table, and the secrets they are signed with in the callers table."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from core.dynamodb import from_item, to_item
from core.webhooks.message import Message, new_secret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# What the attribute `open` says of a pending message in the index by_check, which it shares with jobs.
_PENDING = "webhook"

_message_data = TypeAdapter(Message)


class MessageChanged(Exception):
    """Somebody else wrote the message since it was read."""


class MessageStore:
    """Reads and writes messages; every write is conditional on the version that was read."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, message: Message) -> None:
        """Keep a new message; one of that id that is there already stays as it is."""
        with suppress(MessageChanged):
            self.save(message)

    def get(self, message_id: str) -> Message | None:
        """The message of that id as it is at this moment."""
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": message_id}}, ConsistentRead=True)
        return _message_data.validate_python(from_item(answer["Item"])) if "Item" in answer else None

    def save(self, message: Message) -> Message:
        """Write a message that was read before, or a new one.

        Raises:
            MessageChanged: somebody else wrote it since.
        """
        saved = replace(message, version=message.version + 1)
        document: dict[str, Any] = _message_data.dump_python(saved, mode="json", exclude_none=True)
        if saved.check_at is not None:
            document["open"] = _PENDING
        condition: Any = {"ConditionExpression": "attribute_not_exists(id)"}
        if message.version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(message.version)}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=to_item(document), **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            raise MessageChanged(message.id) from None
        return saved

    def due(self, now: float, limit: int) -> list[str]:
        """Ids of pending messages that somebody has to look at, the longest overdue first."""
        page = self._client.query(
            TableName=self._table,
            IndexName="by_check",
            KeyConditionExpression="#open = :pending AND check_at <= :now",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":pending": {"S": _PENDING}, ":now": {"N": str(int(now))}},
            Limit=limit,
        )
        return [item["id"]["S"] for item in page["Items"]]


@dataclass(frozen=True)
class SigningSecrets:
    """A caller's secrets: the one that is valid, and the one before it until `previous_until` (Unix seconds)."""

    current: str
    previous: str | None = None
    previous_until: int = 0

    def valid(self, now: float) -> list[str]:
        """Those that sign now, the newest first."""
        return [self.current, *([self.previous] if self.previous and now < self.previous_until else [])]


class SecretStore:
    """Keeps each caller's signing secrets, in an item of its own beside those of the keys."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of(self, caller_id: str) -> SigningSecrets | None:
        """The secrets of a caller; None if it has none."""
        answer = self._client.get_item(TableName=self._table, Key=_key(caller_id), ConsistentRead=True)
        if "Item" not in answer:
            return None
        item = from_item(answer["Item"])
        return SigningSecrets(item["current"], item.get("previous"), item.get("previous_until", 0))

    def rotate(self, caller_id: str, now: int, overlap_seconds: int) -> SigningSecrets:
        """Give a caller a new secret. The one before it, if there is one, goes on signing beside it for the overlap."""
        held = self.of(caller_id)
        secrets = SigningSecrets(new_secret(), held.current if held else None, now + overlap_seconds)
        document = {"current": secrets.current, "previous": secrets.previous, "previous_until": secrets.previous_until}
        self._client.put_item(TableName=self._table, Item={**_key(caller_id), **to_item(document)})
        return secrets


def _key(caller_id: str) -> dict[str, Any]:
    # No key's hash begins like this.
    return {"key_hash": {"S": f"webhook#{caller_id}"}}
