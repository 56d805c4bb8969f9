"""DynamoDB as many writers at once meet it, in virtual time, above the tables that moto keeps.

    conflict     a transaction holds its items until it has ended; another write that meets one of them is canceled
    throughput   a partition key takes so many write units a second; what is more is throttled
    batch reads  are no snapshot: the two halves of one are read at different moments

Times are those of a region nearby, a model and not a measurement: DynamoDB publishes no time for a transaction.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.virtual_time import VirtualTime, virtual_time
from tests.support.world import aws

TRANSACTION_SECONDS = 0.015
REFUSAL_SECONDS = 0.005
CALL_SECONDS = 0.004
UNITS_A_SECOND = 1000.0  # of a partition: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html

type _Place = tuple[str, str, str]


class ContendedDynamoDB:
    """A client of DynamoDB that has such tables; what it does not play goes to moto as it is."""

    def __init__(self) -> None:
        self._client: Any = aws.dynamodb()
        self._held: dict[_Place, float] = {}
        self._used: dict[tuple[str, str], tuple[float, float]] = {}
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        """Write all items or none."""
        writes = [write for item in request["TransactItems"] for write in item.values()]
        places = [_place(write) for write in writes]
        reasons = [self._obstacle(place, 2 * _units(write)) for place, write in zip(places, writes, strict=True)]
        if any(reasons):
            self.calls["canceled"] += 1
            time.sleep(REFUSAL_SECONDS)
            answer: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": "canceled"},
                "CancellationReasons": [{"Code": reason or "None"} for reason in reasons],
            }
            raise self._client.exceptions.TransactionCanceledException(answer, "TransactWriteItems")
        self.calls["transactions"] += 1
        self._held |= dict.fromkeys(places, time.time() + TRANSACTION_SECONDS)
        try:
            return self._client.transact_write_items(**request)
        finally:
            time.sleep(TRANSACTION_SECONDS)

    def put_item(self, **request: Any) -> Any:
        """Write one item."""
        return self._write_alone("put_item", request)

    def update_item(self, **request: Any) -> Any:
        """Change one item."""
        return self._write_alone("update_item", request)

    def get_item(self, **request: Any) -> Any:
        """Read one item."""
        self.calls["reads"] += 1
        time.sleep(CALL_SECONDS)
        return self._client.get_item(**request)

    def batch_get_item(self, **request: Any) -> Any:
        """Read items, each at a moment of its own."""
        self.calls["reads"] += 1
        ((table, wanted),) = request["RequestItems"].items()
        keys, found = wanted["Keys"], []
        for part in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            if part:
                answer = self._client.batch_get_item(RequestItems={table: {**wanted, "Keys": part}})
                found += answer["Responses"].get(table, [])
            time.sleep(CALL_SECONDS / 2)
        return {"Responses": {table: found}}

    def _write_alone(self, name: str, request: Any) -> Any:
        reason = self._obstacle(_place(request), _units(request))
        time.sleep(CALL_SECONDS)
        if reason:
            codes = {"TransactionConflict": "TransactionConflictException", "ThrottlingError": "ThrottlingException"}
            answer: Any = {"Error": {"Code": codes[reason], "Message": "canceled"}}
            raise getattr(self._client.exceptions, codes[reason], ClientError)(answer, name)
        return getattr(self._client, name)(**request)

    def _obstacle(self, place: _Place, units: float) -> str | None:
        now = time.time()
        if self._held.get(place, 0) > now:
            return "TransactionConflict"
        used, since = self._used.get(place[:2], (0.0, now))
        used = max(0.0, used - (now - since) * UNITS_A_SECOND)
        if used + units > UNITS_A_SECOND:
            return "ThrottlingError"
        self._used[place[:2]] = (used + units, now)
        return None


@contextmanager
def contended() -> Iterator[tuple[VirtualTime, ContendedDynamoDB]]:
    """Empty tables, and a clock whose time passes while their users wait."""
    with aws.played(), virtual_time() as virtual, pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", time.time)
        aws.create_resources()
        yield virtual, ContendedDynamoDB()


def _place(write: Any) -> _Place:
    key = write.get("Key") or write["Item"]
    if "owner" in key and "name" in key and write["TableName"] == "ledger":
        return "ledger", key["owner"]["S"], key["name"]["S"]
    return write["TableName"], key["id"]["S"], ""


def _units(write: Any) -> int:
    return math.ceil(len(json.dumps(write.get("Item", {}))) / 1024) or 1
