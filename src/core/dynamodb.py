"""DynamoDB: plain data to items and back, optimistic locking, and pages of an owner's items."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ItemUnreadable(Exception):
    """This version of Easel cannot read the stored item of that id."""


class _Deserializer(TypeDeserializer):
    """Reads numbers as int instead of Decimal: all that are stored are whole."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def to_item(document: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's typed form of a document; top-level fields that are None are left out."""
    return {name: _serialize(value) for name, value in document.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a typed item."""
    return {name: _deserialize(value) for name, value in item.items()}


def read_item[Stored](kind: TypeAdapter[Stored], document: Mapping[str, Any]) -> Stored:
    """The object that a document describes.

    Raises:
        ItemUnreadable: it does not. Pydantic's own error would quote the document, which can hold secrets.
    """
    try:
        return kind.validate_python(document)
    except ValidationError:
        raise ItemUnreadable(str(document.get("id"))) from None


def unchanged_since(version: int) -> dict[str, Any]:
    """The condition that an item still has the `version` that was read; 0 for one that must not exist yet."""
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(id)"}
    return {
        "ConditionExpression": "version = :read",
        "ExpressionAttributeValues": {":read": {"N": str(version)}},
    }


def newest_of(
    client: "DynamoDBClient", table: str, owner: str, limit: int, after: Mapping[str, str] | None, unexpired_at: float
) -> tuple[list[dict[str, Any]], bool]:
    """A page of an owner's documents in the index by_owner, newest first, and whether there are more.

    Args:
        client: of DynamoDB.
        table: its name.
        owner: the attribute `owner` of the documents.
        limit: of the page.
        after: `id` and `created` of the last document of the page before.
        unexpired_at: Unix seconds; what expired before is left out, since TTL deletes late, sometimes by days.
    """
    query: dict[str, Any] = {
        "TableName": table,
        "IndexName": "by_owner",
        "KeyConditionExpression": "#owner = :owner",
        "FilterExpression": "expires_at > :now",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":owner": {"S": owner}, ":now": {"N": str(int(unexpired_at))}},
        "ScanIndexForward": False,
    }
    if after:
        query["ExclusiveStartKey"] = to_item({"owner": owner, **after})
    found: list[dict[str, Any]] = []
    while len(found) <= limit:  # DynamoDB's pages end at 1 MB, which long prompts reach.
        page = client.query(**query, Limit=limit + 1 - len(found))
        found += [from_item(item) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return found[:limit], len(found) > limit
