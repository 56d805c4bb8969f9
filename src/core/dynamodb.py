"""DynamoDB: plain data to items and back, optimistic locking, and pages of an owner's items."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# A page of a filtered list reads at most so often, and so many documents each time.
_MAX_QUERIES = 8
_FILTERED_AT_ONCE = 125


class ItemUnreadable(Exception):
    """This version of Easel cannot read the stored item of that id."""


def _serialize(value: Any) -> dict[str, Any]:
    """DynamoDB's typed form of a value; a float becomes the number that its shortest decimal form is.

    Raises:
        TypeError: it is of a kind that no document holds.
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float() if math.isfinite(value):
            return {"N": repr(value)}
        case Mapping():
            return {"M": {name: _serialize(each) for name, each in value.items()}}
        case list() | tuple():
            return {"L": [_serialize(each) for each in value]}
        case _:
            raise TypeError(f"no document holds a {type(value).__name__} such as this")


def _deserialize(value: Mapping[str, Any]) -> Any:
    """The plain value of a typed one; a number becomes int or float."""
    ((kind, content),) = value.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return float(content) if "." in content or "E" in content.upper() else int(content)
        case "M":
            return from_item(content)
        case "L":
            return [_deserialize(each) for each in content]
        case _:  # S and BOOL are what they say.
            return content


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


@dataclass(frozen=True)
class Selection:
    """Which of an owner's documents are listed.

    `created` is the range of the attribute `created`, `unexpired_at` in Unix seconds: TTL deletes late, sometimes by
    days. Each of `alternatives` has the paths of which one must hold the value, such as ("request", "model").
    """

    unexpired_at: float
    created: tuple[str, str] = ("0", "9999999999")
    alternatives: Sequence[tuple[Sequence[tuple[str, ...]], str]] = ()


def newest_of(
    client: "DynamoDBClient", table: str, owner: str, limit: int, after: Mapping[str, str] | None, selection: Selection
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of an owner's documents in the index by_owner, newest first, and after which id the next one begins.

    That is None on the last page. With `alternatives`, a page reads a bounded number of documents, and may have few or
    none although there are more: then the next one begins after a document that this one does not hold.

    Args:
        client: of DynamoDB.
        table: its name.
        owner: the attribute `owner` of the documents.
        limit: of the page.
        after: `id` and `created` of the last document of the page before.
        selection: which documents are wanted.
    """
    low, high = selection.created
    query = _query_of(table, owner, selection)
    if after and after["created"] < low:
        return [], None
    if after and after["created"] <= high:  # DynamoDB refuses a start beyond the range.
        query["ExclusiveStartKey"] = to_item({"owner": owner, **after})
    found: list[dict[str, Any]] = []
    for number in count(1):  # DynamoDB's pages end at 1 MB, which long prompts reach.
        wanted = limit + 1 - len(found)
        page = client.query(**query, Limit=max(wanted, _FILTERED_AT_ONCE) if selection.alternatives else wanted)
        found += [from_item(item) for item in page["Items"]]
        if len(found) > limit:
            return found[:limit], str(found[limit - 1]["id"])
        if "LastEvaluatedKey" not in page:
            return found, None
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        if selection.alternatives and number == _MAX_QUERIES:
            break
    return found, str(query["ExclusiveStartKey"]["id"]["S"])


def _query_of(table: str, owner: str, selection: Selection) -> dict[str, Any]:
    low, high = selection.created
    names, conditions = {"#owner": "owner", "#created": "created"}, ["expires_at > :now"]
    values = {":owner": owner, ":low": low, ":high": high, ":now": int(selection.unexpired_at)}
    for number, (paths, value) in enumerate(selection.alternatives):
        values[f":value{number}"] = value
        equal = []
        for path in paths:
            steps = {f"#name{len(names) + index}": step for index, step in enumerate(path)}
            names |= steps
            equal.append(f"{'.'.join(steps)} = :value{number}")
        conditions.append(f"({' OR '.join(equal)})")
    return {
        "TableName": table,
        "IndexName": "by_owner",
        "KeyConditionExpression": "#owner = :owner AND #created BETWEEN :low AND :high",
        "FilterExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
        "ScanIndexForward": False,
    }
