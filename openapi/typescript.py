"""The types of the JavaScript client: what is in client.d.ts, and the schemas that it names, as TypeScript."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_CLIENT = Path(__file__).with_name("client.d.ts")
_HEAD = "// The types of easel.js. `make openapi` writes this file: see openapi/typescript.py.\n\n"
_PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

Schema = Mapping[str, Any]


def declarations(document: Mapping[str, Any]) -> str:
    """The file easel.d.ts for an OpenAPI document."""
    client = _CLIENT.read_text()
    schemas: Mapping[str, Schema] = document["components"]["schemas"]
    names = sorted(_named(client, schemas))
    return _HEAD + client + "".join(f"\n{_interface(name, schemas[name])}" for name in names)


def _named(text: str, schemas: Mapping[str, Schema]) -> set[str]:
    """The schemas that the client names, and those that they refer to."""
    found: set[str] = set()
    waiting = set(re.findall(r"\w+", text)) & schemas.keys()
    while waiting:
        name = waiting.pop()
        found.add(name)
        references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name])))
        waiting |= references - found
    return found


def _interface(name: str, schema: Schema) -> str:
    return "\n".join([*_comment(schema, ""), f"export interface {name} {_object(schema, '')}"]) + "\n"


def _object(schema: Schema, indent: str) -> str:
    if not schema.get("properties"):
        values = schema.get("additionalProperties", True)
        return f"Record<string, {'unknown' if isinstance(values, bool) else _type(values, indent)}>"
    return "\n".join(["{", *_fields(schema, f"{indent}  "), f"{indent}}}"])


def _fields(schema: Schema, indent: str) -> Iterator[str]:
    for name, field in schema["properties"].items():
        yield from _comment(field, indent)
        mark = "" if name in schema.get("required", ()) else "?"
        yield f"{indent}{name}{mark}: {_type(field, indent)}"


def _comment(schema: Schema, indent: str) -> Iterator[str]:
    if text := schema.get("description"):
        yield f"{indent}/** {text} */"


def _type(schema: Schema, indent: str) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(choice, indent) for choice in schema["anyOf"]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " | ".join(_of_kind(kind, schema, indent) for kind in kinds) or "unknown"


def _of_kind(kind: str, schema: Schema, indent: str) -> str:
    if kind == "object":
        return _object(schema, indent)
    if kind == "array":
        item = _type(schema["items"], indent)
        return f"({item})[]" if "|" in item else f"{item}[]"
    return _PRIMITIVES[kind]
