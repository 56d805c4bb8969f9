"""JSON schemas of tools, in the few words that every consumer of tools takes.

Hosts hand a tool's schema to their model's vendor as it is, and some vendors refuse a whole request for one keyword
that they do not know: Gemini for `additionalProperties`, `const`, `default`, bounds and lists of types, Moonshot for a
missing `type` or one beside `anyOf`, OpenAI in strict mode for `pattern` and bounds. What remains is KEYWORDS. Bounds
and defaults are told in the descriptions, which is where models read them, and checked when a tool is called.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

KEYWORDS = ("type", "description", "properties", "required", "items", "enum")

Schema = dict[str, Any]


def input_schema(model: type[BaseModel], *, described: bool = True) -> Schema:
    """The schema of a tool's arguments, with or without what each of them means."""
    written = model.model_json_schema()
    named = written.get("$defs", {})
    properties = {name: _plain(value, named) for name, value in written["properties"].items()}
    if not described:
        properties = {name: _without(value, "description") for name, value in properties.items()}
    schema = {"type": "object", "properties": properties}
    return schema | {"required": written["required"]} if "required" in written else schema


def output_schema(model: type[BaseModel], outline: Sequence[str]) -> Schema:
    """The schema of a tool's result: the named fields alone, since a model sees the others in the result itself."""
    written = model.model_json_schema(mode="serialization")
    named = written.get("$defs", {})
    return {"type": "object", "properties": {name: _type(written["properties"][name], named) for name in outline}}


def _type(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """The type, and that of an array's entries."""
    kind = {"type": _resolved(schema, named)["type"]}
    return kind | {"items": _type(schema["items"], named)} if "items" in schema else kind


def _resolved(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    return named[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _plain(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """The schema in KEYWORDS, with the rest of what it says in the description."""
    schema = _resolved(schema, named) | schema
    if "anyOf" in schema:  # an optional argument: omitted, or null, which means the same
        (given,) = (option for option in schema["anyOf"] if option != {"type": "null"})
        return _plain(given | _without(schema, "anyOf"), named)
    plain = {name: schema[name] for name in KEYWORDS if name in schema}
    if words := _words(schema):
        plain["description"] = words
    if "items" in schema:
        plain["items"] = _plain(schema["items"], named)
    if "properties" in schema:
        # What is nested has no room for words.
        nested = {name: _plain(value, named) for name, value in schema["properties"].items()}
        plain["properties"] = {name: _without(value, "description") for name, value in nested.items()}
    return plain


def _words(schema: Schema) -> str:
    """The description, with the limits and the default."""
    words = schema.get("description", "").split()
    if "minimum" in schema and "maximum" in schema:
        words.append(f"{schema['minimum']} to {schema['maximum']}.")
    if "maxItems" in schema:
        words.append(f"At most {schema['maxItems']}.")
    if schema.get("default") is not None:
        words.append(f"Default: {json.dumps(schema['default'])}.")
    return " ".join(words)


def _without(schema: Schema, name: str) -> Schema:
    return {key: value for key, value in schema.items() if key != name}
