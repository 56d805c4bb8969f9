"""The EventBridge bus, where an account's own rules can react to what Easel does."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "easel"


class EventNotTaken(Exception):
    """The bus did not accept an event; the message is its error code."""


class EventBus:
    """Puts events on an EventBridge bus."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def put(self, kind: str, detail: Mapping[str, object], happened_at: int) -> None:
        """Put an event with that `detail-type` on the bus; `happened_at` in Unix seconds.

        Raises:
            EventNotTaken: the bus refused it.
        """
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": kind,
                    "Detail": json.dumps(detail),
                    "Time": datetime.fromtimestamp(happened_at, UTC),
                }
            ]
        )
        if answer["FailedEntryCount"]:  # A rejected entry comes with status 200.
            raise EventNotTaken(answer["Entries"][0].get("ErrorCode", "unknown"))
