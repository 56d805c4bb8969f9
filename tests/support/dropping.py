"""Drops on a deployed stack, as a pipeline makes them and waits for what they leave behind."""

import json
import time
from functools import cache
from typing import Any
from urllib.parse import quote_plus

from local.stack import Stack

MANIFESTS = ("result.json", "error.json")


@cache
def _client(stack: Stack, service: str) -> Any:
    return stack.client(service)


def own(stack: Stack, prefix: str, caller_id: str) -> None:
    """Map a prefix to a caller, as an operator does."""
    stack.easel("drops", "map", prefix, caller_id)


def drop(stack: Stack, key: str, data: bytes, **metadata: str) -> str:
    """Put an object into the inbox: its version."""
    answer = _client(stack, "s3").put_object(Bucket=stack.inbox_bucket, Key=key, Body=data, Metadata=metadata)
    return str(answer["VersionId"])


def results(stack: Stack, prefix: str) -> list[str]:
    """Every key under drops/ that begins so."""
    pages = _client(stack, "s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=stack.images_bucket, Prefix=f"drops/{prefix}")
    return [entry["Key"] for page in listed for entry in page.get("Contents", [])]


def read(stack: Stack, key: str) -> bytes:
    """An object of the images bucket."""
    body: bytes = _client(stack, "s3").get_object(Bucket=stack.images_bucket, Key=key)["Body"].read()
    return body


def manifest(stack: Stack, folder: str, seconds: float = 30) -> Any:
    """The manifest in a folder of results, once there is one; None when there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for key in results(stack, f"{folder}/"):
            if key.removeprefix(f"drops/{folder}/") in MANIFESTS:
                return json.loads(read(stack, key))
        time.sleep(0.3)
    return None


def left_within(stack: Stack, folder: str, names: list[str], seconds: float) -> bool:
    """Whether a folder of results holds these files, and no others, before the time is over."""
    until = time.monotonic() + seconds
    expected = sorted(f"drops/{folder}/{name}" for name in names)
    while (found := results(stack, f"{folder}/")) != expected and time.monotonic() < until:
        time.sleep(0.3)
    return found == expected


def lose_results(stack: Stack, folder: str) -> str:
    """Delete what is in a folder of results: the version of the drop that they came from."""
    version = str(json.loads(read(stack, f"drops/{folder}/result.json"))["source"]["version_id"])
    for key in results(stack, f"{folder}/"):
        _client(stack, "s3").delete_object(Bucket=stack.images_bucket, Key=key)
    return version


def notification(stack: Stack, key: str, version: str) -> str:
    """A notification as S3 sends it."""
    record = {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": stack.inbox_bucket},
            "object": {"key": quote_plus(key, safe="/"), "versionId": version},
        },
    }
    return json.dumps({"Records": [record]})


def depth(stack: Stack, queue_url: str) -> dict[str, int]:
    """How many messages a queue holds: visible, in flight, delayed."""
    names = ("", "NotVisible", "Delayed")
    attributes = _client(stack, "sqs").get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names]
    )["Attributes"]
    return {name or "Visible": int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in names}
