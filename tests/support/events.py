"""Server-sent events as a client reads them (WHATWG HTML, section 9.2)."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """An event's name and its data."""

    name: str
    data: Any


def read_events(text: str) -> list[Event]:
    """The complete events of a stream, without its comments."""
    *blocks, rest = text.split("\n\n")
    assert rest == "", "the last event is not complete"
    events = []
    for block in blocks:
        fields = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if fields:
            assert [name for name, _, _ in fields] == ["event", "data"]
            (_, _, name), (_, _, data) = fields
            events.append(Event(name, json.loads(data)))
            assert events[-1].data["type"] == name
    return events


def heartbeats(text: str) -> int:
    """How many comments a stream has."""
    return text.count(": keep-alive\n\n")
