"""Conditions of IAM policies hold on MiniStack as on AWS."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment.local.conftest import TRUST

Client = Callable[..., Any]


def denied(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"), error
        return True
    return False


@pytest.fixture
def table(client: Client) -> str:
    """A table with the partition key pk, the sort key sk, and an index by owner; named at random."""
    name = f"table-{uuid.uuid4().hex}"
    client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "owner")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return name


def only_keys(table: str, *patterns: str) -> dict[str, Any]:
    """A statement that allows everything with the items whose partition key is like one of these, except scans."""
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"
    return {
        "Effect": "Allow",
        "Action": "dynamodb:*",
        "Resource": [arn, f"{arn}/index/*"],
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)},
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    }


def key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "-"}}


# Each takes a client, the name of the table and a partition key.
ONE_ITEM: dict[str, Callable[[Any, str, str], Any]] = {
    "GetItem": lambda db, table, pk: db.get_item(TableName=table, Key=key(pk)),
    "PutItem": lambda db, table, pk: db.put_item(TableName=table, Item=key(pk)),
    "UpdateItem": lambda db, table, pk: db.update_item(TableName=table, Key=key(pk)),
    "DeleteItem": lambda db, table, pk: db.delete_item(TableName=table, Key=key(pk)),
    "by the table's ARN": lambda db, table, pk: db.get_item(
        TableName=f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}", Key=key(pk)
    ),
    "Query": lambda db, table, pk: db.query(
        TableName=table,
        KeyConditionExpression="#pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeNames={"#pk": "pk"},
        ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": "a"}},
    ),
    "Query of an index": lambda db, table, pk: db.query(
        TableName=table,
        IndexName="by_owner",
        KeyConditionExpression="#owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":owner": {"S": pk}},
    ),
}
MANY_ITEMS: dict[str, Callable[[Any, str, list[str]], Any]] = {
    "BatchGetItem": lambda db, table, pks: db.batch_get_item(RequestItems={table: {"Keys": [key(pk) for pk in pks]}}),
    "BatchWriteItem": lambda db, table, pks: db.batch_write_item(
        RequestItems={
            table: [{"PutRequest": {"Item": key(pks[0])}}, *({"DeleteRequest": {"Key": key(pk)}} for pk in pks[1:])]
        }
    ),
    "TransactGetItems": lambda db, table, pks: db.transact_get_items(
        TransactItems=[{"Get": {"TableName": table, "Key": key(pk)}} for pk in pks]
    ),
    "TransactWriteItems": lambda db, table, pks: db.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": key(pks[0])}},
            *({"Delete": {"TableName": table, "Key": key(pk)}} for pk in pks[1:]),
        ]
    ),
    "ConditionCheckItem": lambda db, table, pks: db.transact_write_items(
        TransactItems=[
            {
                "ConditionCheck": {
                    "TableName": table,
                    "Key": key(pk),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for pk in pks
        ]
    ),
}


@pytest.mark.parametrize("call", ONE_ITEM.values(), ids=ONE_ITEM)
def test_a_request_has_the_partition_key_of_its_item(
    call: Callable[..., Any], table: str, role: Client, client_as: Client
) -> None:
    db = client_as(role(only_keys(table, "job_*")), "dynamodb")
    assert not denied(lambda: call(db, table, "job_1"))
    assert denied(lambda: call(db, table, "deployment"))


@pytest.mark.parametrize("call", MANY_ITEMS.values(), ids=MANY_ITEMS)
def test_a_request_for_several_items_has_the_partition_key_of_each(
    call: Callable[..., Any], table: str, role: Client, client_as: Client
) -> None:
    db = client_as(role(only_keys(table, "job_*")), "dynamodb")
    assert not denied(lambda: call(db, table, ["job_1", "job_2"]))
    assert denied(lambda: call(db, table, ["job_1", "deployment"]))
    assert denied(lambda: call(db, table, ["deployment", "job_1"]))


def test_each_item_of_a_transaction_is_authorized_alone(table: str, role: Client, client_as: Client) -> None:
    """Two statements, each for one kind of item, allow a transaction that writes both kinds."""
    db = client_as(role(only_keys(table, "job_*"), only_keys(table, "account#*")), "dynamodb")
    assert not denied(lambda: MANY_ITEMS["TransactWriteItems"](db, table, ["job_1", "account#1"]))


def test_each_table_of_a_batch_has_its_own_keys(client: Client, table: str, role: Client, client_as: Client) -> None:
    other = f"{table}-other"
    client("dynamodb").create_table(
        TableName=other,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    db = client_as(role(only_keys(table, "job_*"), only_keys(other, "x")), "dynamodb")

    def read(other_key: str) -> Any:
        wanted = {table: {"Keys": [key("job_1")]}, other: {"Keys": [{"id": {"S": other_key}}]}}
        return db.batch_get_item(RequestItems=wanted)

    assert not denied(lambda: read("x"))
    assert denied(lambda: read("job_1"))


def test_a_scan_has_no_partition_key(table: str, role: Client, client_as: Client) -> None:
    """So ForAllValues alone allows it; only the Null check of `only_keys` does not."""
    allowed = only_keys(table, "job_*")
    assert denied(lambda: client_as(role(allowed), "dynamodb").scan(TableName=table))
    del allowed["Condition"]["Null"]
    assert not denied(lambda: client_as(role(allowed), "dynamodb").scan(TableName=table))


@pytest.fixture
def bucket(client: Client) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    client("s3").create_bucket(Bucket=name)
    return name


def deny(client: Client, bucket: str, condition: dict[str, Any]) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": condition,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


WRITE_ANYWHERE = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def test_the_principal_of_an_assumed_role_is_the_role(
    client: Client, bucket: str, role: Client, client_as: Client
) -> None:
    writer, other = role(WRITE_ANYWHERE), role(WRITE_ANYWHERE)
    deny(client, bucket, {"ArnEquals": {"aws:PrincipalArn": [writer]}})
    assert denied(lambda: client_as(writer, "s3").put_object(Bucket=bucket, Key="x"))
    assert not denied(lambda: client_as(other, "s3").put_object(Bucket=bucket, Key="x"))


def test_the_principal_of_a_role_with_a_path_has_the_path(client: Client, bucket: str, client_as: Client) -> None:
    iam = client("iam")
    arn = iam.create_role(RoleName=bucket, Path="/doors/", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": WRITE_ANYWHERE})
    iam.put_role_policy(RoleName=bucket, PolicyName="all", PolicyDocument=policy)
    assert ":role/doors/" in arn
    deny(client, bucket, {"ArnEquals": {"aws:PrincipalArn": arn}})
    assert denied(lambda: client_as(arn, "s3").put_object(Bucket=bucket, Key="x"))


def test_only_a_request_that_says_so_is_not_over_tls(
    client: Client, bucket: str, role: Client, client_as: Client
) -> None:
    deny(client, bucket, {"Bool": {"aws:SecureTransport": "false"}})
    s3 = client_as(role(WRITE_ANYWHERE), "s3")
    assert not denied(lambda: s3.put_object(Bucket=bucket, Key="x"))
    plain = ("before-sign.s3.PutObject", lambda request, **_: request.headers.add_header("X-Forwarded-Proto", "http"))
    s3.meta.events.register(*plain)
    assert denied(lambda: s3.put_object(Bucket=bucket, Key="x"))
