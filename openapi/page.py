"""The OpenAPI document as one HTML page: no script, nothing loaded from elsewhere, readable in light and dark."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]

_STYLE = Path(__file__).with_name("page.css")


def render(document: Document) -> str:
    """The page."""
    return "\n".join(_Page(document).lines()) + "\n"


class _Page:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._components = document["components"]
        self._operations: dict[str, list[tuple[str, str, Document]]] = {tag["name"]: [] for tag in document["tags"]}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if method != "head":  # the same as GET, without a body
                    self._operations[operation["tags"][0]].append((method.upper(), path, operation))

    def lines(self) -> Iterator[str]:
        info = self._document["info"]
        yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield '<meta name="color-scheme" content="light dark">'
        yield f"<title>{info['title']} API</title>\n<style>\n{_STYLE.read_text()}</style>\n</head>\n<body>"
        yield from self._navigation()
        yield f'<main>\n<header id="top">\n<h1>{info["title"]} API</h1>'
        yield f'<p class="lead">{_text(info["description"])}</p>'
        yield from self._start()
        yield "</header>"
        for tag in self._document["tags"]:
            yield f'<section id="{_anchor(tag["name"])}">\n<h2>{tag["name"]}</h2>\n<p>{_text(tag["description"])}</p>'
            for method, path, operation in self._operations[tag["name"]]:
                yield from self._operation(method, path, operation)
            yield "</section>"
        yield '<section id="schemas">\n<h2>Schemas</h2>'
        for name, schema in self._components["schemas"].items():
            yield from self._schema(name, schema)
        yield "</section>\n</main>\n</body>\n</html>"

    def _navigation(self) -> Iterator[str]:
        yield '<nav aria-label="Contents">\n<a class="brand" href="#top">Easel</a>'
        for tag, operations in self._operations.items():
            yield f'<h2><a href="#{_anchor(tag)}">{tag}</a></h2>\n<ul>'
            for method, _, operation in operations:
                name = f'<b class="{method.lower()}">{method}</b><span>{_text(operation["summary"])}</span>'
                yield f'<li><a href="#{operation["operationId"]}">{name}</a></li>'
            yield "</ul>"
        yield '<h2><a href="#schemas">Schemas</a></h2>\n<ul>'
        for name in self._components["schemas"]:
            yield f'<li><a href="#schema-{name}">{name}</a></li>'
        yield "</ul>\n</nav>"

    def _start(self) -> Iterator[str]:
        yield "<h3>Base URLs</h3>\n<dl>"
        for server in self._document["servers"]:
            yield f"<dt><code>{html.escape(server['url'])}</code></dt><dd>{_text(server['description'])}</dd>"
        yield "</dl>\n<h3>Keys</h3>"
        yield f"<p>{_text(self._components['securitySchemes']['key']['description'])}</p>"
        yield "<p>The curl lines below expect both in the environment.</p>"
        yield _code("export EASEL_URL=https://….amazonaws.com/v1\nexport EASEL_KEY=ek_…")
        yield '<p>For programs, all of this is in <a href="openapi.json">openapi.json</a>.</p>'

    def _operation(self, method: str, path: str, operation: Document) -> Iterator[str]:
        yield f'<article id="{operation["operationId"]}">\n<h3>{_text(operation["summary"])}</h3>'
        marked = re.sub(r"({\w+})", r"<i>\1</i>", path)
        open_to_all = ' <span class="tag">no key</span>' if operation.get("security") == [] else ""
        yield f'<p class="route"><b class="{method.lower()}">{method}</b> <code>{marked}</code>{open_to_all}</p>'
        yield f"<p>{_text(operation['description'])}</p>"
        for sample in operation.get("x-codeSamples", ()):
            yield _code(sample["source"])
        yield from self._parameters(operation)
        bodies = operation.get("requestBody", {}).get("content", {})
        for kind, content in bodies.items():
            yield from self._body(kind, content, opened=len(bodies) == 1)
        yield from self._responses(operation)
        yield "</article>"

    def _parameters(self, operation: Document) -> Iterator[str]:
        parameters = [self._resolve(parameter) for parameter in operation["parameters"]]
        if not parameters:
            return
        yield "<h4>Parameters</h4>"
        rows = []
        for parameter in parameters:
            text = parameter.get("description", "")
            rows.append(
                self._row(
                    parameter["name"], parameter["schema"], text, bool(parameter.get("required")), parameter["in"]
                )
            )
        yield _table(rows)

    def _body(self, kind: str, content: Document, *, opened: bool) -> Iterator[str]:
        schema = content["schema"]
        names = [_name(schema)] if "$ref" in schema else [_name(choice) for choice in schema["anyOf"]]
        links = " or ".join(f'<a href="#schema-{name}">{name}</a>' for name in names)
        yield f"<h4>Body</h4>\n<p><code>{kind}</code> {links}</p>"
        if "$ref" in schema:
            fields = _table(self._fields(self._resolve(schema)))
            yield f"<details{' open' if opened else ''}><summary>Fields</summary>{fields}</details>"
        if "example" in content:
            yield f"<details><summary>Example</summary>{_code(_json(content['example']))}</details>"

    def _responses(self, operation: Document) -> Iterator[str]:
        yield '<h4>Answers</h4>\n<dl class="answers">'
        for status, answer in operation["responses"].items():
            found = self._resolve(answer)
            yield f'<dt><b class="s{status[0]}">{status}</b></dt><dd>'
            if "$ref" in answer:
                codes = [line.removeprefix("- ") for line in found["description"].splitlines()]
                yield "<ul>" + "".join(f"<li>{_text(code)}</li>" for code in codes) + "</ul>"
            else:
                yield from self._success(found)
            yield "</dd>"
        yield "</dl>"

    def _success(self, answer: Document) -> Iterator[str]:
        ((kind, content),) = answer["content"].items()
        schema = content["schema"]
        link = f'<a href="#schema-{_name(schema)}">{_name(schema)}</a>' if "$ref" in schema else f"<code>{kind}</code>"
        headers = ", ".join(f"<code>{name}</code>" for name in answer["headers"])
        yield f'{_text(answer["description"])} {link}<p class="quiet">Headers: {headers}</p>'
        for example in content.get("examples", {}).values():
            yield f"<details><summary>Example</summary>{_code(_json(self._resolve(example)['value']))}</details>"

    def _schema(self, name: str, schema: Document) -> Iterator[str]:
        yield f'<article id="schema-{name}">\n<h3>{name}</h3>\n<p>{_text(schema.get("description", ""))}</p>'
        yield _table(self._fields(schema))
        yield "</article>"

    def _fields(self, schema: Document) -> list[tuple[str, str, str]]:
        required = schema.get("required", ())
        return [
            self._row(name, field, field.get("description", ""), name in required)
            for name, field in schema["properties"].items()
        ]

    def _row(self, name: str, schema: Document, text: str, required: bool, place: str = "") -> tuple[str, str, str]:
        marks = (f'<span class="quiet">{place}</span>' if place else "") + (
            '<span class="required">required</span>' if required else ""
        )
        facts = "".join(f"<div>{fact}</div>" for fact in (_text(text), *_facts(schema)) if fact)
        return f"<code>{html.escape(name)}</code>{marks}", self._type(schema), facts

    def _type(self, schema: Document) -> str:
        if "$ref" in schema:
            return f'<a href="#schema-{_name(schema)}">{_name(schema)}</a>'
        if "anyOf" in schema:
            return " or ".join(self._type(choice) for choice in schema["anyOf"])
        if schema.get("format") == "binary":
            return "file"
        if "const" in schema:
            return "string" if isinstance(schema["const"], str) else "boolean"
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if "array" in kinds:
            return f"array of {self._type(schema['items'])}"
        return " or ".join(kinds)

    def _resolve(self, maybe: Document) -> Document:
        if "$ref" not in maybe:
            return maybe
        found: Document = self._document
        for part in maybe["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return found


def _facts(schema: Document) -> Iterator[str]:
    if allowed := [value for value in schema.get("enum", ()) if value is not None]:
        yield "one of " + " ".join(f"<code>{html.escape(_word(value))}</code>" for value in allowed)
    if "const" in schema:
        yield f"always <code>{html.escape(_word(schema['const']))}</code>"
    for minimum, maximum, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
    ):
        if minimum in schema and maximum in schema:
            yield f"{schema[minimum]:,} to {schema[maximum]:,}{unit}"
        elif maximum in schema:
            yield f"at most {schema[maximum]:,}{unit}"
    if "pattern" in schema:
        yield f"<code>{html.escape(schema['pattern'])}</code>"
    if schema.get("default") is not None:
        yield f"default <code>{html.escape(_word(schema['default']))}</code>"
    if samples := schema.get("examples"):
        yield "such as " + " ".join(f"<code>{html.escape(_word(sample))}</code>" for sample in samples[:3])


def _name(reference: Document) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _text(markdown: str) -> str:
    """Text with code in backticks and words in double stars."""
    escaped = html.escape(markdown, quote=False)
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", re.sub(r"`(.+?)`", r"<code>\1</code>", escaped))


def _code(text: str) -> str:
    return f'<pre tabindex="0"><code>{html.escape(text, quote=False)}</code></pre>'


def _table(rows: list[tuple[str, str, str]]) -> str:
    body = "\n".join(f"<tr><th scope=row>{name}</th><td>{kind}</td><td>{facts}</td></tr>" for name, kind, facts in rows)
    return f'<div class="scroll"><table>\n{body}\n</table></div>'
