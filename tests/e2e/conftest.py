"""The types of the fixtures, which live one folder up since tests/sdks shares them."""

from tests.conftest import Key, MakeKey

__all__ = ["Key", "MakeKey"]
