"""Which prefixes of the inbox belong to which callers.

One item of the callers table holds all mappings, so a single read finds the owner of a drop.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.callers.store import PREFIXES_KEY
from core.dynamodb import from_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True)
class OwnedPrefix:
    """A prefix and the caller that owns what is dropped under it; `key_hash` is where the caller is stored."""

    prefix: str
    caller_id: str
    key_hash: str


class PrefixStore:
    """Reads and writes the prefixes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def list_all(self) -> list[OwnedPrefix]:
        """All mappings, by prefix."""
        answer = self._client.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True)
        found = from_item(answer.get("Item", {})).get("prefixes", {})
        # An attribute must have a name, and the root's prefix has none: every name has a slash before it.
        return sorted(
            (OwnedPrefix(name[1:], each["caller_id"], each["key_hash"]) for name, each in found.items()),
            key=lambda mapping: mapping.prefix,
        )

    def put(self, mapping: OwnedPrefix) -> None:
        """Map a prefix to a caller, instead of any earlier one."""
        self._client.update_item(
            TableName=self._table,
            Key=_KEY,
            UpdateExpression="SET prefixes = if_not_exists(prefixes, :none)",
            ExpressionAttributeValues={":none": {"M": {}}},
        )
        caller = {"caller_id": {"S": mapping.caller_id}, "key_hash": {"S": mapping.key_hash}}
        self._client.update_item(
            TableName=self._table,
            Key=_KEY,
            UpdateExpression="SET prefixes.#prefix = :caller",
            ExpressionAttributeNames={"#prefix": f"/{mapping.prefix}"},
            ExpressionAttributeValues={":caller": {"M": caller}},
        )

    def with_key(self, caller_id: str, key_hash: str) -> "list[TransactWriteItemTypeDef]":
        """The write that follows a caller to another key, for all its prefixes; none if it has none."""
        prefixes = [mapping.prefix for mapping in self.list_all() if mapping.caller_id == caller_id]
        if not prefixes:
            return []
        names = {f"#p{at}": f"/{prefix}" for at, prefix in enumerate(prefixes)}
        return [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _KEY,
                    "UpdateExpression": f"SET {', '.join(f'prefixes.{name}.key_hash = :hash' for name in names)}",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": {":hash": {"S": key_hash}},
                }
            }
        ]

    def remove(self, prefix: str) -> bool:
        """Remove the mapping of a prefix; False if there was none."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_KEY,
                UpdateExpression="REMOVE prefixes.#prefix",
                ConditionExpression="attribute_exists(prefixes.#prefix)",
                ExpressionAttributeNames={"#prefix": f"/{prefix}"},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


_KEY = {"key_hash": {"S": PREFIXES_KEY}}
