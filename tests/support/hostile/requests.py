# ruff: noqa: RUF001 - digits of other scripts are meant
"""Where hostile values are put: every field of every body, ids, headers and queries, forms, recipes, metadata, keys."""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.callers.browser_tokens import TokenBody
from core.drops.recipes import Recipe
from core.requests.bodies import EditBody, GenerationBody
from core.uploads import UploadBody
from interfaces.mcp_server.tools import TOOLS
from tests.support.hostile.images import IMAGES
from tests.support.hostile.values import DOCUMENTS, VALUES

_PLACE = "@@"
_PNG = IMAGES["plain"]()
_DATA_URL = "data:image/png;base64," + base64.b64encode(_PNG).decode()


@dataclass(frozen=True)
class Named:
    """What a request tries, for the report: a kind such as "lists", the value, and where it is put."""

    kind: str
    what: str
    where: str

    def __str__(self) -> str:
        """One line of the report."""
        return f"{self.kind}: {self.what} in {self.where}"


@dataclass(frozen=True)
class HttpRequest(Named):
    """A request to the HTTP API. Bytes are sent in base64, as the gateways do with what is not text."""

    method: str
    path: str
    body: Callable[[], str | bytes] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class McpRequest(Named):
    """A POST to the MCP server: `body` is the whole message."""

    body: Callable[[], str]
    headers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Drop(Named):
    """An object in the inbox, and what else is put there first: recipes, sidecars, references."""

    key: str
    data: Callable[[], bytes]
    metadata: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)


Request = HttpRequest | McpRequest | Drop


def requests() -> Iterator[Request]:
    """The whole set, by entry point."""
    yield from _json_bodies()
    yield from _forms()
    yield from _inputs()
    yield from _ids()
    yield from _headers()
    yield from _queries()
    yield from _mcp_arguments()
    yield from _mcp_messages()
    yield from _recipes()
    yield from _metadata()
    yield from _keys()
    yield from _dropped_images()


_GENERATION = {"prompt": "an otter", "model": "gpt-image-2.6-flare", "quality": "low"}
_EDIT = {"prompt": "make it night", "model": "gpt-image-2", "images": [{"image_url": _DATA_URL}]}
_SVG = _GENERATION | {"output_format": "svg", "svg": {"model": "gpt-5.2", "reasoning": {"effort": "low"}}}
_TOKEN = {"images": 1, "origins": ["https://shop.example"], "models": ["gpt-image-2"]}
_UPLOAD = {"content_type": "image/png"}

# By the path they are sent to: a valid body, and the places in it that a value is put to.
_BODIES: list[tuple[str, dict[str, Any], list[tuple[str | int, ...]]]] = [
    ("/images/generations", _GENERATION, [*((name,) for name in GenerationBody.model_fields), ("unknown",)]),
    ("/images/generations", _SVG, [("svg", "model"), ("svg", "reasoning"), ("svg", "reasoning", "effort")]),
    ("/images/generations", _SVG, [("svg", "unknown"), ("svg", "reasoning", "unknown")]),
    ("/images/edits", _EDIT, [*((name,) for name in EditBody.model_fields), ("images", 0), ("images", 0, "image_url")]),
    ("/images/edits", _EDIT | {"images": [{}], "mask": {}}, [("images", 0, "file_id"), ("mask", "file_id")]),
    ("/images/quote", _EDIT, [("images",), ("images", 0), ("mask",), ("prompt",), ("unknown",)]),
    ("/images/quote", _GENERATION, [("model",), ("n",), ("size",)]),
    ("/tokens", _TOKEN, [*((name,) for name in TokenBody.model_fields), ("origins", 0), ("models", 0), ("unknown",)]),
    ("/uploads", _UPLOAD, [*((name,) for name in UploadBody.model_fields), ("unknown",)]),
]


def _json_bodies() -> Iterator[HttpRequest]:
    for path, base, places in _BODIES:
        for place in places:
            where = f"POST {path} {'.'.join(map(str, place))}"
            for kind, what, make in _values():
                yield HttpRequest(kind, what, where, "POST", path, _Filled(base, place, make))
    for path in dict.fromkeys(path for path, _, _ in _BODIES):
        for what, make in DOCUMENTS.items():
            yield HttpRequest("documents", what, f"POST {path}", "POST", path, make)


def _values() -> Iterator[tuple[str, str, Callable[[], str]]]:
    for kind, values in VALUES.items():
        for what, make in values.items():
            yield kind, what, make


