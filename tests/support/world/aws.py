"""AWS as moto plays it, with the resources of the template that the functions use."""

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.useragent
import moto.core.responses
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.model import Shape
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.serialize import AttributePicker, AttributePickerContext
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes

from core import aws
from tests.support.template import TEMPLATE

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
        _make_requests_atomic(patch)
        _save_time(patch)
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


def _save_time(patch: pytest.MonkeyPatch) -> None:
    """Take the short way where moto spends most, with the same result."""
    patch.setattr(AttributePicker, "__call__", _pick_by_name())
    patch.setattr(moto.core.responses, "method_names_from_class", cache(method_names_from_class))
    patch.setattr(Table, "__deepcopy__", _copy_of_table, raising=False)
    patch.setattr(DynamoDBBackend, "update_item", _replacing(DynamoDBBackend.update_item))
    patch.setattr(Item, "__init__", _measured_once)
    traverser: Any = ast_nodes.DepthFirstTraverser  # type: ignore[attr-defined] # moto's file has no types
    patch.setattr(traverser, "nodes_to_be_processed", _asked_once(traverser.nodes_to_be_processed))
    patch.setattr(botocore.useragent, "sanitize_user_agent_string_component", _sanitize)


def _pick_by_name() -> Callable[[AttributePicker, AttributePickerContext], Any]:
    """Moto looks for each member of an answer under a dozen names.

    In a dictionary that has the member by its own name, or that is a value of DynamoDB, there is no other.
    """
    pick = AttributePicker.__call__

    def pick_by_name(picker: AttributePicker, context: AttributePickerContext) -> Any:
        found = context.obj
        if type(found) is dict and not picker.response_transformers:
            if context.key in found:
                return found[context.key]
            parent: Shape = context.shape.parent  # type: ignore[attr-defined] # which moto's serializer adds
            if parent.name == "AttributeValue":
                return None
        return pick(picker, context)

    return pick_by_name


def _copy_of_table(table: Table, _: dict[int, Any]) -> Table:
    """Moto copies whole tables before each transaction, in case it fails; the items themselves never change here."""
    copied = copy.copy(table)
    copied.items = table.items.copy()
    if table.has_range_key:
        copied.items.update({key: dict(items) for key, items in table.items.items()})
    if table.stream_shard is not None:
        copied.stream_shard = copy.copy(table.stream_shard)
        copied.stream_shard.table = copied
        copied.stream_shard.items = list(table.stream_shard.items)
    return copied


def _replacing(update_item: Callable[..., Any]) -> Callable[..., Any]:
    """Moto changes an item where it is; so that copies of its table keep the old one, it gets a new one to change."""

    def update(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *more: Any, **named: Any) -> Any:
        table = backend.get_table(table_name)
        hash_key, range_key = backend.get_keys_value(table, key)
        item: Any = table.get_item(hash_key, range_key)
        if item:
            place: Any = table.items[hash_key] if range_key else table.items
            place[range_key or hash_key] = copy.deepcopy(item)
        return update_item(backend, table_name, key, *more, **named)

    return update


def _measured_once(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """Moto measures a whole new item again with each of its attributes; here with the last."""
    item.hash_key, item.range_key = hash_key, range_key
    item.attrs = LimitedSizeDict({name: DynamoType(value) for name, value in attrs.items()})
    for name in list(item.attrs)[-1:]:
        item.attrs[name] = item.attrs.pop(name)


def _asked_once(kinds_of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Moto asks anew, for each node of an expression, which kinds of nodes a class processes."""
    known: dict[type, Any] = {}

    def remembered(traverser: object) -> Any:
        kind = type(traverser)
        if kind not in known:
            known[kind] = kinds_of(traverser)
        return known[kind]

    return remembered


# Botocore builds the User-Agent header anew for each request, out of twenty parts.
_sanitize = cache(botocore.useragent.sanitize_user_agent_string_component)


def create_resources() -> dict[str, str]:
    """Tables, buckets, queues, bus and secrets: the environment variables that name them to the functions."""
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
