"""API keys in the callers table, found by the hash of the key."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.callers import Caller, Rates, budget_item, hash_key
from core.ledger import Period
from core.stores.items import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# Beside the callers stands the item that says who owns what is dropped (see stores.prefixes).
PREFIXES_KEY = "drops"


class CallerStore:
    """Reads and writes callers."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def find(self, key: str) -> Caller | None:
        """The caller that a key stands for, whatever its status."""
        return self.find_by_hash(hash_key(key))

    def find_by_hash(self, key_hash: str) -> Caller | None:
        """The caller whose key has that hash, whatever its status."""
        item = self._client.get_item(TableName=self._table, Key={"key_hash": {"S": key_hash}}, ConsistentRead=True).get(
            "Item"
        )
        return Caller.from_item(from_item(item)) if item else None

    def add(self, key: str, caller: Caller) -> None:
        """Let a key stand for a caller."""
        self._client.put_item(
            TableName=self._table,
            Item=to_item({"key_hash": hash_key(key), **caller.as_item()}),
            ConditionExpression="attribute_not_exists(key_hash)",
        )

    def list_all(self) -> list[Caller]:
        """All callers, oldest first."""
        return sorted((caller for _, caller in self._scan()), key=lambda caller: caller.created_at)

    def hash_of(self, caller_id: str) -> str | None:
        """The hash of a caller's key, by which the caller is stored; None if there is no such caller."""
        return next((key_hash for key_hash, caller in self._scan() if caller.id == caller_id), None)

    def revoke(self, caller_id: str, now: int) -> Caller | None:
        """Revoke a caller's key from this moment on; None if there is no such caller."""
        for hash_, caller in self._scan():
            if caller.id == caller_id:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key={"key_hash": {"S": hash_}},
                    UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
                    ExpressionAttributeValues={":now": {"N": str(now)}},
                    ReturnValues="ALL_NEW",
                )
                return Caller.from_item(from_item(answer["Attributes"]))
        return None

    def set_budget(self, caller_id: str, periods: dict[Period, int | None]) -> Caller | None:
        """Give a caller other limits (micro-dollars, None for none) for these periods; None if there is no such caller.

        What was spent in a period before counts.
        """
        for hash_, caller in self._scan():
            if caller.id == caller_id:
                budget = replace(caller.budget, **periods)
                item = {name: {"N": str(limit)} for name, limit in budget_item(budget).items() if limit is not None}
                unset = [name for name in budget_item(budget) if name not in item]
                expressions = ["SET " + ", ".join(f"{name} = :{name}" for name in item)] if item else []
                expressions += ["REMOVE " + ", ".join(unset)] if unset else []
                given: Any = {"ExpressionAttributeValues": {f":{name}": value for name, value in item.items()}}
                answer = self._client.update_item(
                    TableName=self._table,
                    Key={"key_hash": {"S": hash_}},
                    UpdateExpression=" ".join(expressions),
                    ReturnValues="ALL_NEW",
                    **(given if item else {}),
                )
                return Caller.from_item(from_item(answer["Attributes"]))
        return None

    def set_rates(self, caller_id: str, rates: Rates) -> Caller | None:
        """Give a caller other limits of a minute, None for none; None if there is no such caller."""
        for hash_, caller in self._scan():
            if caller.id == caller_id:
                # DynamoDB takes no empty SET or REMOVE.
                sets = [f"{name} = :{name}" for name, most in rates.items() if most is not None]
                removes = [name for name, most in rates.items() if most is None]
                expressions = ["SET " + ", ".join(sets)] if sets else []
                expressions += ["REMOVE " + ", ".join(removes)] if removes else []
                values = {f":{name}": {"N": str(most)} for name, most in rates.items() if most is not None}
                given: Any = {"ExpressionAttributeValues": values} if values else {}
                answer = self._client.update_item(
                    TableName=self._table,
                    Key={"key_hash": {"S": hash_}},
                    UpdateExpression=" ".join(expressions),
                    ReturnValues="ALL_NEW",
                    **given,
                )
                return Caller.from_item(from_item(answer["Attributes"]))
        return None

    def _scan(self) -> list[tuple[str, Caller]]:
        # The secrets of webhooks stand here too.
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, FilterExpression="attribute_exists(#id)", ExpressionAttributeNames={"#id": "id"}
        )
        items = (from_item(item) for page in pages for item in page["Items"])
        return [(item["key_hash"], Caller.from_item(item)) for item in items if item["key_hash"] != PREFIXES_KEY]
