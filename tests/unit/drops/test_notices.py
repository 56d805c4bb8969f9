"""What S3 says of the inbox, however it says it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drops.notifications import NotANotice, Notification, read_notifications

TEXT = st.text(st.characters(codec="utf-8"), min_size=1)


def message(event: str = "ObjectCreated:Put", **found: Any) -> str:
    record = {"eventName": event, "s3": {"bucket": {"name": "inbox"}, "object": {"key": "a.png", **found}}}
    return json.dumps({"Records": [record]})


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b.png", "a b.png"),
        ("a%2Bb.png", "a+b.png"),
        ("a%252Bb.png", "a%2Bb.png"),
        ("%C3%BC%20%E2%9C%93.png", "ü ✓.png"),
        ("team/photo.png", "team/photo.png"),
    ],
)
def test_keys_are_decoded(encoded: str, key: str) -> None:
    assert [notification.key for notification in read_notifications(message(key=encoded))] == [key]


@given(
    notification=st.builds(Notification, bucket=st.just("inbox"), key=TEXT, waited=st.just(0)),
    seconds=st.integers(0, 90000),
)
def test_a_notice_that_waits_comes_back_as_it_was(notification: Notification, seconds: int) -> None:
    assert read_notifications(notification.after(seconds).message()) == [replace(notification, waited=seconds)]


@pytest.mark.parametrize(
    "event", ["ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Post"]
)
def test_every_way_to_create_an_object_counts(event: str) -> None:
    assert len(read_notifications(message(event))) == 1


@pytest.mark.parametrize("event", ["ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete", "ObjectTagging:Put"])
def test_nothing_else_does(event: str) -> None:
    assert read_notifications(message(event)) == []


def test_the_test_of_a_new_notification_is_no_drop() -> None:
    assert read_notifications(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "inbox"})) == []


def test_a_message_may_tell_of_several_objects() -> None:
    records = json.loads(message(key="a.png"))["Records"] + json.loads(message(key="b.png"))["Records"]
    assert [notification.key for notification in read_notifications(json.dumps({"Records": records}))] == [
        "a.png",
        "b.png",
    ]


@pytest.mark.parametrize(
    "body",
    ["", "hello", "[]", "null", "{}", '{"Records": 1}', '{"Records": [{}]}', message(key="%FF"), message(key=3)],
)
def test_a_message_that_no_bucket_sent_is_recognized(body: str) -> None:
    with pytest.raises(NotANotice):
        read_notifications(body)
