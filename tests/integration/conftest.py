"""The real handlers through the real composition roots, with fakes only beyond the wire: moto and the simulator."""

import base64
import copy
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus
from uuid import uuid4

import boto3
import httpx
import pytest
import yaml
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.core.botocore_stubber import BotocoreStubber
from moto.events.models import EventPattern
from moto.sqs.models import sqs_backends

from cli import keys
from cli.stack import Stack
from composition import announcer, drops, models_check, services, upkeep, webhook, worker
from core import aws
from handlers import announcer as announcer_handler
from handlers import api, dead_letter, drop, sweep
from handlers import models_check as models_check_handler
from handlers import webhook as webhook_handler
from handlers import worker as worker_handler
from local.simulator import Simulator

# Where the announcer's links start: no request tells it a host.
PUBLIC_URL = "https://easel.example/v1"
REPOSITORY = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as nothing: the tests need only the plain parts."""


_Loader.add_multi_constructor("!", lambda *_: None)
TEMPLATE = yaml.load((REPOSITORY / "template.yaml").read_text(), _Loader)


def sample_event(function: str) -> dict[str, Any]:
    """A fresh copy of the sample event of a function."""
    return json.loads((REPOSITORY / "events" / f"{function}.json").read_text())


@dataclass
class Context:
    """What Lambda hands to a handler."""

    seconds: float = 60.0
    function_name: str = "easel"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:easel"
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Answer:
    """An HTTP answer as a client reads it."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class World:
    """A deployment without a network: doors, worker, upkeep, and what lies beyond them."""

    simulator: Simulator
    stack: Stack
    queue_url: str
    key: str
    stream: "JobsStream"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        door: str = "api",
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one HTTP request through a door, in the event format of its gateway."""
        path, _, query = path.partition("?")
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        sent = {"content-type": "application/json", "authorization": f"Bearer {key or self.key}"}
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        event = sample_event(door)
        event |= {
            "headers": sent,
            "body": text,
            "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)) or None,
        }
        now = int(time.time() * 1000)
        if door == "api":
            event |= {"httpMethod": method, "path": path, "multiValueHeaders": {k: [v] for k, v in sent.items()}}
            event["requestContext"] |= {"path": f"/v1{path}", "requestTimeEpoch": now, "requestId": str(uuid4())}
        else:
            event |= {"rawPath": f"/v1{path}", "rawQueryString": query}
            event["requestContext"] |= {"timeEpoch": now, "requestId": str(uuid4())}
            event["requestContext"]["http"] |= {"method": method, "path": f"/v1{path}"}
        return self._answer(api.handler(event, Context()))

    def _answer(self, answered: dict[str, Any]) -> Answer:
        many = {name: values[0] for name, values in (answered.get("multiValueHeaders") or {}).items()}
        return Answer(answered["statusCode"], {**many, **answered["headers"]}, answered.get("body") or "")

    def form(
        self, path: str, fields: dict[str, Any], files: list[tuple[str, Any]], *, key: str | None = None
    ) -> Answer:
        """POST a multipart form as httpx, and with it the SDKs, encodes it; the job is not waited for."""
        parts = [*((name, (None, value)) for name, value in fields.items()), *files]
        request = httpx.Request("POST", "http://easel", files=parts)
        event = sample_event("api")
        sent = {"content-type": request.headers["content-type"], "authorization": f"Bearer {key or self.key}"}
        sent["prefer"] = "respond-async"
        event |= {"httpMethod": "POST", "path": path, "headers": sent}
        event |= {"body": base64.b64encode(request.read()).decode(), "isBase64Encoded": True}
        now = int(time.time() * 1000)
        event["requestContext"] |= {"path": f"/v1{path}", "requestTimeEpoch": now, "requestId": str(uuid4())}
        return self._answer(api.handler(event, Context()))

    def generate(self, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        """POST /images/generations without waiting, unless `headers` says otherwise."""
        body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"} | body
        return self.call("POST", "/images/generations", body, headers={"prefer": "respond-async"} | (headers or {}))

    def accepted(self, **body: Any) -> str:
        """The id of a job that was just accepted."""
        answer = self.generate(**body)
        assert answer.status == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> Any:
        return self.call("GET", f"/jobs/{job_id}").json()

    def messages(self) -> list[str]:
        """Take what waits in the queue: the bodies of its messages."""
        return _taken(self.queue_url)

    def deliver(self, job_id: str, seconds: float = 60.0) -> Any:
        """Invoke the worker with a message that names the job."""
        event = sample_event("worker")
        event["Records"][0]["body"] = job_id
        return worker_handler.handler(event, Context(seconds))

    def work(self) -> None:
        """Let the worker take all that waits."""
        for job_id in self.messages():
            self.deliver(job_id)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Meanwhile a worker takes what waits, as the event source mapping does."""
        stop = threading.Event()

        def loop() -> None:
            while not stop.wait(0.05):
                self.work()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def bury(self, job_id: str) -> Any:
        event = sample_event("dead_letter")
        event["Records"][0]["body"] = job_id
        return dead_letter.handler(event, Context())

    def sweep(self) -> Any:
        return sweep.handler(sample_event("sweep"), Context())

    def announce(self) -> Any:
        """Invoke the announcer with what the table's stream brings it since the last time; None if that is nothing."""
        records = self.stream.matching_records()
        return self.deliver_to_announcer({"Records": records}) if records else None

    def deliver_to_announcer(self, event: dict[str, Any]) -> Any:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("EASEL_PUBLIC_URL", PUBLIC_URL)
            return announcer_handler.handler(event, Context())

    def deliver_webhooks(self) -> list[Any]:
        """Invoke the webhook function with each message that waits in its queue."""
        queue_url = boto3.client("sqs").get_queue_url(QueueName="webhooks")["QueueUrl"]
        return [self.attempt_webhook(message_id) for message_id in _taken(queue_url)]

    def attempt_webhook(self, message_id: str) -> Any:
        event = sample_event("webhook")
        event["Records"][0]["body"] = message_id
        return webhook_handler.handler(event, Context())

    def check_models(self) -> Any:
        return models_check_handler.handler(sample_event("model_check"), Context())["models"]

    def published(self) -> list[Any]:
        """Take the events that reached the bus."""
        queue_url = boto3.client("sqs").get_queue_url(QueueName="events")["QueueUrl"]
        return [json.loads(body) for body in _taken(queue_url)]

    def put(self, key: str, data: bytes, **metadata: str) -> dict[str, Any]:
        """Put an object into the inbox: what S3 then says of it."""
        answer = boto3.client("s3").put_object(Bucket="inbox", Key=key, Body=data, Metadata=metadata)
        event = sample_event("drop")
        body = json.loads(event["Records"][0]["body"])
        body["Records"][0]["s3"]["object"] = {
            "key": quote_plus(key, safe="/"),
            "size": len(data),
            "eTag": answer["ETag"].strip('"'),
            "versionId": answer["VersionId"],
            "sequencer": "0055AED6DCD90281E5",
        }
        event["Records"][0]["body"] = json.dumps(body)
        return event

    def tell(self, *events: dict[str, Any]) -> list[str]:
        """Deliver notices to the drop function: the ids of the messages that it wants again."""
        records = [record for event in events for record in copy.deepcopy(event["Records"])]
        for number, record in enumerate(records):
            record["messageId"] = f"message-{number}"
        answer = drop.handler({"Records": records}, Context())
        return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]

    def delayed(self) -> list[dict[str, Any]]:
        """Take the drops that wait, whatever is left of their delay: the events that deliver them."""
        queue = sqs_backends[ACCOUNT_ID]["us-east-1"].queues["drops"]
        bodies = [unescape(message.body) for message in queue._messages]
        queue._messages.clear()
        events = [sample_event("drop") for _ in bodies]
        for event, body in zip(events, bodies, strict=True):
            event["Records"][0]["body"] = body
        return events

    def edit_item(self, item_id: str, **numbers: int) -> None:
        """Let time pass for a job by moving its times."""
        boto3.client("dynamodb").update_item(
            TableName="jobs",
            Key={"id": {"S": item_id}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in numbers),
            ExpressionAttributeValues={f":{name}": {"N": str(value)} for name, value in numbers.items()},
        )

    def forget(self) -> None:
        """Let the functions start anew, as after a deployment with other settings."""
        _forget_clients()

    def set_fields(self, item_id: str, **texts: str) -> None:
        """Change text fields of an item."""
        boto3.client("dynamodb").update_item(
            TableName="jobs",
            Key={"id": {"S": item_id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in texts),
            ExpressionAttributeNames={f"#{name}": name for name in texts},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in texts.items()},
        )

    def item(self, item_id: str) -> Any:
        """An item of the jobs table as it is stored."""
        return boto3.client("dynamodb").get_item(TableName="jobs", Key={"id": {"S": item_id}})["Item"]

    def bought(self) -> int:
        """How many calls the provider accepted."""
        return sum(call["accepted"] for call in self.simulator.calls())


