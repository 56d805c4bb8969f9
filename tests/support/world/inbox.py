"""The inbox bucket, what S3 says of its objects, and the drop function that hears it."""

import copy
import json
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import quote_plus

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

from handlers import drop
from tests.support.world import aws
from tests.support.world.invocations import Context, message, sample_event


class Inbox:
    """Where callers drop images."""

    def put(self, key: str, data: bytes, **metadata: str) -> dict[str, Any]:
        """Put an object into the inbox: the event in which S3 says so."""
        return self.event(key, aws.s3().put_object(Bucket="inbox", Key=key, Body=data, Metadata=metadata))

    def copy(self, source: str, key: str, **changes: Any) -> dict[str, Any]:
        """Copy an object within the inbox: the event in which S3 says so."""
        answer = aws.s3().copy_object(Bucket="inbox", Key=key, CopySource={"Bucket": "inbox", "Key": source}, **changes)
        written = {"ETag": answer["CopyObjectResult"]["ETag"], "VersionId": answer["VersionId"]}
        return self.event(key, written, "ObjectCreated:Copy")

    def event(self, key: str, answer: Mapping[str, Any], name: str = "ObjectCreated:Put") -> dict[str, Any]:
        """The event in which S3 says that an object was written; `answer` is what it said to the writer."""
        event = sample_event("drop")
        body = json.loads(event["Records"][0]["body"])
        body["Records"][0]["eventName"] = name
        body["Records"][0]["s3"]["object"] = {
            "key": quote_plus(key, safe="/"),
            "eTag": answer["ETag"].strip('"'),
            "versionId": answer["VersionId"],
            "sequencer": "0055AED6DCD90281E5",
        }
        event["Records"][0]["body"] = json.dumps(body)
        return event

    def deliver(self, *events: dict[str, Any]) -> list[str]:
        """Deliver notifications to the drop function: the ids of the messages that it wants again."""
        records = [record for event in events for record in copy.deepcopy(event["Records"])]
        for number, record in enumerate(records):
            record["messageId"] = f"message-{number}"
        answer = drop.handler({"Records": records}, Context())
        return [str(failed["itemIdentifier"]) for failed in answer["batchItemFailures"]]

    def delayed(self) -> list[dict[str, Any]]:
        """Take the drops that wait, whatever is left of their delay: the events that deliver them."""
        queue = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues["drops"]
        bodies = [unescape(each.body) for each in queue._messages]
        queue._messages.clear()
        return [message("drop", body) for body in bodies]
