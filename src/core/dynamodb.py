"""Plain data to DynamoDB items and back."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer


class _Deserializer(TypeDeserializer):
    """Every number that is stored is whole, and is wanted back as it was, not as a Decimal."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def to_item(document: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's typed form of a flat or nested document; None is left out at the top."""
    return {name: _serialize(value) for name, value in document.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a typed item."""
    return {name: _deserialize(value) for name, value in item.items()}
