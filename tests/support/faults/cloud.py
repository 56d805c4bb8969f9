"""What AWS does by itself while the clock moves: deliver messages again or to a dead-letter queue, and sweep."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from moto.backends import get_backend

from core import aws
from core.jobs.model import Job
from core.jobs.recovery import RESTORING_PATIENCE_SECONDS
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from tests.support.events import Event, read_events
from tests.support.faults.wire import Crash, Planned, Wire, watching
from tests.support.template import TEMPLATE
from tests.support.world import EVERY_PROVIDER, World, deployed, simulated
from tests.support.world import aws as moto
from tests.support.world.http_api import Answer
from tests.support.world.invocations import PUBLIC_URL, Context, fresh_handler, message, sample_event
from tests.support.world.mcp_server import META
from tests.support.world.queues import queue_url

# The first key of each provider that needs one.
SECRETS = {"openai": "sk-simulated", "gemini": "AIza-simulated"}
MINUTE = 60
_API_SECONDS, _DIRECT_SECONDS, _DROP_SECONDS, _UPKEEP_SECONDS = 29, 900, 60, 30
_STREAM_RETRIES = TEMPLATE["Resources"]["AnnouncerFunction"]["Properties"]["Events"]["Ends"]["Properties"][
    "MaximumRetryAttempts"
]
# So long a job may wait after its deadline: until the next sweep, and while it is being finished.
_GRACE_SECONDS = 2 * MINUTE
# When a service was out, whoever waits for it looks again after this time at the latest.
_GRACE_AFTER_OUTAGE_SECONDS = RESTORING_PATIENCE_SECONDS + _GRACE_SECONDS
_PATIENCE_SECONDS = 24 * 3600


class Died(Exception):
    """A function's process ended without an answer."""


