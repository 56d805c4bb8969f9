"""API keys in the callers table, found by the hash of the key."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.callers.model import Caller, Rates, budget_field, hash_key
from core.dynamodb import from_item, to_item
from core.images.model import AnswerForm
from core.ledger.model import Period

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# The item of the callers table that says who owns what is dropped (see drops.prefix_store).
PREFIXES_KEY = "drops"


class CallerStore:
    """Reads and writes callers."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def find_by_hash(self, key_hash: str) -> Caller | None:
        """The caller whose key has that hash, whatever its status."""
        item = self._client.get_item(TableName=self._table, Key={"key_hash": {"S": key_hash}}, ConsistentRead=True).get(
            "Item"
        )
        return Caller.from_item(from_item(item)) if item else None

    def add(self, key: str, caller: Caller) -> None:
        """Store a new caller with its key."""
        self._client.put_item(
            TableName=self._table,
            Item=to_item({"key_hash": hash_key(key), **caller.as_item()}),
            ConditionExpression="attribute_not_exists(key_hash)",
        )

    def list_all(self) -> list[Caller]:
        """All callers, oldest first."""
        return sorted((caller for _, caller in self._scan()), key=lambda caller: caller.created_at)

    def hash_of(self, caller_id: str) -> str | None:
        """The hash of a caller's key, which is the caller's primary key; None if the caller does not exist."""
        return next((key_hash for key_hash, caller in self._scan() if caller.id == caller_id), None)

    def revoke(self, caller_id: str, now: int) -> Caller | None:
        """Revoke a caller's key at once; None if the caller does not exist."""
        return self._update(caller_id, "SET revoked_at = if_not_exists(revoked_at, :now)", {":now": {"N": str(now)}})

    def set_budget(self, caller_id: str, periods: Mapping[Period, int | None]) -> Caller | None:
        """Change a caller's limits in micro-dollars (None for no limit); None if the caller does not exist.

        What was already spent in a period counts.
        """
        return self._set(caller_id, {budget_field(period): limit for period, limit in periods.items()})

    def set_signs_webhooks(self, caller_id: str) -> Caller | None:
        """Note that a caller has a secret to sign webhooks with; None if the caller does not exist.

        Whoever takes requests learns this, but cannot read the secret.
        """
        return self._update(caller_id, "SET signs_webhooks = :yes", {":yes": {"BOOL": True}})

    def set_rates(self, caller_id: str, rates: Rates) -> Caller | None:
        """Change a caller's limits per minute (None for no limit); None if the caller does not exist."""
        return self._set(caller_id, rates)

    def set_defaults(self, caller_id: str, defaults: Mapping[str, str | None]) -> Caller | None:
        """Change a caller's defaults (None for none); None if the caller does not exist. Others stay."""
        known: Mapping[str, str] = next((caller.defaults for _, caller in self._scan() if caller.id == caller_id), {})
        kept = to_item({**known, **defaults})
        return self._update(caller_id, "SET defaults = :defaults", {":defaults": {"M": kept}})

    def set_fallbacks(self, caller_id: str, models: Sequence[str]) -> Caller | None:
        """Change a caller's fallbacks; None if the caller does not exist."""
        return self._update(caller_id, "SET fallbacks = :models", {":models": {"L": [{"S": name} for name in models]}})

    def hide_deployment_budget(self, caller_id: str, *, hidden: bool) -> Caller | None:
        """Change whether a caller sees the deployment's budget; None if the caller does not exist."""
        return self._update(caller_id, "SET hides_deployment_budget = :hidden", {":hidden": {"BOOL": hidden}})

    def set_answers(self, caller_id: str, form: AnswerForm) -> Caller | None:
        """Change the form in which a caller gets images; None if the caller does not exist."""
        return self._update(caller_id, "SET answers = :form", {":form": {"S": form}})

    def _set(self, caller_id: str, limits: Mapping[Any, int | None]) -> Caller | None:
        """Write limits under their names; None removes a limit."""
        sets = [f"{name} = :{name}" for name, limit in limits.items() if limit is not None]
        removes = [name for name, limit in limits.items() if limit is None]
        # DynamoDB rejects an empty SET or REMOVE.
        clauses = [f"{verb} {', '.join(named)}" for verb, named in (("SET", sets), ("REMOVE", removes)) if named]
        values = {f":{name}": {"N": str(limit)} for name, limit in limits.items() if limit is not None}
        return self._update(caller_id, " ".join(clauses), values)

    def _update(self, caller_id: str, expression: str, values: dict[str, Any]) -> Caller | None:
        key_hash = self.hash_of(caller_id)
        if key_hash is None:
            return None
        given: Any = {"ExpressionAttributeValues": values} if values else {}
        answer = self._client.update_item(
            TableName=self._table,
            Key={"key_hash": {"S": key_hash}},
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            **given,
        )
        return Caller.from_item(from_item(answer["Attributes"]))

    def _scan(self) -> list[tuple[str, Caller]]:
        # The table also has the secrets of webhooks.
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, FilterExpression="attribute_exists(#id)", ExpressionAttributeNames={"#id": "id"}
        )
        items = (from_item(item) for page in pages for item in page["Items"])
        return [(item["key_hash"], Caller.from_item(item)) for item in items if item["key_hash"] != PREFIXES_KEY]
