"""API keys in the callers table, found by the hash of the key."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.callers.model import Caller, Rates, budget_field, hash_key
from core.dynamodb import from_item, to_item
from core.images.model import AnswerForm
from core.ledger.model import Period

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


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

    def change(self, caller_id: str, fields: Mapping[str, Any]) -> Caller | None:
        """Write fields of a caller at once, named as in Caller.as_item; None removes one. None if there is no caller.

        `defaults` are added to those that the caller has; None in them removes one.
        """
        written = {f"#{name}": value for name, value in fields.items() if name != "defaults"}
        if defaults := fields.get("defaults"):
            # One by one, so that two operators at once lose none; that takes a map to write into.
            empty: dict[str, Any] = {":empty": {"M": {}}}
            self._update(caller_id, "SET #d = if_not_exists(#d, :empty)", empty, {"#d": "defaults"})
            written |= {f"#defaults.#{name}": value for name, value in defaults.items()}
        names = {part: part[1:] for path in written for part in path.split(".")}
        sets = [f"{path} = :{number}" for number, (path, value) in enumerate(written.items()) if value is not None]
        removes = [path for path, value in written.items() if value is None]
        # DynamoDB rejects an empty SET or REMOVE.
        clauses = [f"{verb} {', '.join(named)}" for verb, named in (("SET", sets), ("REMOVE", removes)) if named]
        values = to_item({f":{number}": value for number, value in enumerate(written.values())})
        return self._update(caller_id, " ".join(clauses), values, names)

    def rotate(self, caller_id: str, key: str, more: "Sequence[TransactWriteItemTypeDef]" = ()) -> Caller | None:
        """Give a caller a new key in place of its old one, which ends; None if the caller does not exist.

        `more` is written in the same transaction: what else names the hash of the key.
        """
        while (old := self.hash_of(caller_id)) is not None:
            key_of_old: Any = {"key_hash": {"S": old}}
            found = self._client.get_item(TableName=self._table, Key=key_of_old, ConsistentRead=True)
            if "Item" not in found:  # It was rotated meanwhile.
                continue
            item = {**found["Item"], "key_hash": {"S": hash_key(key)}}
            put: Any = {"TableName": self._table, "Item": item}
            delete: Any = {"TableName": self._table, "Key": key_of_old, **_unchanged(found["Item"])}
            try:
                self._client.transact_write_items(TransactItems=[{"Put": put}, {"Delete": delete}, *more])
            except self._client.exceptions.TransactionCanceledException as error:
                reasons: Any = error.response["CancellationReasons"]
                if reasons[1].get("Code") != "ConditionalCheckFailed":
                    raise
                continue  # It was changed meanwhile.
            return Caller.from_item(from_item(item))
        return None

    def set_budget(self, caller_id: str, periods: Mapping[Period, int | None]) -> Caller | None:
        """Change a caller's limits in micro-dollars (None for no limit); None if the caller does not exist.

        What was already spent in a period counts.
        """
        return self.change(caller_id, {budget_field(period): limit for period, limit in periods.items()})

    def set_signs_webhooks(self, caller_id: str) -> Caller | None:
        """Note that a caller has a secret to sign webhooks with; None if the caller does not exist.

        Whoever takes requests learns this, but cannot read the secret.
        """
        return self._update(caller_id, "SET signs_webhooks = :yes", {":yes": {"BOOL": True}})

    def set_rates(self, caller_id: str, rates: Rates) -> Caller | None:
        """Change a caller's limits per minute (None for no limit); None if the caller does not exist."""
        return self.change(caller_id, dict(rates.items()))

    def set_defaults(self, caller_id: str, defaults: Mapping[str, str | None]) -> Caller | None:
        """Change a caller's defaults (None for none); None if the caller does not exist. Others stay."""
        return self.change(caller_id, {"defaults": defaults})

    def set_fallbacks(self, caller_id: str, models: Sequence[str]) -> Caller | None:
        """Change a caller's fallbacks; None if the caller does not exist."""
        return self.change(caller_id, {"fallbacks": list(models)})

    def hide_deployment_budget(self, caller_id: str, *, hidden: bool) -> Caller | None:
        """Change whether a caller sees the deployment's budget; None if the caller does not exist."""
        return self.change(caller_id, {"hides_deployment_budget": hidden})

    def set_answers(self, caller_id: str, form: AnswerForm) -> Caller | None:
        """Change the form in which a caller gets images; None if the caller does not exist."""
        return self.change(caller_id, {"answers": form})

    def _update(
        self, caller_id: str, expression: str, values: dict[str, Any], names: dict[str, str] | None = None
    ) -> Caller | None:
        key_hash = self.hash_of(caller_id)
        if key_hash is None:
            return None
        given: Any = {"ExpressionAttributeNames": names} if names else {}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"key_hash": {"S": key_hash}},
                # `revision` counts the changes, so that a rotation in between takes them along.
                UpdateExpression=f"{expression} ADD revision :one",
                ConditionExpression="attribute_exists(key_hash)",
                ExpressionAttributeValues={**values, ":one": {"N": "1"}},
                ReturnValues="ALL_NEW",
                **given,
            )
        except self._client.exceptions.ConditionalCheckFailedException:  # The key was rotated meanwhile.
            return self._update(caller_id, expression, values, names)
        return Caller.from_item(from_item(answer["Attributes"]))

    def _scan(self) -> list[tuple[str, Caller]]:
        # The table also has the secrets of webhooks.
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, FilterExpression="attribute_exists(#id)", ExpressionAttributeNames={"#id": "id"}
        )
        items = (from_item(item) for page in pages for item in page["Items"])
        return [(item["key_hash"], Caller.from_item(item)) for item in items if item["key_hash"] != PREFIXES_KEY]


def _unchanged(item: Mapping[str, Any]) -> dict[str, Any]:
    """The condition that a caller is still as it was read."""
    if "revision" not in item:
        return {"ConditionExpression": "attribute_exists(key_hash) AND attribute_not_exists(revision)"}
    return {
        "ConditionExpression": "revision = :read",
        "ExpressionAttributeValues": {":read": item["revision"]},
    }