class Cloud:
    """A deployment whose faults are planned and whose hours take no time."""

    def __init__(self, world: World, clock: time_machine.Traveller) -> None:
        self.world = world
        self.wire = Wire(self, clock)
        self.stuck: set[str] = set()
        # Ids of ended jobs that the stream has brought, with how often they were tried.
        self._unread: dict[str, int] = {}
        timeout = TEMPLATE["Parameters"]["WorkerTimeout"]["Default"]
        self.worker_seconds = int(timeout)
        self._sqs = moto.sqs()
        visibility = TEMPLATE["Mappings"]["WorkerTimeouts"][timeout]["Visibility"]
        jobs, inbox = queue_url("jobs"), queue_url("drops")
        # Queues with what takes their messages, as the event source mappings of the template do.
        self._sources: list[tuple[str, Callable[[str, str], None]]] = [
            (jobs, lambda body, _: self.work(body)),
            (self._dead_letter_queue_of(jobs, "Jobs", visibility), lambda body, _: self.fail_undeliverable(body)),
            (inbox, self.take_drop),
        ]
        self._dead_letter_queue_of(inbox, "Drops")

    def _dead_letter_queue_of(self, url: str, name: str, visibility: int | None = None) -> str:
        """Give a queue the attributes it has in the template, and a queue of dead letters."""
        resources = TEMPLATE["Resources"]
        properties = resources[f"{name}Queue"]["Properties"]
        dead = resources[f"{name}DeadLetterQueue"]["Properties"]
        hidden = str(dead.get("VisibilityTimeout", 30))
        made = self._sqs.create_queue(QueueName=f"{name}-dead", Attributes={"VisibilityTimeout": hidden})
        arn = self._sqs.get_queue_attributes(QueueUrl=made["QueueUrl"], AttributeNames=["QueueArn"])["Attributes"]
        policy = {
            "deadLetterTargetArn": arn["QueueArn"],
            "maxReceiveCount": properties["RedrivePolicy"]["maxReceiveCount"],
        }
        self._sqs.set_queue_attributes(
            QueueUrl=url,
            Attributes={
                "VisibilityTimeout": str(visibility or properties["VisibilityTimeout"]),
                "RedrivePolicy": json.dumps(policy),
            },
        )
        return str(made["QueueUrl"])

    def clear(self) -> None:
        """As it was deployed: no jobs, no messages, no objects, the first secret, cold functions."""
        self.wire.start_over()
        for table in _backend("dynamodb").tables.values():
            if table.name != "callers":
                table.items.clear()
            if table.stream_shard:
                table.stream_shard.items.clear()
        for bucket in _backend("s3", "aws").buckets.values():
            bucket.keys.clear()
        for queue in _backend("sqs").queues.values():
            queue._messages.clear()
            queue._pending_messages.clear()
        for provider, secret in SECRETS.items():
            self.rotate(provider, secret)
        self.world.simulator.reset()
        self.wire.reset(())
        self.stuck.clear()
        self._unread.clear()
        self.restart()

    def rotate(self, provider: str, secret: str) -> None:
        """Put another key into Secrets Manager."""
        moto.secretsmanager().put_secret_value(SecretId=f"easel/{provider}", SecretString=secret)

    def plan(self, planned: tuple[Planned, ...]) -> None:
        """From now on count steps, and have these mishaps."""
        self.wire.reset(planned)

    def restart(self) -> None:
        """Let the next invocation be a cold one."""
        self.world.restart()

    # What callers reach.

    def call(self, method: str, path: str, body: Any = None, *, door: str = "api", **more: Any) -> Answer | None:
        """A request of a caller; None when the function died, for which the gateway has an answer of its own."""
        with self._door(_API_SECONDS if door == "api" else _DIRECT_SECONDS) as answers:
            answers.append(self.world.api.call(method, path, body, door=door, **more))
        return answers[0] if answers else None

    def stream(self, body: Any, *, key: str | None = None) -> tuple[Answer | None, bool]:
        """A stream's last event in the form of an answer, None if the function died; and whether a stream began."""
        answered: Any = None
        pieces: list[bytes] = []
        with self._door(_DIRECT_SECONDS) as answers:
            sent = body | {"stream": True}
            answered = self.world.api.answered("POST", "/images/generations", sent, door="direct", key=key)
            if isinstance(answered["body"], str):
                answers.append(Answer(answered["statusCode"], answered["headers"], answered["body"]))
            else:
                for piece in answered["body"]:
                    pieces.append(piece)
        if pieces and (events := read_events(b"".join(pieces).decode())):
            answers.append(_as_answer(events[-1], answered["headers"]))
        return (answers[0] if answers else None), bool(pieces)

    def form(
        self,
        path: str,
        fields: dict[str, Any],
        files: list[tuple[str, Any]],
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer | None:
        """A form of a caller, whose job is not waited for."""
        with self._door(_API_SECONDS) as answers:
            answers.append(self.world.api.form(path, fields, files, key=key, headers=headers))
        return answers[0] if answers else None

    def tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """The result of a tool that an assistant calls, or the refusal of its call; None when the function died."""
        event = sample_event("mcp")
        params = {"name": name, "arguments": arguments, "_meta": META}
        event["headers"] |= {
            "authorization": f"Bearer {self.world.api.key}",
            "mcp-method": "tools/call",
            "mcp-name": name,
        }
        event["requestContext"] |= {"timeEpoch": int(time.time() * 1000), "requestId": str(uuid4())}
        event["body"] = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        try:
            with self.wire.process("mcp", _API_SECONDS) as process:
                answered = fresh_handler("mcp")(event, _Remaining(process.time_left))
        except Crash:
            self.restart()
            return None
        if process.dead:  # The server's threads have their own way to end.
            self.restart()
            return None
        text = answered["body"]
        text = base64.b64decode(text).decode() if answered.get("isBase64Encoded") else text
        document = json.loads(text)
        return document["result"] if "result" in document else {"isError": True, "error": document["error"]["code"]}

    @contextmanager
    def _door(self, seconds: int) -> Iterator[list[Answer]]:
        # Powertools keeps the event of a process in one place; here several processes share it.
        event: Any = getattr(BaseRouter, "current_event", None)
        context: Any = getattr(BaseRouter, "lambda_context", None)
        answers: list[Answer] = []
        try:
            with self.wire.process("api", seconds):
                yield answers
        except Crash:
            self.restart()
        finally:
            BaseRouter.current_event, BaseRouter.lambda_context = event, context

    # What AWS invokes.

    def work(self, job_id: str) -> None:
        """Have a worker take a message that names the job.

        Raises:
            Died: the message was not dealt with.
        """
        self._invoke("worker", message("worker", job_id), self.worker_seconds, job_id)

    def fail_undeliverable(self, job_id: str) -> None:
        """Have the dead letter of a job taken.

        Raises:
            Died: the message was not dealt with.
        """
        self._invoke("dead_letter", message("dead_letter", job_id), _UPKEEP_SECONDS)

    def take_drop(self, notification: str, message_id: str) -> None:
        """Have S3's notification of a dropped object taken.

        Raises:
            Died: the message was not dealt with.
        """
        event = message("drop", notification)
        event["Records"][0]["messageId"] = message_id
        self._invoke("drop", event, _DROP_SECONDS)

    def drop(self, key: str, data: bytes, **metadata: str) -> None:
        """Drop an object into the inbox; S3 sends a notification of it into the queue."""
        with self.wire.outside():
            event = self.world.inbox.put(key, data, **metadata)
            self._sqs.send_message(QueueUrl=queue_url("drops"), MessageBody=event["Records"][0]["body"])

    def sweep(self) -> None:
        """Sweep once; a sweep that failed is not repeated."""
        with suppress(Died):
            self._invoke("sweep", sample_event("sweep"), _UPKEEP_SECONDS)

    def _invoke(self, function: str, event: dict[str, Any], seconds: int, job_id: str = "") -> None:
        with self.wire.process(function, seconds, job_id) as process:
            context = _Remaining(process.time_left)
            try:
                answer = fresh_handler(function)(event, context)
            except Crash:
                self.restart()
                raise Died(function) from None
            except Exception as error:
                raise Died(function) from error
        if isinstance(answer, dict) and answer.get("batchItemFailures"):
            raise Died(function)

    def deliver(self) -> None:
        """Hand every message that can be received to its function; what is not dealt with comes again later."""
        for url, take in self._sources:
            while any(message.visible and not message.delayed for message in _queue(url)._messages):
                messages = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages")
                if not messages:  # It has just become a dead letter.
                    continue
                try:
                    take(messages[0]["Body"], messages[0]["MessageId"])
                except Died:
                    continue
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
        self._announce()

    def _announce(self) -> None:
        """Hand the records of the jobs table's stream to the announcer; a record is dropped after its last attempt."""
        shard = _backend("dynamodb").tables["jobs"].stream_shard
        for record in shard.items:
            image = record.to_json()["dynamodb"].get("NewImage", {})
            if image.get("open") == {"S": "unannounced"}:
                self._unread[image["id"]["S"]] = 0
        shard.items.clear()  # moto copies all of it for each transaction.
        for job_id in list(self._unread):
            event = sample_event("announcer")
            event["Records"][0]["dynamodb"]["Keys"]["id"]["S"] = job_id
            try:
                self._invoke("announcer", event, _UPKEEP_SECONDS)
            except Died:
                self._unread[job_id] += 1
                if self._unread[job_id] <= _STREAM_RETRIES:
                    continue
            del self._unread[job_id]

    def settle(self) -> bool:
        """Let time pass until nothing happens any more; whether that came to be within a day."""
        until = time.time() + _PATIENCE_SECONDS
        self.deliver()
        while time.time() < until:
            if not self._open_ids() and not self._unannounced() and not self._messages():
                return True
            self._pass_the_time()
            for job in self.open_jobs():
                due = max(job.deadline, job.lease_until or 0) + _GRACE_SECONDS
                if time.time() > max(due, self.wire.outage_until() + _GRACE_AFTER_OUTAGE_SECONDS):
                    self.stuck.add(f"{job.status} {job.stage or ''}".strip())
        return False

    def _pass_the_time(self) -> None:
        """Until the next minute, with its sweep; or until the next message can be received, if nothing else is left."""
        if self._open_ids() or self._unannounced():
            self.wire.let_pass(MINUTE - time.time() % MINUTE)
            self.sweep()
        else:
            next_at = min(max(message.visible_at, message.delayed_until) for message in self._messages()) / 1000
            self.wire.let_pass(max(1.0, next_at - time.time() + 1))
        self.deliver()

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        found = [_job_store().get(item_id) for item_id in self._job_items()]
        return sorted((job for job in found if job), key=lambda job: job.created_ms)

    def open_jobs(self) -> list[Job]:
        """Jobs that are not finished."""
        return [job for item_id in self._open_ids() if (job := _job_store().get(item_id))]

    def _open_ids(self) -> list[str]:
        return [item_id for item_id, mark in self._marks().items() if mark == "yes"]

    def _unannounced(self) -> list[str]:
        return [item_id for item_id, mark in self._marks().items() if mark == "unannounced"]

    def _marks(self) -> dict[str, str]:
        marks = {item_id: item.attrs.get("open") for item_id, item in self._job_items().items()}
        return {item_id: mark.value for item_id, mark in marks.items() if mark is not None}

    def _job_items(self) -> dict[str, Any]:
        items = _backend("dynamodb").tables["jobs"].items
        return {key.value: item for key, item in items.items() if key.value.startswith("job_")}

    def _messages(self) -> list[Any]:
        """Messages in the queues, including those in flight and delayed ones."""
        return [message for url, _ in self._sources for message in _queue(url)._messages]

    def waiting_places(self) -> dict[str, list[str]]:
        """The places that waiting calls hold, by whose they are."""
        items = _backend("dynamodb").tables["jobs"].items
        uses = {key.value: item.attrs for key, item in items.items() if key.value.startswith("uses#")}
        return {
            item_id.removeprefix("uses#"): list(attrs["places"].value) if "places" in attrs else []
            for item_id, attrs in uses.items()
        }

    def ledger(self) -> tuple[LedgerStore, JobStore]:
        """What an audit looks at."""
        return LedgerStore(aws.dynamodb(), "ledger"), _job_store()

    def announced(self) -> set[str]:
        """Ids of the jobs whose end came over the event bus."""
        found = [json.loads(message.body) for message in _backend("sqs").queues["events"]._messages]
        return {event["detail"]["job_id"] for event in found}

    def stored(self) -> dict[str, bytes]:
        """What lies in the images bucket."""
        keys = _backend("s3", "aws").buckets["images"].keys
        return {name: keys[name].value for name in keys}


def _job_store() -> JobStore:
    return JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))


