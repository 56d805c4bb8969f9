"""What S3 reports about the inbox: at least once, in no particular order, with encoded keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus, unquote_plus

_CREATED = "ObjectCreated:"
_COPIED = "ObjectCreated:Copy"
# Our own fields, in a notification that was sent again to be processed later.
_WAITED = "easelWaitedSeconds"
_BY_SIDECAR = "easelBySidecar"


class NotANotice(Exception):
    """A message that does not come from a bucket."""


@dataclass(frozen=True)
class Notification:
    """An object was created, perhaps `copied` within S3; or its sidecar was, which names no version of it.

    `waited`: the seconds it has waited for a recipe, its owner's limits or a service.
    """

    bucket: str
    key: str
    etag: str | None = None
    version: str | None = None
    waited: int = 0
    copied: bool = False
    by_sidecar: bool = False

    def after(self, seconds: int) -> "Notification":
        """The same notification after waiting for more seconds."""
        return replace(self, waited=self.waited + seconds)

    def message(self) -> str:
        """The notification as S3 sends it, for waiting in the queue."""
        found = {"key": quote_plus(self.key, safe="/"), "eTag": self.etag, "versionId": self.version}
        record = {
            "eventSource": "aws:s3",
            "eventName": _COPIED if self.copied else f"{_CREATED}Put",
            "s3": {
                "bucket": {"name": self.bucket},
                "object": {name: value for name, value in found.items() if value is not None},
            },
            _WAITED: self.waited,
            _BY_SIDECAR: self.by_sidecar,
        }
        return json.dumps({"Records": [record]})


def read_notifications(message: str) -> list[Notification]:
    """The objects that a message says were created; none for S3's test message and for deletions.

    Raises:
        NotANotice: it is not a notification of S3.
    """
    try:
        document = json.loads(message)
        if document.get("Event") == "s3:TestEvent":
            return []
        return [notification for record in document["Records"] for notification in _created(record)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotANotice(type(error).__name__) from error


def _created(record: dict[str, Any]) -> Iterator[Notification]:
    event = record["eventName"].removeprefix("s3:")
    if not event.startswith(_CREATED):
        return
    found = record["s3"]["object"]
    yield Notification(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(found["key"], errors="strict"),
        etag=found.get("eTag"),
        version=found.get("versionId"),
        waited=int(record.get(_WAITED, 0)),
        copied=event == _COPIED,
        by_sidecar=bool(record.get(_BY_SIDECAR)),
    )
