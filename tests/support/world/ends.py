"""How the end of a job becomes known: the table's stream, the announcer, the event bus, webhooks."""

import json
from datetime import datetime
from functools import cache, cached_property
from typing import Any

import pytest
from botocore.config import Config
from moto.events.models import EventPattern

from handlers import announcer, webhook
from tests.support.template import TEMPLATE
from tests.support.world import aws
from tests.support.world.invocations import PUBLIC_URL, Context, message
from tests.support.world.queues import taken


@cache
def _client() -> Any:
    # moto does not know the host names that hold an account's id.
    return aws.session().client("dynamodbstreams", config=Config(account_id_endpoint_mode="disabled"))


class JobsStream:
    """The jobs table's stream, as the announcer's event source mapping reads it: filtered, from where it was before."""

    def __init__(self) -> None:
        events = TEMPLATE["Resources"]["AnnouncerFunction"]["Properties"]["Events"]["Ends"]["Properties"]
        (pattern,) = events["FilterCriteria"]["Filters"]
        self._pattern = EventPattern.load(pattern["Pattern"])
        self._client = _client()
        (stream,) = self._client.list_streams(TableName="jobs")["Streams"]
        (shard,) = self._client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        place = self._client.get_shard_iterator(
            StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        self._iterator = place["ShardIterator"]

    def matching_records(self) -> list[Any]:
        page = self._client.get_records(ShardIterator=self._iterator)
        self._iterator = page["NextShardIterator"]
        records = json.loads(json.dumps(page["Records"], default=datetime.timestamp))
        return [record for record in records if self._pattern.matches_event(record)]


class Ends:
    """The announcer, and the events that it published."""

    @cached_property
    def stream(self) -> JobsStream:
        """The stream from its start, of which most worlds read nothing."""
        return JobsStream()

    def announce(self) -> Any:
        """Invoke the announcer with what the table's stream brings it since the last time; None if that is nothing."""
        records = self.stream.matching_records()
        return self.deliver({"Records": records}) if records else None

    def deliver(self, event: dict[str, Any]) -> Any:
        """Invoke the announcer."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("EASEL_PUBLIC_URL", PUBLIC_URL)
            return announcer.handler(event, Context())

    def published(self) -> list[Any]:
        """Take the events that reached the bus."""
        return [json.loads(body) for body in taken("events")]


class Webhooks:
    """The webhook function and its queue."""

    def deliver(self) -> list[Any]:
        """Invoke the function with each message that waits."""
        return [self.attempt(message_id) for message_id in taken("webhooks")]

    def attempt(self, message_id: str) -> Any:
        """Invoke the function with one message."""
        return webhook.handler(message("webhook", message_id), Context())
