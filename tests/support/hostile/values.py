# ruff: noqa: RUF001 - digits of other scripts are meant
"""JSON that makes a parser, a validator or a database work, as text: most of it cannot be written by an encoder."""

from collections.abc import Callable

# What a gateway lets through: 6 MB to a function, of which the MCP server takes 4.
_BYTES = 3_500_000

# By kind and name. Each is made when it is needed: together they are some 100 MB.
VALUES: dict[str, dict[str, Callable[[], str]]] = {
    "lengths": {
        "a long string": lambda: _text("x" * _BYTES),
        "a long string of commas": lambda: _text("," * _BYTES),
        "a long string of brackets": lambda: _text("[{" * (_BYTES // 2)),
        "a string longer than an item of the table": lambda: _text("x" * 420_000),
        "a long id of an image": lambda: _text("img_" + "0" * 4000),
        "a long id of an upload": lambda: _text("file_" + "0" * 4000),
        "a long https URL": lambda: _text("https://images.example/" + "a" * 100_000),
        "a long data URL": lambda: _text("data:image/png;base64," + "A" * _BYTES),
        "a long name of a model": lambda: _text("gpt-image-" + "9" * 420_000),
    },
    "lists": {
        "millions of numbers": lambda: _list("1"),
        "millions of nulls": lambda: _list("null"),
        "millions of lists": lambda: _list("[]"),
        "millions of objects": lambda: _list("{}"),
        "millions of objects with a field": lambda: _list('{"":1}'),
        "millions of strings": lambda: _list('"a"'),
        "100,000 references": lambda: _list('{"file_id":"img_0"}', 100_000),
        "100,000 ids": lambda: _list('"img_0"', 100_000),
        "1,000 URLs": lambda: _list('{"image_url":"https://images.example/"}', 1000),
    },
    "names": {
        "300,000 unknown names": lambda: _object(300_000),
        "300,000 unknown names of null": lambda: _object(300_000, "null"),
        "40,000 unknown names": lambda: _object(40_000),
        "one very long name": lambda: '{"' + "x" * _BYTES + '": 1}',
        "the same name again and again": lambda: "{" + ",".join(['"n":1'] * 500_000) + "}",
    },
    "depths": {
        "100,000 lists": lambda: "[" * 100_000 + "]" * 100_000,
        "100,000 lists that never end": lambda: "[" * 100_000,
        "50,000 objects": lambda: '{"a":' * 50_000 + "1" + "}" * 50_000,
        "150 lists": lambda: "[" * 150 + "]" * 150,
    },
    "digits": {
        "40 digits": lambda: "9" * 40,
        "4,000 digits": lambda: "9" * 4000,
        "1,000,000 digits": lambda: "9" * 1_000_000,
        "many numbers of 4,000 digits": lambda: _list("9" * 4000, 800),
        "4,000 digits below zero": lambda: "-" + "9" * 4000,
        "a fraction of 1,000,000 digits": lambda: "1." + "1" * 1_000_000,
        "a large exponent": lambda: "1e999999999",
        "a small exponent": lambda: "1e-999999999",
        "digits in a string": lambda: _text("9" * 100_000),
        "not a number": lambda: "NaN",
        "infinity": lambda: "Infinity",
        "minus infinity": lambda: "-Infinity",
        "minus zero": lambda: "-0",
    },
    "unicode": {
        "half a character": lambda: '"\\ud800"',
        "the halves of a character in the wrong order": lambda: '"\\udc00\\ud800"',
        "a NUL": lambda: '"a\\u0000b"',
        "control characters": lambda: '"\\u001b[2J\\u0007\\u202e"',
        "a million emoji": lambda: _text("🦦" * 800_000),
        "a million emoji, escaped": lambda: _text("\\ud83e\\udda6" * 280_000),
        "a non-character": lambda: '"\\uffff"',
        "digits of another script": lambda: '"１２３"',
    },
}

DOCUMENTS: dict[str, Callable[[], str]] = {
    **{what: make for kind in VALUES.values() for what, make in kind.items()},
    "nothing": lambda: "",
    "white space": lambda: " " * _BYTES,
    "a byte order mark": lambda: "\ufeff{}",
    "a NUL after the document": lambda: "{}\0",
    "two documents": lambda: "{}{}",
    "half a character that no escape hides": lambda: '{"prompt": "\ud800"}',
}


def _text(text: str) -> str:
    return f'"{text}"'


def _list(each: str, count: int = 0) -> str:
    return "[" + ",".join([each] * (count or _BYTES // (len(each) + 1))) + "]"


def _object(count: int, value: str = "1") -> str:
    return "{" + ",".join(f'"a{number}":{value}' for number in range(count)) + "}"