@dataclass(frozen=True)
class _Filled:
    """The JSON of a document with a value put to a place in it."""

    base: Mapping[str, Any]
    place: tuple[str | int, ...]
    value: Callable[[], str]

    def __call__(self) -> str:
        document = json.loads(json.dumps(self.base))
        parent = document
        for step in self.place[:-1]:
            parent = parent[step]
        parent[self.place[-1]] = _PLACE
        return json.dumps(document).replace(f'"{_PLACE}"', self.value())


@dataclass(frozen=True)
class _Text:
    """A body that is small enough to be made at once."""

    text: str

    def __call__(self) -> str:
        return self.text


_BOUNDARY = "boundary"
_FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_CONTENT_TYPES = {
    "beyond Latin-1": "multipart/form-data; boundary=\u4e2d\u6587",
    "an emoji": "multipart/form-data; b\U0001f9a6=x; boundary=a",
    "half a character": "multipart/form-data; boundary=\ud800",
    "Latin-1": "multipart/form-data; boundary=\xe9",
    "no boundary": "multipart/form-data",
    "an empty boundary": "multipart/form-data; boundary=",
    "a long boundary": f"multipart/form-data; boundary={'b' * 8000}",
    "many parameters": "multipart/form-data" + "; a=b" * 2000,
    "an open quote": 'multipart/form-data; boundary="' + "\\" * 4000,
    "another kind": "multipart/mixed; boundary=a",
    "a NUL": "multipart/form-data; boundary=\0",
}


def _part(disposition: bytes, data: bytes, *more: bytes) -> bytes:
    head = b"\r\n".join([b"Content-Disposition: " + disposition, *more])
    return b"--" + _BOUNDARY.encode() + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def _form(*parts: bytes) -> bytes:
    prompt = _part(b'form-data; name="prompt"', b"make it night")
    image = _part(b'form-data; name="image"; filename="a.png"', _PNG)
    return b"".join([prompt, image, *parts]) + b"--" + _BOUNDARY.encode() + b"--\r\n"


_FIELD = b'form-data; name="%s"'
_FORMS: dict[str, Callable[[], bytes]] = {
    "10,000 parts": lambda: _form(_part(_FIELD % b"n", b"1") * 10_000),
    "60 fields of 250 kB": lambda: _form(*[_part(_FIELD % b"f%d" % number, b"x" * 60_000) for number in range(58)]),
    "a field of 4 MB": lambda: _form(_part(_FIELD % b"user", b"x" * 4_000_000)),
    "a file of line feeds": lambda: _form(_part(_FIELD % b"image" + b'; filename="a"', b"\n" * 4_000_000)),
    "a file of carriage returns": lambda: _form(_part(_FIELD % b"image" + b'; filename="a"', b"\r" * 4_000_000)),
    "a file of line ends": lambda: _form(_part(_FIELD % b"image" + b'; filename="a"', b"\r\n" * 2_000_000)),
    "a file of boundaries that do not end": lambda: _form(
        _part(_FIELD % b"image" + b'; filename="a"', b"\r\n--boundar" * 400_000)
    ),
    "a part of 100,000 headers": lambda: _form(_part(_FIELD % b"user", b"x", *[b"a: b"] * 100_000)),
    "a header of 4 MB": lambda: _form(_part(_FIELD % b"user", b"x", b"a: " + b"b" * 4_000_000)),
    "a name of 4 MB": lambda: _form(_part(_FIELD % (b"x" * 4_000_000), b"x")),
    "a nested name": lambda: _form(_part(_FIELD % (b"svg" + b"[a]" * 1300), b"x")),
    "a nested name under a text": lambda: _form(_part(_FIELD % b"user", b"x"), _part(_FIELD % b"user[a]", b"x")),
    "a name of brackets": lambda: _form(_part(_FIELD % (b"[" * 4000), b"x")),
    "a name that is not UTF-8": lambda: _form(_part(_FIELD % b"\xff", b"x")),
    "a text that is not UTF-8": lambda: _form(_part(_FIELD % b"user", b"\xff\xfe")),
    "a text of a NUL": lambda: _form(_part(_FIELD % b"user", b"a\0b")),
    "a prompt of commas": lambda: _form(_part(_FIELD % b"user", b"," * 200_000)),
    "digits": lambda: _form(_part(_FIELD % b"n", b"9" * 200_000)),
    "digits of another script": lambda: _form(_part(_FIELD % b"n", "１２".encode())),
    "below zero": lambda: _form(_part(_FIELD % b"n", b"-999999999")),
    "60 references": lambda: _form(*[_part(_FIELD % b"image[]", b"img_" + b"0" * 4000)] * 58),
    "a data URL": lambda: _form(_part(_FIELD % b"image[]", b"data:image/png;base64," + b"A" * 250_000)),
    "no disposition": lambda: _form(_part(b"", b"x")),
    "a file name in an unknown encoding": lambda: _form(
        _part(b"form-data; name=\"image\"; filename*=utf-8''%ff%fe%zz", b"x")
    ),
    "a transfer encoding": lambda: _form(_part(_FIELD % b"user", b"eA==", b"Content-Transfer-Encoding: base64")),
    "cut off": lambda: _form()[:-30],
    "rubbish": lambda: os.urandom(100_000),
    "nothing": lambda: b"",
}


