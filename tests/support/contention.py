"""DynamoDB as many writers at once meet it, in virtual time and in memory.

    conflict     a transaction holds its items until it has ended; another write that meets one of them is canceled
    throughput   a partition key takes so many write units a second; what is more is throttled
    batch reads  are no snapshot: the two halves of one are read at different moments

Times are those of a region nearby, a model and not a measurement: DynamoDB publishes no time for a transaction. Of the
language of expressions it knows what Easel's stores say; moto, with which all other tests run, knows all of it but
takes 10 ms for each.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from core.dynamodb import from_item, to_item
from tests.support.virtual_time import VirtualTime, virtual_time

TRANSACTION_SECONDS = 0.015
REFUSAL_SECONDS = 0.005
CALL_SECONDS = 0.004
# Of a partition: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
UNITS_A_SECOND = 1000.0

_KEYS = {"ledger": ("owner", "name")}
_ABSENT = math.nan  # Which compares with nothing, like an attribute that is not there.

type _Place = tuple[str, str, str]
type _Document = dict[str, Any]


class _Canceled(ClientError):
    """A transaction was canceled."""


class _Failed(ClientError):
    """The condition of a single write failed."""


class _Conflict(ClientError):
    """A single write met a transaction."""


class ContendedDynamoDB:
    """A client of DynamoDB with empty tables."""

    exceptions = SimpleNamespace(
        TransactionCanceledException=_Canceled,
        ConditionalCheckFailedException=_Failed,
        TransactionConflictException=_Conflict,
    )

    def __init__(self) -> None:
        self._items: dict[_Place, _Document] = {}
        self._held: dict[_Place, float] = {}
        self._used: dict[tuple[str, str], tuple[float, float]] = {}
        self.calls: Counter[str] = Counter()

    def transact_write_items(self, *, TransactItems: Any) -> None:  # noqa: N803 - as botocore calls them
        """Write all items or none."""
        writes = [next(iter(item.items())) for item in TransactItems]
        places = [_place(write) for _, write in writes]
        assert len(set(places)) == len(places) <= 100
        units = [2 * _units(write) for _, write in writes]
        reasons: list[Any] = [self._obstacle(place, each) for place, each in zip(places, units, strict=True)]
        if any(reasons):
            time.sleep(REFUSAL_SECONDS)
        else:
            self._held |= dict.fromkeys(places, time.time() + TRANSACTION_SECONDS)
            reasons = [self._refusal(write) for _, write in writes]
            if not any(reasons):
                for kind, write in writes:
                    self._apply(kind, write)
            time.sleep(TRANSACTION_SECONDS)
        self.calls["canceled" if any(reasons) else "transactions"] += 1
        if any(reasons):
            answer: Any = {"Error": {}, "CancellationReasons": [reason or {"Code": "None"} for reason in reasons]}
            raise _Canceled(answer, "TransactWriteItems")

    def put_item(self, **write: Any) -> None:
        """Write one item."""
        self._write_alone("Put", write)

    def update_item(self, **write: Any) -> None:
        """Change one item."""
        self._write_alone("Update", write)

    def get_item(self, **request: Any) -> Any:
        """Read one item."""
        self.calls["reads"] += 1
        time.sleep(CALL_SECONDS)
        found = self._items.get(_place(request))
        return {"Item": to_item(found)} if found else {}

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - as botocore calls them
        """Read items, each half at a moment of its own."""
        self.calls["reads"] += 1
        ((table, wanted),) = RequestItems.items()
        places = [_place({"TableName": table, "Key": key}) for key in wanted["Keys"]]
        found = []
        for half in (places[::2], places[1::2]):
            found += [to_item(self._items[place]) for place in half if place in self._items]
            time.sleep(CALL_SECONDS / 2)
        return {"Responses": {table: found}}

    def get_paginator(self, _: str) -> Any:
        """Scan or query a table, in one page."""
        return SimpleNamespace(paginate=self._page)

    def _page(self, *, TableName: str, **request: Any) -> list[Any]:  # noqa: N803 - as botocore calls them
        condition = request.pop("KeyConditionExpression", None)
        items = [item for (table, _, _), item in sorted(self._items.items()) if table == TableName]
        chosen = [item for item in items if condition is None or _holds(condition, request, item)]
        return [{"Items": [to_item(item) for item in chosen]}]

    def _write_alone(self, kind: str, write: Any) -> None:
        reason = self._obstacle(_place(write), _units(write)) or self._refusal(write)
        if reason is None:
            self._apply(kind, write)
        time.sleep(CALL_SECONDS)
        if reason:
            kinds = {"TransactionConflict": _Conflict, "ConditionalCheckFailed": _Failed}
            raise kinds.get(reason["Code"], ClientError)({"Error": {"Code": reason["Code"]}}, kind)

    def _obstacle(self, place: _Place, units: float) -> _Document | None:
        now = time.time()
        if self._held.get(place, 0) > now:
            return {"Code": "TransactionConflict"}
        used, since = self._used.get(place[:2], (0.0, now))
        used = max(0.0, used - (now - since) * UNITS_A_SECOND) + units
        if used > UNITS_A_SECOND:
            return {"Code": "ThrottlingError"}
        self._used[place[:2]] = (used, now)
        return None

    def _refusal(self, write: Any) -> _Document | None:
        found = self._items.get(_place(write), {})
        if _holds(write.get("ConditionExpression", ""), write, found):
            return None
        return {"Code": "ConditionalCheckFailed", "Item": to_item(found)}

    def _apply(self, kind: str, write: Any) -> None:
        place = _place(write)
        if kind == "Put":
            self._items[place] = from_item(write["Item"])
        elif kind == "Delete":
            self._items.pop(place, None)
        elif kind == "Update":
            item = self._items.setdefault(place, from_item(write["Key"]))
            _change(item, write)


@contextmanager
def contended() -> Iterator[tuple[VirtualTime, Any]]:
    """A clock whose time passes while everybody waits, and a client of DynamoDB."""
    with virtual_time() as virtual, pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", virtual.monotonic)
        yield virtual, ContendedDynamoDB()


def _place(write: Any) -> _Place:
    key = write.get("Key") or write["Item"]
    partition, *sort = (key[name]["S"] for name in _KEYS.get(write["TableName"], ("id",)))
    return write["TableName"], partition, "".join(sort)


def _units(write: Any) -> int:
    return math.ceil(len(json.dumps(write.get("Item", {}))) / 1024) or 1


def _holds(condition: str, write: Any, item: _Document) -> bool:
    values = from_item(write.get("ExpressionAttributeValues", {}))
    named = _named(condition, write)
    seen = {
        "value": values,
        "item": lambda name: item.get(name, _ABSENT),
        "attribute_not_exists": lambda found: found is _ABSENT,
        "attribute_exists": lambda found: found is not _ABSENT,
        "begins_with": lambda found, prefix: found is not _ABSENT and found.startswith(prefix),
    }
    return not condition or bool(eval(_compiled(named), seen))


@cache
def _compiled(condition: str) -> CodeType:
    python = re.sub(r"(:\w+)", r'value["\1"]', condition)
    words = "attribute_not_exists|attribute_exists|begins_with|AND|OR|value"
    python = re.sub(rf'(?<![\w":])(?!(?:{words})\b)([a-z]\w*)', r'item("\1")', python)
    python = python.replace(" AND ", " and ").replace(" OR ", " or ")
    return compile(re.sub(r"(?<![<>])=", "==", python), condition, "eval")


def _change(item: _Document, write: Any) -> None:
    values = from_item(write.get("ExpressionAttributeValues", {}))
    sections = re.split(r"\b(ADD|SET|REMOVE) ", _named(write["UpdateExpression"], write))[1:]
    for action, text in zip(sections[::2], sections[1::2], strict=True):
        for clause in re.split(r", (?![^(]*\))", text.strip()):
            name, _, value = clause.replace(" = ", " ").partition(" ")
            default = re.fullmatch(r"if_not_exists\(\w+, (:\w+)\)", value)
            if action == "REMOVE":
                item.pop(name, None)
            elif action == "ADD":
                item[name] = item.get(name, 0) + values[value]
            elif default:
                item.setdefault(name, values[default[1]])
            else:
                item[name] = values[value]


def _named(expression: str, write: Any) -> str:
    names = write.get("ExpressionAttributeNames", {})
    return re.sub(r"#\w+", lambda found: str(names[found[0]]), expression)
