"""What DynamoDB counts for a call, by its published rules: sizes of items, write units and read units.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

Item = Mapping[str, Mapping[str, Any]]


def size_of(item: Item) -> int:
    """Bytes of an item in DynamoDB's typed form: its attributes' names and values."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "B":
            return len(content.encode() if isinstance(content, str) else content)
        case "N":
            return (len(content.lstrip("-").replace(".", "")) + 1) // 2 + 1
        case "M":
            return 3 + len(content) + size_of(content)
        case "L":
            return 3 + len(content) + sum(map(_size, content))
        case "SS":
            return sum(len(each.encode()) for each in content)
        case _:
            return 1  # true, false or null


def read_units(item: Item) -> int:
    """Of a strongly consistent read; an item that does not exist is {}."""
    return max(1, -(-size_of(item) // 4096))


def write_units(before: Item, after: Item, indexes: Sequence[Mapping[str, Any]], *, in_transaction: bool) -> int:
    """Of a write of an item, with what its table's global secondary indexes take; {} is no item.

    `indexes` are as in the template. An index takes a write for a new, changed or removed entry, and two if its key
    changes.
    """
    return _kilobytes(before, after) * (2 if in_transaction else 1) + sum(
        _index_units(before, after, index) for index in indexes
    )


def _index_units(before: Item, after: Item, index: Mapping[str, Any]) -> int:
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    old, new = (
        _entry(item, keys, everything=index["Projection"]["ProjectionType"] == "ALL") for item in (before, after)
    )
    if old == new:
        return 0
    if old and new and [old[key] for key in keys] == [new[key] for key in keys]:
        return _kilobytes(old, new)
    return sum(_kilobytes(entry) for entry in (old, new) if entry)


def _entry(item: Item, keys: list[str], *, everything: bool) -> Item:
    """What an index holds of an item: nothing unless it has the index's whole key."""
    if not all(key in item for key in keys):
        return {}
    return item if everything else {name: item[name] for name in ("id", *keys)}


def _kilobytes(*items: Item) -> int:
    return max(1, -(-max(map(size_of, items)) // 1024))
