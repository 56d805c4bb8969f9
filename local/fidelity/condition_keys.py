"""Condition keys of IAM policies that AWS supplies and MiniStack does not, or differently.

* dynamodb:LeadingKeys: the partition keys of the items that a request addresses; for a query, the key of the table or
  of the index. AWS authorizes a batch for each table, and a transaction for each item. Scan has no leading keys.
  Source: DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control"; Service Authorization
  Reference, "Actions, resources, and condition keys for Amazon DynamoDB".
* aws:PrincipalArn: for an assumed role the ARN of the role, not that of the session.
  Source: IAM user guide, "AWS global condition context keys".
* aws:SecureTransport: the endpoints of AWS speak TLS; MiniStack's plain one on loopback stands for them. A request with
  `X-Forwarded-Proto: http` counts as plain, so the denial can be tested.
"""

import json
from typing import Any, Self

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb, iam

from local.fidelity.seams import seam, wrap
from local.fidelity.wire import Application, Receive, Scope, Send

Json = dict[str, Any]


class ItemsArn(str):
    """The ARN of a table or index that also knows which partition keys a request addresses there.

    MiniStack passes ARNs on to its evaluator as they are, so what belongs to a table or an item stays with it.
    """

    leading_keys: list[str]

    @classmethod
    def of(cls, arn: str, leading_keys: list[str]) -> Self:
        """An ARN with its keys."""
        made = cls(arn)
        made.leading_keys = leading_keys
        return made


def install() -> None:
    """Let MiniStack supply these condition keys."""
    wrap(iam_actions, "dynamodb_resource_arns", "body region account_id", _resource_arns)
    wrap(iam_actions, "dynamodb_transaction_checks", "iam_action body region account_id", _transaction_checks)
    parameters = "access_key_id iam_action service region resource_arn service_context"
    wrap(iam_evaluator, "enforce", parameters, _enforce)
    wrap(iam_evaluator, "_resolve_condition_key", "key ctx", _resolve_condition_key)


def count_as_tls(application: Application) -> Application:
    """Requests arrive over TLS unless they say otherwise."""

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and all(name != b"x-forwarded-proto" for name, _ in scope["headers"]):
            scope = scope | {"headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        await application(scope, receive, send)

    return secured


def _resource_arns(original: Any, body: bytes, region: str, account_id: str) -> list[str]:
    arns: list[str] = original(body, region, account_id)
    if not arns:
        return arns
    request = json.loads(body)
    if "TableName" in request:
        return [ItemsArn.of(arn, _keys_of_request(request)) for arn in arns]
    batches = request["RequestItems"].items()
    return [ItemsArn.of(arn, _keys_of_batch(*batch)) for arn, batch in zip(arns, batches, strict=True)]


def _transaction_checks(original: Any, action: str, body: bytes, region: str, account_id: str) -> list[tuple[str, str]]:
    if not original(action, body, region, account_id):
        return []
    checks: list[tuple[str, str]] = []
    for item in json.loads(body)["TransactItems"]:
        for kind, request in item.items():
            single = json.dumps({"TransactItems": [{kind: request}]}).encode()
            for item_action, arn in original(action, single, region, account_id):
                checks.append((item_action, ItemsArn.of(arn, _keys_of_request(request))))
    return checks


def _enforce(
    original: Any,
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Json | None = None,
) -> Any:
    if isinstance(resource_arn, ItemsArn) and resource_arn.leading_keys:
        service_context = (service_context or {}) | {"dynamodb:LeadingKeys": resource_arn.leading_keys}
    return original(access_key_id, iam_action, service, region, resource_arn, service_context)


def _resolve_condition_key(original: Any, key: str, ctx: Any) -> Any:
    if key.lower() == "aws:principalarn" and ctx.principal_type == "AssumedRole":
        name = _role_name(ctx.principal_arn)
        role = iam._roles.get_scoped(ctx.principal_account, None, name)
        return role["Arn"] if role else f"arn:aws:iam::{ctx.principal_account}:role/{name}"
    return original(key, ctx)


_role_name = seam(iam_evaluator, "_role_name_from_assumed_arn", "assumed_arn")
_index_keys = seam(dynamodb, "_resolve_index_keys", "table index_name")
_value_in_condition = seam(dynamodb, "_extract_pk_from_condition", "condition attr_values attr_names pk_name")
_value_in_conditions = seam(dynamodb, "_extract_pk_from_key_conditions", "key_conditions pk_name")


def _keys_of_request(request: Json) -> list[str]:
    """The partition keys in a request for one table: of a read or a write of one item, or of a query."""
    table = _table(request["TableName"])
    if table is None:
        return []
    if item := request.get("Key") or request.get("Item"):
        return _values(table, [item])
    name = _index_keys(table, request.get("IndexName"))[0]
    if condition := request.get("KeyConditionExpression"):
        values = request.get("ExpressionAttributeValues") or {}
        names = request.get("ExpressionAttributeNames") or {}
        found = _value_in_condition(condition, values, names, name)
    else:
        found = _value_in_conditions(request.get("KeyConditions") or {}, name)
    return [] if found is None else [str(found)]


def _keys_of_batch(table_name: str, batch: Any) -> list[str]:
    """The partition keys in a batch's requests for one table."""
    table = _table(table_name)
    if table is None:
        return []
    if isinstance(batch, dict):
        return _values(table, batch.get("Keys") or [])
    return _values(table, [next(iter(write.values())).get("Item") or write["DeleteRequest"]["Key"] for write in batch])


def _values(table: Json, items: list[Json]) -> list[str]:
    keys = (item.get(table["pk_name"]) for item in items)
    return [str(value) for key in keys if key for value in key.values()]


def _table(name_or_arn: str) -> Json | None:
    table: Json | None = dynamodb._tables.get(name_or_arn.rpartition("table/")[2])
    return table