def _forms() -> Iterator[HttpRequest]:
    for path in ("/images/edits", "/images/quote"):
        for what, make in _FORMS.items():
            yield HttpRequest("forms", what, f"POST {path}", "POST", path, make, headers={"content-type": _FORM_TYPE})
        for what, content_type in _CONTENT_TYPES.items():
            headers = {"content-type": content_type}
            yield HttpRequest("headers", what, f"content-type of {path}", "POST", path, _form, headers=headers)


def _inputs() -> Iterator[HttpRequest]:
    """Hostile images as inputs, masks and markups."""
    for what, make in IMAGES.items():
        for role in ("image", "mask", "markup"):
            yield HttpRequest("images", what, f"{role} of an edit", "POST", "/images/edits", _EditOf(make, role))
            where = f"{role} of a form"
            headers = {"content-type": _FORM_TYPE}
            yield HttpRequest(
                "images", what, where, "POST", "/images/edits", _EditOf(make, role, form=True), headers=headers
            )
    for what in ("JPEG: endless markers, then a size", "JPEG: endless rubbish"):
        yield HttpRequest(
            "images", what, "all images of an edit", "POST", "/images/edits", _EditOf(IMAGES[what], "image", count=16)
        )


@dataclass(frozen=True)
class _EditOf:
    """An edit with a hostile image as one of its inputs, or as many."""

    make: Callable[[], bytes]
    role: str
    form: bool = False
    count: int = 1

    def __call__(self) -> str | bytes:
        data = self.make()[: 3_800_000 // self.count]
        if self.form:
            disposition = b'form-data; name="%s"; filename="b"' % self.role.encode()
            return _form(_part(disposition, data))
        url = {"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}
        images = [url] * self.count if self.role == "image" else [{"image_url": _DATA_URL}]
        overlay = {} if self.role == "image" else {self.role: url}
        model = "gpt-image-2.6-flare" if self.role == "markup" else "gpt-image-2"
        return json.dumps({"prompt": "make it night", "model": model, "images": images, **overlay})


_HEX = "0123456789abcdef" * 2
_ODD_TAILS = {
    "no tail": "",
    "31 digits": _HEX[1:],
    "33 digits": _HEX + "0",
    "2,049 bytes": "0" * 2045,
    "10,000 bytes": "0" * 10_000,
    "capitals": _HEX.upper(),
    "digits of another script": "０" * 32,
    "letters beyond ASCII": "é" * 32,
    "emoji": "🦦" * 600,
    "half a character": "\ud800" * 32,
    "a NUL": _HEX[:31] + "\0",
    "a line end": _HEX + "\n",
    "a space": _HEX + " ",
    "control characters": "\x1b[2J\x07" * 4,
    "dots": "../" * 10,
    "a hash": f"#{_HEX}",
    "percent": "%00%2e%2e%2f" * 2,
    "markup": "<script>alert(1)</script>",
    "as one that exists not": _HEX,
}
_ID_ROUTES = [
    ("GET", "/jobs/{}", "job_"),
    ("POST", "/jobs/{}/cancel", "job_"),
    ("DELETE", "/jobs/{}/inputs", "job_"),
    ("GET", "/images/{}", "img_"),
    ("DELETE", "/images/{}", "img_"),
    ("GET", "/i/{}", "img_"),
    ("HEAD", "/i/{}", "img_"),
    ("GET", "/uploads/{}", "file_"),
    ("DELETE", "/uploads/{}", "file_"),
    ("GET", "/tokens/{}", "tok_"),
    ("DELETE", "/tokens/{}", "tok_"),
    ("GET", "/models/{}", "gpt-image-"),
]
_CURSOR_ROUTES = [("/jobs", "job_"), ("/images", "img_"), ("/tokens", "tok_")]


def _ids() -> Iterator[HttpRequest]:
    for what, tail in _ODD_TAILS.items():
        for method, path, prefix in _ID_ROUTES:
            yield HttpRequest("ids", what, f"{method} {path}", method, path.format(prefix + tail))
        for path, prefix in _CURSOR_ROUTES:
            yield HttpRequest("ids", what, f"GET {path}?after", "GET", path, query={"after": prefix + tail})
        for prefix, role in (("img_", "images"), ("file_", "images"), ("img_", "mask"), ("file_", "markup")):
            source = {"file_id": prefix + tail}
            model = "gpt-image-2.6-flare" if role == "markup" else "gpt-image-2"
            text = json.dumps({**_EDIT, "model": model, role: [source] if role == "images" else source})
            yield HttpRequest("ids", what, f"{prefix} as {role} of an edit", "POST", "/images/edits", _Text(text))


_ODD_TEXTS = {
    "empty": "",
    "8,000 bytes": "x" * 8000,
    "8,000 commas": "," * 8000,
    "8,000 digits": "9" * 8000,
    "digits of another script": "１２３",
    "below zero": "-1",
    "a fraction": "1.5",
    "an exponent": "1e9",
    "not a number": "nan",
    "infinity": "inf",
    "letters beyond ASCII": "é",
    "beyond Latin-1": "中文",
    "emoji": "🦦",
    "half a character": "\ud800",
    "a NUL": "a\0b",
    "line ends": "a\r\nb: c",
    "control characters": "\x1b[2J",
    "white space": " \t ",
    "a list": "a, b, c",
    "many waits": "wait=99999, " * 600,
    "a long wait": "wait=" + "9" * 5000,
    "a quoted wait": 'wait="' + "9" * 6,
    "a URL": "https://hooks.example/" + "a" * 7000,
    "a URL with an odd port": "https://hooks.example:" + "9" * 5000,
    "a URL in brackets": "https://[" + ":" * 3000 + "]/",
    "a URL of many labels": "https://" + "a." * 3500 + "example/",
    "basic": "Basic eDp5",
    "two credentials": "Bearer a, Bearer b",
    "a token of dots": "Bearer " + "." * 8000,
    "a long token": "Bearer " + "a" * 4000 + "." + "b" * 4000 + ".c",
    "a token of nested JSON": "Bearer " + base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=") + ".e30.e30",
    "a token of odd JSON": "Bearer " + base64.urlsafe_b64encode(b'{"kid": 1e999}').decode().rstrip("=") + ".e30.e30",
    "a key beyond ASCII": "Bearer ek_" + "é" * 43,
    "a key with half a character": "Bearer ek_\ud800",
}
_READ_HEADERS = (
    "authorization",
    "origin",
    "content-type",
    "prefer",
    "idempotency-key",
    "easel-webhook",
    "easel-deadline",
    "x-stainless-retry-count",
    "x-stainless-read-timeout",
    "x-stainless-timeout",
    "accept",
    "accept-encoding",
    "host",
    "x-forwarded-for",
)


def _headers() -> Iterator[HttpRequest]:
    for what, text in _ODD_TEXTS.items():
        for name in _READ_HEADERS:
            headers = {"prefer": "respond-async", name: text}
            where, body = f"{name} of a generation", _Text(json.dumps(_GENERATION))
            yield HttpRequest("headers", what, where, "POST", "/images/generations", body, headers=headers)
    for what, text in _ODD_TEXTS.items():
        yield HttpRequest("headers", what, "a method", text[:100] or "X", "/jobs")
        yield HttpRequest("headers", what, "a path", "GET", f"/{text}")
        yield HttpRequest("headers", what, "a name", "GET", "/health", headers={text[:1000] or "x": "y"})


def _queries() -> Iterator[HttpRequest]:
    names = (("/jobs", "limit"), ("/jobs", "after"), ("/images", "limit"), ("/usage", "from"), ("/usage", "to"))
    for what, text in {**_ODD_TEXTS, **_ODD_DAYS}.items():
        for path, name in names:
            yield HttpRequest("queries", what, f"GET {path}?{name}", "GET", path, query={name: text})
        yield HttpRequest("queries", what, "GET /jobs/ID?wait", "GET", f"/jobs/job_{_HEX}", query={"wait": text})
        yield HttpRequest("queries", what, "an unknown query", "GET", "/models", query={text[:1000]: text})


_ODD_DAYS = {
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "a day that is none": "2026-02-30",
    "a day of another script": "２０２６-０１-０１",
    "a year of five digits": "10000-01-01",
}


def _mcp_arguments() -> Iterator[McpRequest]:
    for tool in TOOLS.values():
        base: dict[str, Any] = {
            name: f"job_{_HEX}" if name == "job_id" else "image/png" if name == "content_type" else "an otter"
            for name in tool.takes.model_json_schema().get("required", ())
        }
        if tool.name == "edit_image":
            base |= {"model": "gpt-image-2", "image_data": [base64.b64encode(_PNG).decode()]}
        for name in (*tool.takes.model_fields, "unknown"):
            for kind, what, make in _values():
                where = f"{tool.name} {name}"
                yield McpRequest(kind, what, where, _Message("tools/call", tool.name, base, name, make))
    for what, make_image in IMAGES.items():
        for name in ("image_data", "mask_data"):
            base = {"prompt": "make it night", "model": "gpt-image-2", "image_data": [base64.b64encode(_PNG).decode()]}

            def encoded(make: Callable[[], bytes] = make_image) -> str:
                return f'"{base64.b64encode(make()[:2_200_000]).decode()}"'

            where = f"edit_image {name}"
            yield McpRequest("images", what, where, _Message("tools/call", "edit_image", base, name, encoded))


_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
}


@dataclass(frozen=True)
class _Message:
    """A call of a tool with a value as one of its arguments."""

    method: str
    tool: str
    base: Mapping[str, Any]
    argument: str
    value: Callable[[], str]

    def __call__(self) -> str:
        arguments = {**self.base, self.argument: _PLACE}
        params = {"name": self.tool, "arguments": arguments, "_meta": _META}
        message = {"jsonrpc": "2.0", "id": 1, "method": self.method, "params": params}
        return json.dumps(message).replace(f'"{_PLACE}"', self.value())


# By method: valid parameters, and those that a value is put to.
_MCP_METHODS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "tools/list": ({}, ("cursor", "unknown")),
    "tools/call": ({"name": "list_available_models", "arguments": {}}, ("name", "arguments", "_meta")),
    "resources/list": ({}, ("cursor",)),
    "resources/read": ({"uri": "easel://models"}, ("uri",)),
    "prompts/get": ({"name": "logo", "arguments": {}}, ("name", "arguments")),
    "completion/complete": (
        {"ref": {"type": "ref/prompt", "name": "logo"}, "argument": {"name": "model", "value": "g"}},
        ("ref", "argument"),
    ),
    "tasks/get": ({"taskId": f"job_{_HEX}"}, ("taskId",)),
    "tasks/cancel": ({"taskId": f"job_{_HEX}"}, ("taskId",)),
    "server/discover": ({}, ("unknown",)),
}


