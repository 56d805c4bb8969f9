"""AWS as moto plays it, with the resources of the template that the functions use."""

import copy
import copyreg
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from moto import mock_aws
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.s3.models import s3_backends

from core import aws
from tests.support.template import TEMPLATE
from tests.support.world import short_ways

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@cache
def session() -> boto3.Session:
    """The functions' own session, as boto3's default: each further one would read the services' descriptions anew."""
    functions = aws.session()
    functions.set_credentials("testing", "testing")
    functions.set_config_variable("region", "us-east-1")
    boto3.setup_default_session(botocore_session=functions)
    assert boto3.DEFAULT_SESSION
    return boto3.DEFAULT_SESSION


@cache
def dynamodb() -> "DynamoDBClient":
    """The tests' own client, without the handlers that a test may give to a function's."""
    return session().client("dynamodb")


@cache
def events() -> "EventBridgeClient":
    """As above."""
    return session().client("events")


@cache
def s3() -> "S3Client":
    """As above."""
    return session().client("s3")


@cache
def secretsmanager() -> "SecretsManagerClient":
    """As above."""
    return session().client("secretsmanager")


@cache
def sqs() -> "SQSClient":
    """As above."""
    return session().client("sqs")


@contextmanager
def played() -> Iterator[None]:
    """An empty AWS, gone afterwards. The clients of this process outlive it."""
    session()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_CA_BUNDLE", raising=False)
        short_ways.take(patch)
        _make_requests_atomic(patch)
        with mock_aws(config={"core": {"reset_boto3_session": False}}):
            yield


@contextmanager
def handled(client: Any, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Meanwhile a handler takes part in a client's requests, and may fail them: the first, at an event of botocore."""
    client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)


@contextmanager
def without_new_handlers(clients: Iterable[Any]) -> Iterator[None]:
    """At the end of the block, clients are without the handlers of events that they were given inside it."""
    given: list[Callable[[], None]] = []

    def noting(emitter: Any, register: Callable[..., None]) -> Callable[..., None]:
        def note(event_name: str, handler: Any, unique_id: str | None = None, **more: Any) -> None:
            register(event_name, handler, unique_id, **more)
            given.append(lambda: emitter.unregister(event_name, handler, unique_id, **more))

        return note

    with pytest.MonkeyPatch.context() as patch:
        for emitter in (client.meta.events for client in clients):
            for name in ("register", "register_first", "register_last"):
                patch.setattr(emitter, name, noting(emitter, getattr(emitter, name)))
        yield
    for take_away in reversed(given):
        take_away()


def _make_requests_atomic(patch: pytest.MonkeyPatch) -> None:
    """One request at a time: moto lets two threads pass one condition, which DynamoDB never does."""
    lock, process = threading.Lock(), BotocoreStubber.process_request

    def process_alone(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        if isinstance(request.body, bytearray):  # botocore sends it as it is; moto knows only bytes.
            request.body = bytes(request.body)
        with lock:
            return process(stubber, request)

    patch.setattr(BotocoreStubber, "process_request", process_alone)


def create_resources() -> dict[str, str]:
    """Tables, buckets, queues, bus and secrets: the environment variables that name them to the functions.

    They are created once; each further world gets a copy of moto's state of then, which takes a tenth of the time.
    """
    variables, state = _created()
    for service, accounts in copy.deepcopy(state).items():
        for account, backends in accounts.items():
            get_backend(service)[account].update(backends)  # type: ignore[call-overload] # it wants literal names
    for account, backends in s3_backends.items():
        for partition, backend in backends.items():
            s3_backends.bucket_accounts |= dict.fromkeys(backend.buckets, (partition, account))
    return variables


@cache
def _created() -> tuple[dict[str, str], dict[str, Any]]:
    """What `create_resources` answers, and the state of moto's services after it."""
    variables = _create_resources()
    copyreg.pickle(threading.Condition, lambda _: (threading.Condition, ()))  # each of SQS's queues has one
    services = BackendDict._instances  # type: ignore[misc] # generic, and moto names no parameter
    state = {each.service_name: {account: dict(backends) for account, backends in each.items()} for each in services}
    return variables, copy.deepcopy(state)


def _create_resources() -> dict[str, str]:
    _create_tables()
    _create_event_bus()
    s3().create_bucket(Bucket="images")
    s3().create_bucket(Bucket="inbox")
    s3().put_bucket_versioning(Bucket="inbox", VersioningConfiguration={"Status": "Enabled"})
    return {
        "EASEL_JOBS_TABLE": "jobs",
        "EASEL_LEDGER_TABLE": "ledger",
        "EASEL_CALLERS_TABLE": "callers",
        "EASEL_IMAGES_BUCKET": "images",
        "EASEL_INBOX_BUCKET": "inbox",
        "EASEL_EVENT_BUS": "easel",
        "EASEL_JOBS_QUEUE_URL": sqs().create_queue(QueueName="jobs")["QueueUrl"],
        "EASEL_DROPS_QUEUE_URL": sqs().create_queue(QueueName="drops")["QueueUrl"],
        "EASEL_WEBHOOKS_QUEUE_URL": sqs().create_queue(QueueName="webhooks")["QueueUrl"],
        "EASEL_TOKEN_SECRET_ARN": _secret("tokens", "0" * 64),
        "PROVIDERS__OPENAI__SECRET_ARN": _secret("easel/openai", "sk-simulated"),
        "PROVIDERS__GEMINI__SECRET_ARN": _secret("easel/gemini", "AIza-simulated"),
        "PROVIDERS__BEDROCK__REGION": "us-west-2",
    }


def _secret(name: str, text: str) -> str:
    return secretsmanager().create_secret(Name=name, SecretString=text)["ARN"]


def _create_tables() -> None:
    for name, resource in (("jobs", "JobsTable"), ("ledger", "LedgerTable"), ("callers", "CallersTable")):
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode", "StreamSpecification")
        properties = copy.deepcopy(TEMPLATE["Resources"][resource]["Properties"])
        if "StreamSpecification" in properties:
            properties["StreamSpecification"]["StreamEnabled"] = True  # CloudFormation means it without saying it.
        dynamodb().create_table(TableName=name, **{key: properties[key] for key in wanted if key in properties})


def _create_event_bus() -> None:
    """A bus, and a rule of its owner that brings each event into a queue."""
    queue_url = sqs().create_queue(QueueName="events")["QueueUrl"]
    arn = sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events().create_event_bus(Name="easel")
    events().put_rule(Name="all", EventBusName="easel", EventPattern='{"source": ["easel"]}')
    events().put_targets(Rule="all", EventBusName="easel", Targets=[{"Id": "queue", "Arn": arn}])