class JobsStream:
    """The jobs table's stream, as the announcer's event source mapping reads it: filtered, from where it was before."""

    def __init__(self) -> None:
        events = TEMPLATE["Resources"]["AnnouncerFunction"]["Properties"]["Events"]["Ends"]["Properties"]
        (pattern,) = events["FilterCriteria"]["Filters"]
        self._pattern = EventPattern.load(pattern["Pattern"])
        # moto does not know the host names that hold an account's id.
        self._client = boto3.client("dynamodbstreams", config=Config(account_id_endpoint_mode="disabled"))
        (stream,) = self._client.list_streams(TableName="jobs")["Streams"]
        (shard,) = self._client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        place = {"StreamArn": stream["StreamArn"], "ShardId": shard["ShardId"]}
        self._iterator = self._client.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def matching_records(self) -> list[Any]:
        page = self._client.get_records(ShardIterator=self._iterator)
        self._iterator = page["NextShardIterator"]
        records = json.loads(json.dumps(page["Records"], default=datetime.timestamp))
        return [record for record in records if self._pattern.matches_event(record)]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator(plain=True) as running:
        yield running


@pytest.fixture
def world(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with deployed(simulator, monkeypatch) as world:
        yield world


@contextmanager
def deployed(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A fresh world, gone afterwards."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    simulator.reset()
    _make_requests_atomic(monkeypatch)
    with mock_aws():
        queue_url = _create_resources()
        secret = boto3.client("secretsmanager").create_secret(Name="easel/openai", SecretString="sk-simulated")
        signing = boto3.client("secretsmanager").create_secret(Name="tokens", SecretString="0" * 64)
        monkeypatch.setenv("EASEL_TOKEN_SECRET_ARN", signing["ARN"])
        for name, value in _environment(queue_url, secret["ARN"], f"{simulator.url}/v1").items():
            monkeypatch.setenv(name, value)
        _forget_clients()
        stack = Stack(boto3.session.Session(), None, _outputs(queue_url))
        key, _ = keys.create(stack, "tests", None, [], [])
        yield World(simulator, stack, queue_url, key, JobsStream())
    _forget_clients()


def _make_requests_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request at a time: moto lets two threads pass one condition, which DynamoDB never does."""
    lock, process = threading.Lock(), BotocoreStubber.process_request

    def process_alone(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        with lock:
            return process(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", process_alone)


def _create_resources() -> str:
    dynamodb = boto3.client("dynamodb")
    for name, resource in (("jobs", "JobsTable"), ("ledger", "LedgerTable"), ("callers", "CallersTable")):
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode", "StreamSpecification")
        properties = copy.deepcopy(TEMPLATE["Resources"][resource]["Properties"])
        if "StreamSpecification" in properties:
            properties["StreamSpecification"]["StreamEnabled"] = True  # CloudFormation means it without saying it.
        dynamodb.create_table(TableName=name, **{key: properties[key] for key in wanted if key in properties})
    _create_event_bus()
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="images")
    s3.create_bucket(Bucket="inbox")
    s3.put_bucket_versioning(Bucket="inbox", VersioningConfiguration={"Status": "Enabled"})
    boto3.client("sqs").create_queue(QueueName="drops")
    boto3.client("sqs").create_queue(QueueName="webhooks")
    return str(boto3.client("sqs").create_queue(QueueName="jobs")["QueueUrl"])


def _outputs(queue_url: str) -> dict[str, str]:
    """What the stack's outputs name."""
    webhooks_queue_url = queue_url.removesuffix("jobs") + "webhooks"
    tables = {"CallersTableName": "callers", "LedgerTableName": "ledger", "JobsTableName": "jobs"}
    return {**tables, "WebhooksQueueUrl": webhooks_queue_url}


def _create_event_bus() -> None:
    """A bus, and a rule of its owner that brings each event into a queue."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    queue_url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="easel")
    events.put_rule(Name="all", EventBusName="easel", EventPattern='{"source": ["easel"]}')
    events.put_targets(Rule="all", EventBusName="easel", Targets=[{"Id": "queue", "Arn": arn}])


def _taken(queue_url: str) -> list[str]:
    """The bodies of the messages that wait in a queue, which they leave."""
    sqs = boto3.client("sqs")
    taken = []
    while batch := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            taken.append(message["Body"])
    return taken


def _environment(queue_url: str, secret_arn: str, provider_url: str) -> dict[str, str]:
    return {
        "POWERTOOLS_SERVICE_NAME": "easel",
        "EASEL_JOBS_TABLE": "jobs",
        "EASEL_LEDGER_TABLE": "ledger",
        "EASEL_CALLERS_TABLE": "callers",
        "EASEL_JOBS_QUEUE_URL": queue_url,
        "EASEL_IMAGES_BUCKET": "images",
        "EASEL_MAX_WAIT_SECONDS": "25",
        "EASEL_EVENT_BUS": "easel",
        "EASEL_INBOX_BUCKET": "inbox",
        "EASEL_DROPS_QUEUE_URL": queue_url.replace("jobs", "drops"),
        "EASEL_WEBHOOKS_QUEUE_URL": queue_url.removesuffix("jobs") + "webhooks",
        "PROVIDERS__OPENAI__SECRET_ARN": secret_arn,
        "PROVIDERS__OPENAI__BASE_URL": provider_url,
    }


def _forget_clients() -> None:
    worker.http_client().close()
    clients = (aws.dynamodb, aws.events, aws.sqs, aws.s3, aws.secretsmanager, worker.http_client)
    roots = (services.doors, upkeep.recovery, worker.provider, worker.performer, announcer.announcer, drops.drop_taker)
    followers = (announcer.announcer, webhook.deliverer, upkeep.redelivery, upkeep.spending, models_check.model_check)
    for build in (*clients, *roots, *followers, services.tokens, services.bearers):
        build.cache_clear()
