"""AWS clients on one shared session: another session would cost 50 ms, another client only a few.

The session is botocore's: boto3 adds resources and transfers, which nothing here uses and each cold start would load.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.session import Session

from core import __version__

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# botocore takes a tenth of a call to say what it is itself, for each request anew.
_USER_AGENT = f"easel/{__version__}"
_FAST = Config(
    user_agent=_USER_AGENT,
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
)
# Another tenth goes into checking each value of an item, which DynamoDB does itself. The other services keep the check:
# to S3, an empty key would mean the whole bucket.
_UNCHECKED = _FAST.merge(Config(parameter_validation=False))
_BULK = Config(
    user_agent=_USER_AGENT,
    connect_timeout=2,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 5},
    # In some regions botocore still signs URLs with SigV2. A virtual-host URL of a new bucket needs no redirect.
    signature_version="s3v4",
    # TLS protects the bytes, and a checksum too, so the signature need not hash them once more.
    s3={"addressing_style": "virtual", "payload_signing_enabled": False},
)


@cache
def session() -> Session:
    """The one session of this process."""
    return Session()


if TYPE_CHECKING:
    from boto3 import client as _client  # whose type knows that of each service's client
else:

    def _client(service: str, config: Config) -> Any:
        return session().create_client(service, config=config)


@cache
def dynamodb() -> "DynamoDBClient":
    """The DynamoDB client."""
    return _client("dynamodb", config=_UNCHECKED)


@cache
def sqs() -> "SQSClient":
    """The SQS client."""
    return _client("sqs", config=_FAST)


@cache
def events() -> "EventBridgeClient":
    """The EventBridge client."""
    return _client("events", config=_FAST)


@cache
def s3() -> "S3Client":
    """The S3 client."""
    return _client("s3", config=_BULK)


class _WhenUsed:
    """A client that is made when it is first used."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client(), name)


def s3_when_used() -> "S3Client":
    """The S3 client for functions of which many calls need none: it takes 20 ms to make."""
    client: S3Client = cast("Any", _WhenUsed(s3))
    return client


@cache
def s3_in_passing() -> "S3Client":
    """An S3 client that soon gives up, for what is done while something more important waits."""
    brief = _BULK.merge(Config(read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}))
    return _client("s3", config=brief)


@cache
def secretsmanager() -> "SecretsManagerClient":
    """The Secrets Manager client."""
    return _client("secretsmanager", config=_FAST)


def buying(service: str, region: str, read_timeout: float) -> Any:
    """A client of a service whose calls cost money: it calls once, and waits up to `read_timeout` seconds."""
    config = Config(connect_timeout=5, read_timeout=read_timeout, retries={"total_max_attempts": 1}, tcp_keepalive=True)
    return session().create_client(service, region_name=region, config=config)