def _mcp_messages() -> Iterator[McpRequest]:
    for method, (base, names) in _MCP_METHODS.items():
        for name in names:
            for kind, what, make in _values():
                headers = {"mcp-method": method, "mcp-name": str(base.get("name") or base.get("uri") or "") or None}
                place = ("params", name)
                message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**base, "_meta": _META}}
                yield McpRequest(kind, what, f"{method} {name}", _Filled(message, place, make), headers)
    for name in ("jsonrpc", "id", "method", "params", "unknown"):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": _META}}
        for kind, what, make in _values():
            yield McpRequest(kind, what, f"the message's {name}", _Filled(message, (name,), make))
    for what, make in DOCUMENTS.items():
        yield McpRequest("documents", what, "a message", make)
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": _META}})
    for what, text in _ODD_TEXTS.items():
        for name in (
            "authorization",
            "origin",
            "content-type",
            "accept",
            "host",
            "x-api-key",
            "cookie",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-session-id",
            "last-event-id",
        ):
            yield McpRequest("headers", what, f"{name} of a message", lambda: listing, {name: text})
    for what, tail in _ODD_TAILS.items():
        for method, about in (("tasks/get", "taskId"), ("tasks/cancel", "taskId"), ("resources/read", "uri")):
            named = f"job_{tail}" if about == "taskId" else f"easel://images/img_{tail}"
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {about: named, "_meta": _META}}
            text = json.dumps(message)
            yield McpRequest("ids", what, method, _Text(text), {"mcp-method": method, "mcp-name": None})


