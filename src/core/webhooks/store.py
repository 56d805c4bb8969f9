"""Webhook messages, in the jobs table."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from core.dynamodb import from_item, read_item, to_item, unchanged_since
from core.webhooks.message import Message

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# What the attribute `open` says of a pending message in the index by_check, which it shares with jobs.
_PENDING = "webhook"

_message_data = TypeAdapter(Message)


class MessageChanged(Exception):
    """The message was written by another process since it was read."""


class MessageStore:
    """Reads and writes messages; every write is conditional on the version that was read."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, message: Message) -> None:
        """Store a new message, unless there is one of that id."""
        with suppress(MessageChanged):
            self.save(message)

    def get(self, message_id: str) -> Message | None:
        """The message of that id (a strongly consistent read).

        Raises:
            ItemUnreadable: this version of Easel cannot read it.
        """
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": message_id}}, ConsistentRead=True)
        if "Item" not in answer:
            return None
        document = from_item(answer["Item"])
        if document.get("state") == "given_up":  # What `failed` was called before 0.1.0.
            document["state"] = "failed"
        return read_item(_message_data, document)

    def save(self, message: Message) -> Message:
        """Write a message that was read before, or a new one.

        Raises:
            MessageChanged: it was written since.
        """
        saved = replace(message, version=message.version + 1)
        document: dict[str, Any] = _message_data.dump_python(saved, mode="json", exclude_none=True)
        if saved.check_at is not None:
            document["open"] = _PENDING
        try:
            self._client.put_item(TableName=self._table, Item=to_item(document), **unchanged_since(message.version))
        except self._client.exceptions.ConditionalCheckFailedException:
            raise MessageChanged(message.id) from None
        return saved

    def due(self, now: float, limit: int) -> list[str]:
        """Ids of pending messages that have to be checked, the longest overdue first."""
        page = self._client.query(
            TableName=self._table,
            IndexName="by_check",
            KeyConditionExpression="#open = :pending AND check_at <= :now",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":pending": {"S": _PENDING}, ":now": {"N": str(int(now))}},
            Limit=limit,
        )
        return [item["id"]["S"] for item in page["Items"]]
