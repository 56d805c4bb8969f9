"""JSON schemas made from the code, as people and models read them."""

from typing import Any


def untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without pydantic's titles, which repeat names, and without defaults that mean absence."""
    short: dict[str, Any] = {}
    for name, value in schema.items():
        if (name == "title" and isinstance(value, str)) or (name == "default" and value is None):
            continue
        match value:
            case dict() if name in ("properties", "$defs"):
                short[name] = {key: untitled(each) for key, each in value.items()}
            case dict():
                short[name] = untitled(value)
            case list():
                short[name] = [untitled(each) if isinstance(each, dict) else each for each in value]
            case _:
                short[name] = value
    return short