_FOLDER = "team"


def _recipes() -> Iterator[Drop]:
    def limited(make: Callable[[], str]) -> Callable[[], bytes]:
        return lambda: make()[:250_000].encode("utf-8", "surrogatepass")

    for name in (*Recipe.model_fields, "unknown"):
        for kind, what, make in _values():
            recipe = _Filled({"prompt": "make it night", "model": "gpt-image-2"}, (name,), make)
            key = f"{_FOLDER}/photo.png"
            beside = {f"{_FOLDER}/photo.png.json": limited(recipe)}
            yield Drop(kind, what, f"{name} of a recipe", key, lambda: _PNG, beside=beside)
    for what, make in DOCUMENTS.items():
        beside = {f"{_FOLDER}/photo.png.json": limited(make)}
        yield Drop("documents", what, "a recipe", f"{_FOLDER}/photo.png", lambda: _PNG, beside=beside)
    huge = {f"{_FOLDER}/photo.png.json": lambda: b"[" * 20_000_000}
    yield Drop("lengths", "20 MB", "a recipe", f"{_FOLDER}/photo.png", lambda: _PNG, beside=huge)


def _metadata() -> Iterator[Drop]:
    values = {what: text for what, text in _ODD_TEXTS.items() if text.isascii() and text.isprintable()}
    values |= {
        "percent": "%ff%fe",
        "half an escape": "%",
        "nested JSON": "[" * 1900,
        "an encoded word": "=?utf-8?b?/////w==?=",
        "an encoded word of an unknown charset": "=?nothing?b?YQ==?=",
        "an encoded word of digits": "=?utf-8?q?" + "9" * 1800 + "?=",
        "a NUL": "a%00b",
        "half a character": "%ed%a0%80",
        "commas": "," * 1900,
        "digits": "9" * 1900,
    }
    for what, text in values.items():
        for name in ("prompt", "n", "references", "mask", "svg", "webhook", "wait-for-sidecar", "deadline", "model"):
            metadata = {"prompt": "make it night", "model": "gpt-image-2"} | {name: text[:1900].strip()}
            where = f"{name} of metadata"
            yield Drop("metadata", what, where, f"{_FOLDER}/photo.png", lambda: _PNG, metadata=metadata)