def _backend(service: Any, region: str = "us-east-1") -> Any:
    """What moto keeps of a service."""
    return get_backend(service)["123456789012"][region]


def _queue(url: str) -> Any:
    return _backend("sqs").queues[url.rpartition("/")[2]]


class _Remaining(Context):
    """A context whose time runs by the clock of the campaign."""

    def __init__(self, time_left: Any) -> None:
        super().__init__()
        self._time_left = time_left

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # static in Powertools, not in Lambda
        return int(self._time_left() * 1000)


@contextmanager
def clouds() -> Iterator[Cloud]:
    """A cloud for any number of scenarios, one after the other."""
    with (
        pytest.MonkeyPatch.context() as patch,
        simulated() as simulator,
        time_machine.travel(datetime.now(UTC), tick=False) as clock,
        deployed(simulator, EVERY_PROVIDER) as world,
    ):
        patch.setenv("EASEL_PUBLIC_URL", PUBLIC_URL)
        cloud = Cloud(world, clock)
        with watching(cloud.wire):
            yield cloud


def _as_answer(event: Event, headers: dict[str, str]) -> Answer:
    """The last event of a stream, in the form of an answer in one piece."""
    text = json.dumps(event.data)
    if event.name != "error":
        return Answer(200, headers, text)
    return Answer(500, headers | {"x-should-retry": json.dumps(event.data["error"]["retryable"])}, text)
