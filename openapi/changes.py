"""What in the description would break clients of the last release: python -m openapi.changes (part of make check).

A client breaks when a request that was fine is refused, or when an answer is not what was promised. So requests must be
accepted as widely as before, and answers must stay within what they were. Compared are paths, methods, parameters,
media types, statuses and response headers, and of schemas `type`, `enum`, `const`, `properties`, `required`, `items`,
`additionalProperties`, `anyOf` and, in requests, bounds and patterns. Not compared are `format`, security, error codes
(which are prose), the inside of a schema that contains itself, and what the same schema means.

As in Semantic Versioning, a breaking change needs a new major version, or before 1.0.0 a new minor one.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from core import __version__
from openapi.files import DESCRIPTION

# A copy of openapi.json for each release, named after its version.
RELEASED = Path(__file__).with_name("released")

Node = Mapping[str, Any]
Direction = Literal["request", "response"]


def breaking_changes(old: Node, new: Node) -> list[str]:
    """One line for each difference that may break a client of the old description."""
    before, now = _inlined(old["paths"], old), _inlined(new["paths"], new)
    found: list[str] = []
    for path, methods in before.items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            if method in now.get(path, {}):
                found += _operation(where, operation, now[path][method])
            else:
                found.append(f"{where}: removed")
    return found


def last_release() -> tuple[str, Node]:
    """The newest released version, and its description."""
    newest = max(RELEASED.glob("*.json"), key=lambda path: _numbers(path.stem))
    return newest.stem, json.loads(newest.read_text())


def may_break(released: str, version: str) -> bool:
    """Whether a version announces breaking changes to users of the released one."""
    before, now = _numbers(released), _numbers(version)
    significant = 1 if before[0] else 2
    return now[:significant] > before[:significant]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _inlined(node: Any, document: Node, inside: tuple[str, ...] = ()) -> Any:
    """The node with every reference replaced by what it refers to."""
    if isinstance(node, list):
        return [_inlined(item, document, inside) for item in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" not in node:
        return {name: _inlined(value, document, inside) for name, value in node.items()}
    if node["$ref"] in inside:
        return {}
    target: Any = document
    for name in node["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return _inlined(target, document, (*inside, node["$ref"]))


def _operation(where: str, old: Node, new: Node) -> Iterator[str]:
    yield from _parameters(where, old.get("parameters", ()), new.get("parameters", ()))
    body, new_body = old.get("requestBody", {}), new.get("requestBody", {})
    if new_body.get("required") and not body.get("required"):
        yield f"{where}: now requires a body"
    yield from _contents("request", where, body, new_body)
    for status in new["responses"].keys() - old["responses"].keys():
        if status[0] in "23":
            yield f"{where}: may now answer {status}"
    for status, answer in old["responses"].items():
        if status not in new["responses"]:
            yield f"{where}: no longer answers {status}"
            continue
        new_answer = new["responses"][status]
        for header in answer.get("headers", {}).keys() - new_answer.get("headers", {}).keys():
            yield f"{where} {status}: header {header} removed"
        yield from _contents("response", f"{where} {status}", answer, new_answer)


def _parameters(where: str, old: list[Node], new: list[Node]) -> Iterator[str]:
    before, now = ({(each["in"], each["name"]): each for each in side} for side in (old, new))
    for key in before.keys() - now.keys():
        yield f"{where} {key[1]}: no longer accepted"
    for key, parameter in now.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{where} {key[1]}: now required"
        if key in before:
            yield from _schema("request", f"{where} {key[1]}", before[key]["schema"], parameter["schema"])


def _contents(direction: Direction, where: str, old: Node, new: Node) -> Iterator[str]:
    now = new.get("content", {})
    for kind, content in old.get("content", {}).items():
        if kind in now:
            yield from _schema(direction, f"{where} {kind}", content["schema"], now[kind]["schema"])
        else:
            yield f"{where}: {kind} removed"


def _schema(direction: Direction, where: str, old: Node, new: Node) -> Iterator[str]:
    """What `inner` allows must be allowed by `outer`: old requests by the new schema, new answers by the old one."""
    inner, outer = (old, new) if direction == "request" else (new, old)
    if "anyOf" in old or "anyOf" in new:
        for one in _alternatives(inner):
            tried = (
                list(_schema(direction, where, *((one, other) if direction == "request" else (other, one))))
                for other in _alternatives(outer)
            )
            yield from min(tried, key=len)
        return
    verb = "no longer accepts" if direction == "request" else "may now be"
    for kind in sorted(_types(inner) - _types(outer)):
        yield f"{where}: {verb} {kind}"
    if (allowed := _values(outer)) is not None:
        for value in _values(inner) or ("other values",):
            if value not in allowed:
                yield f"{where}: {verb} {value}"
    if direction == "request":
        yield from _tightened(where, old, new)
    if "object" in _types(old) & _types(new):
        yield from _properties(direction, where, old, new)
    if "items" in old and "items" in new:
        yield from _schema(direction, f"{where}[]", old["items"], new["items"])


def _properties(direction: Direction, where: str, old: Node, new: Node) -> Iterator[str]:
    before, now = old.get("properties", {}), new.get("properties", {})
    removed = before.keys() - now.keys()
    for name in removed:
        yield f"{where}.{name}: {'no longer accepted' if direction == 'request' else 'removed'}"
    always, always_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in always_now - always if direction == "request" else always - always_now - removed:
        yield f"{where}.{name}: {'now required' if direction == 'request' else 'no longer always there'}"
    for name in before.keys() & now.keys():
        yield from _schema(direction, f"{where}.{name}", before[name], now[name])
    others, others_now = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if direction == "request" and others is not False and others_now is False:
        yield f"{where}: no longer accepts other properties"
    if isinstance(others, Mapping) and isinstance(others_now, Mapping):
        yield from _schema(direction, f"{where}.*", others, others_now)


def _alternatives(schema: Node) -> list[Node]:
    """The alternatives of a schema; a list of types is one alternative for each."""
    return schema.get("anyOf") or [{**schema, "type": kind} for kind in sorted(_types(schema))]


def _types(schema: Node) -> set[str]:
    kinds = schema.get("type", ["array", "boolean", "integer", "null", "number", "object", "string"])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    return found | {"integer"} if "number" in found else found


def _values(schema: Node) -> list[Any] | None:
    """The values that are allowed, or None if they are not listed."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _tightened(where: str, old: Node, new: Node) -> Iterator[str]:
    for name in ("minimum", "minLength", "minItems"):
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{where}: {name} is now {new[name]}"
    for name in ("maximum", "maxLength", "maxItems"):
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{where}: {name} is now {new[name]}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{where}: must now match {new['pattern']}"


def main() -> int:
    """Print what breaks clients of the last release: 0 if nothing does or the version announces it, else 1."""
    released, description = last_release()
    found = breaking_changes(description, json.loads(DESCRIPTION.read_text()))
    if found:
        print(f"These changes break clients of {released}:", *sorted(found), sep="\n  ")
    if not found or may_break(released, __version__):
        return 0
    print(f"Undo them, or announce them by the version in src/core/__init__.py, which is still {__version__}.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