def _keys() -> Iterator[Drop]:
    keys = {
        "1,024 bytes": f"{_FOLDER}/" + "a" * 1015 + ".png",
        "500 folders": f"{_FOLDER}/" + "a/" * 500 + "b.png",
        "dots": f"{_FOLDER}/a/./../b.png",
        "only dots": f"{_FOLDER}/...png",
        "emoji": f"{_FOLDER}/" + "🦦" * 200 + ".png",
        "spaces and plus": f"{_FOLDER}/a b+c%20d.png",
        "control characters": f"{_FOLDER}/\x1b[2J.png",
        "a line end": f"{_FOLDER}/a\nb.png",
        "from right to left": f"{_FOLDER}/\u202egnp.exe",
        "empty names": f"{_FOLDER}//" + "/" * 50 + "a.png",
        "a folder": f"{_FOLDER}/a.png/",
        "a sidecar": f"{_FOLDER}/" + "a" * 1010 + ".json",
        "markup": f"{_FOLDER}/<script>.png",
        "of nobody": "nobody/photo.png",
    }
    for what, key in keys.items():
        metadata = {"prompt": "make it night", "model": "gpt-image-2"}
        yield Drop("keys", what, "a drop", key, lambda: _PNG, metadata=metadata)


def _dropped_images() -> Iterator[Drop]:
    metadata = {"prompt": "make it night", "model": "gpt-image-2"}
    for what, make in IMAGES.items():
        yield Drop("images", what, "a drop", f"{_FOLDER}/photo.png", make, metadata=metadata)
        for role in ("mask", "markup", "references"):
            model = "gpt-image-2.6-flare" if role == "markup" else "gpt-image-2"
            named = metadata | {role: f"{_FOLDER}/other.png", "model": model}
            other = {f"{_FOLDER}/other.png": make}
            where = f"{role} of a drop"
            yield Drop("images", what, where, f"{_FOLDER}/photo.png", lambda: _PNG, metadata=named, beside=other)
