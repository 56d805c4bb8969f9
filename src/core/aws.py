"""AWS clients on one shared session: another session would cost 50 ms, another client only a few."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_FAST = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})
_BULK = Config(
    connect_timeout=2,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 5},
    # In some regions boto3 still signs URLs with SigV2. A virtual-host URL of a new bucket needs no redirect.
    signature_version="s3v4",
    # TLS protects the bytes, and a checksum too, so the signature need not hash them once more.
    s3={"addressing_style": "virtual", "payload_signing_enabled": False},
)


@cache
def dynamodb() -> "DynamoDBClient":
    """The DynamoDB client."""
    return boto3.client("dynamodb", config=_FAST)


@cache
def sqs() -> "SQSClient":
    """The SQS client."""
    return boto3.client("sqs", config=_FAST)


@cache
def events() -> "EventBridgeClient":
    """The EventBridge client."""
    return boto3.client("events", config=_FAST)


@cache
def s3() -> "S3Client":
    """The S3 client."""
    return boto3.client("s3", config=_BULK)


@cache
def s3_in_passing() -> "S3Client":
    """An S3 client that soon gives up, for what is done while something more important waits."""
    brief = _BULK.merge(Config(read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}))
    return boto3.client("s3", config=brief)


@cache
def secretsmanager() -> "SecretsManagerClient":
    """The Secrets Manager client."""
    return boto3.client("secretsmanager", config=_FAST)


def buying(service: str, region: str, read_timeout: float) -> Any:
    """A client of a service whose calls cost money: it calls once, and waits up to `read_timeout` seconds."""
    config = Config(connect_timeout=5, read_timeout=read_timeout, retries={"total_max_attempts": 1}, tcp_keepalive=True)
    client: Any = boto3.client  # Its type knows only names of services that are written out.
    return client(service, region_name=region, config=config)
