"""What the roles of the template can do: AWS's evaluation of their policies, as far as they use it.

Resources are named as in the template: `JobsTable`, `JobsTable/index/by_owner`, `ImagesBucket/images/…`. Condition keys
are those that AWS supplies: `dynamodb:LeadingKeys` holds the partition keys of a request, `s3:prefix` that of a list.
A transaction is several accesses, each item's by its own action.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.support.template import TEMPLATE

Parameters = Mapping[str, Any]
Naming = Callable[[str], str]

LEADING_KEYS = "dynamodb:LeadingKeys"
_ITEM_ACTIONS = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
}
_S3_ACTIONS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CopyObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}
_S3_LISTS = {"ListObjectsV2": "s3:ListBucket", "ListObjectVersions": "s3:ListBucketVersions"}


@dataclass(frozen=True)
class Access:
    """One action on one resource, with the condition keys of the request."""

    action: str
    resource: str
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def allows(role: str, access: Access) -> bool:
    """Whether a role's own policies allow an access."""
    matching = [statement for statement in statements_of(role) if _matches(statement, access)]
    return any(each["Effect"] == "Allow" for each in matching) and all(each["Effect"] == "Allow" for each in matching)


def role_of(handler: str) -> str:
    """The role of the function with that handler."""
    for function in TEMPLATE["Resources"].values():
        if function["Type"] == "AWS::Serverless::Function" and function["Properties"]["Handler"] == handler:
            return logical_name(function["Properties"]["Role"])
    raise LookupError(handler)


def accesses(service: str, operation: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> list[Access]:
    """What a call of an AWS client needs; `names` translates what its parameters call a resource.

    Raises:
        LookupError: no function makes such a call.
    """
    read = {
        "bedrock-runtime": _bedrock,
        "dynamodb": _dynamodb,
        "events": _events,
        "s3": _s3,
        "secretsmanager": _secretsmanager,
        "sqs": _sqs,
    }
    return list(read[service](operation, parameters, lambda name: names.get(name, name)))


def logical_name(value: Any) -> str:
    """The resource of this template that a statement or property names, with the path inside it."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": str(path)}:
            name, _, attribute = path.partition(".")
            return f"{name}/stream" if attribute == "StreamArn" else name
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)
    raise LookupError(value)


@cache
def statements_of(role: str) -> list[dict[str, Any]]:
    policies = TEMPLATE["Resources"][role]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def _matches(statement: Mapping[str, Any], access: Access) -> bool:
    return (
        access.action in _as_list(statement["Action"])
        and any(_like(access.resource, logical_name(named)) for named in _as_list(statement["Resource"]))
        and all(
            _holds(operator, access.keys.get(key), _as_list(values))
            for operator, condition in statement.get("Condition", {}).items()
            for key, values in condition.items()
        )
    )


def _holds(operator: str, found: tuple[str, ...] | None, values: list[str]) -> bool:
    match operator:
        case "Null":
            return (found is None) == (values == ["true"])
        case "StringLike" if found is None:
            return False
        case "StringLike" | "ForAllValues:StringLike":
            return all(any(_like(each, pattern) for pattern in values) for each in found or ())
    raise LookupError(operator)


def _like(text: str, pattern: str) -> bool:
    return _regular(pattern).fullmatch(text) is not None


@cache
def _regular(pattern: str) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _dynamodb(operation: str, parameters: Parameters, named: Naming) -> Iterator[Access]:
    match operation:
        case "TransactWriteItems":
            for item in parameters["TransactItems"]:
                for kind, write in item.items():
                    yield _item_access(_ITEM_ACTIONS[kind], write, named)
        case "BatchGetItem":
            for table, wanted in parameters["RequestItems"].items():
                keys = tuple(_partition_key(named(table), key) for key in wanted["Keys"])
                yield Access("dynamodb:BatchGetItem", named(table), {LEADING_KEYS: keys})
        case "Query":
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            value = re.match(r"\S+ = (:\w+)", parameters["KeyConditionExpression"])
            assert value, parameters
            key = parameters["ExpressionAttributeValues"][value[1]]["S"]
            yield Access("dynamodb:Query", named(parameters["TableName"]) + index, {LEADING_KEYS: (key,)})
        case "Scan":
            yield Access("dynamodb:Scan", named(parameters["TableName"]))
        case _:
            yield _item_access(f"dynamodb:{operation}", parameters, named)


def _item_access(action: str, parameters: Parameters, named: Naming) -> Access:
    table = named(parameters["TableName"])
    key = _partition_key(table, parameters.get("Key") or parameters["Item"])
    return Access(action, table, {LEADING_KEYS: (key,)})


def _partition_key(table: str, item: Mapping[str, Any]) -> str:
    schema: list[dict[str, str]] = TEMPLATE["Resources"][table]["Properties"]["KeySchema"]
    name = next(each["AttributeName"] for each in schema if each["KeyType"] == "HASH")
    return str(item[name]["S"])


def _s3(operation: str, parameters: Parameters, named: Naming) -> Iterator[Access]:
    if operation in _S3_LISTS:
        yield Access(_S3_LISTS[operation], named(parameters["Bucket"]), {"s3:prefix": (parameters["Prefix"],)})
        return
    yield _object_access(_S3_ACTIONS[operation], parameters, named)
    if operation == "CopyObject":
        yield _object_access("s3:GetObject", parameters["CopySource"], named)


def _object_access(action: str, place: Parameters, named: Naming) -> Access:
    version = "Version" if "VersionId" in place else ""
    return Access(action + version, f"{named(place['Bucket'])}/{place['Key']}")


def _sqs(operation: str, parameters: Parameters, named: Naming) -> Iterator[Access]:
    yield Access(f"sqs:{operation}", named(parameters["QueueUrl"]))


def _bedrock(operation: str, parameters: Parameters, named: Naming) -> Iterator[Access]:
    yield Access(f"bedrock:{operation}", named(parameters["modelId"]))


def _secretsmanager(operation: str, parameters: Parameters, named: Naming) -> Iterator[Access]:
    yield Access(f"secretsmanager:{operation}", named(parameters["SecretId"]))


def _events(operation: str, parameters: Parameters, named: Naming) -> Iterator[Access]:
    yield from (Access(f"events:{operation}", named(entry["EventBusName"])) for entry in parameters["Entries"])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
