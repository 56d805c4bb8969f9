"""Arguments that say the right thing in a neighbouring form, as models and hosts send them, put into the schema's form.

Everything here follows from the tool's schema; values are then validated strictly. What could mean two things is left
as it is, and refused there: a guess would be bought.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from core.errors import InvalidRequest
from core.requests.bodies import is_reference
from core.validation import InvalidJson, load_json
from interfaces.mcp_server.tool_schemas import Schema

# Other programs' names for arguments, in the form that _folded gives them.
_ALSO_CALLED = {
    "imageurl": "images",
    "imageid": "images",
    "fileid": "images",
    "inputimage": "images",
    "referenceimage": "images",
    "id": "job_id",
    "job": "job_id",
    "format": "output_format",
    "numimage": "n",
    "numberofimage": "n",
}
# n8n adds these to the arguments of every tool (n8n-io/n8n#21500).
_OF_THE_HOST = ("toolcallid", "tool", "sessionid", "chatinput", "action")
_WRAPPERS = ("arguments", "args", "kwargs", "input", "params", "parameters")
# Where an object stands for a string, the fields that may hold it: Easel's own images and other protocols' references.
_NAMED_BY = ("id", "file_id", "image_id", "upload_id", "job_id", "uri", "url", "image_url", "data", "b64_json")
# Taken as they are: a prompt may be JSON, or end in a space.
_FREE_TEXTS = ("prompt", "filename", "call")
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NOTHING = ("", "null", "undefined")
# No name and no choice is longer; what is costs no more than its bytes.
_MAX_NAME = 64
# More than any list of ours may have.
_MAX_ENTRIES = 64


def read(arguments: Mapping[str, Any], schema: Schema, ignored: frozenset[str]) -> dict[str, Any]:
    """The arguments under the schema's names and in its types, as far as that is certain; the empty ones are left out.

    Raises:
        InvalidRequest: an argument is given twice, under two names.
    """
    known = {_folded(name): name for name in (*ignored, *schema["properties"])}
    found: dict[str, Any] = {}
    for given, sent in _unwrapped(arguments).items():
        folded = _folded(given)
        name = known.get(folded) or _also_called(folded, schema)
        if name is None and folded in _OF_THE_HOST:
            continue
        value = _value(sent, schema["properties"].get(name, {}), literal=name in _FREE_TEXTS)
        if _absent(value) or name in ignored:
            continue
        name = name or given
        if name in found:
            raise InvalidRequest(f"The argument '{name}' is given twice.", param=name, code="duplicate_parameter")
        found[name] = value
    return found


def _unwrapped(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments, taken out of the only one if that is a wrapper around them."""
    match list(arguments.items()):
        case [(name, value)] if name.lower() in _WRAPPERS and isinstance(inner := _unpacked(value), dict):
            return inner
    return arguments


def _also_called(folded: str, schema: Schema) -> str | None:
    name = _ALSO_CALLED.get(folded)
    return name if name in schema["properties"] else None


def _folded(name: str) -> str:
    """A name without case, separators and plural: `imageUrls` is `image_url`."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("s") if len(name) <= _MAX_NAME else name


def _absent(value: Any) -> bool:
    """Whether a value means that there is none: hosts send every field of a form, filled in or not."""
    return value is None or value in ([], {}) or (isinstance(value, str) and value.strip()[:10].lower() in _NOTHING)


def _value(value: Any, schema: Schema, *, literal: bool = False) -> Any:
    """A value in the schema's type, where there is one way to read it so; nothing is read into a `literal` text."""
    wanted = schema.get("type")
    if wanted == "array":
        return [_value(each, schema["items"]) for each in _entries(value) if not _absent(each)]
    if not literal:
        value = _unpacked(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    match wanted, value:
        case "object", dict() if "properties" in schema:
            return read(value, schema, frozenset())
        case "string", _ if not (literal and isinstance(value, dict)):
            return _text(value, schema)
        case "integer", float() if value.is_integer():
            return int(value)
        case "integer", str() if re.fullmatch(r"[+-]?[0-9]{1,9}(\.0+)?", value):
            return int(float(value))
        case "boolean", str() | int():
            return _TRUTHS.get(str(value)[:10].lower(), value)
    return value


def _unpacked(value: Any) -> Any:
    """A text without the spaces around it, or the list or object that it writes in JSON."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return load_json(text) if text[:1] in ("[", "{") else text
    except InvalidJson:
        return text


def _entries(value: Any) -> list[Any]:
    """A list that was given as itself, as text with commas or spaces between names, or as its only entry."""
    value = _unpacked(value)
    if isinstance(value, list):
        return value
    pieces = re.split(r"""[\s,;\[\]'"]+""", value, maxsplit=_MAX_ENTRIES) if isinstance(value, str) else []
    names = [name for name in pieces if name]
    return names if names and all(is_reference(name) for name in names) else [value]


def _text(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        value = _named(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = json.dumps(value)
    if isinstance(value, str) and "enum" in schema and len(value) <= _MAX_NAME:
        choices = {_folded_choice(choice): choice for choice in schema["enum"]}
        return choices.get(_folded_choice(value), value)
    return value


def _named(value: dict[str, Any]) -> Any:
    """The text in an object that stands for one: an image of a result, {"file_id": …}, {"image_url": {"url": …}}."""
    for name in _NAMED_BY:
        inner = value.get(name)
        text = inner.get("url") if isinstance(inner, dict) else inner
        if isinstance(text, str) and text:
            return text
    return value


def _folded_choice(text: str) -> str:
    """A choice without case and separators, and without the type in a media type: `image/JPG` is `jpeg`."""
    folded = re.sub(r"[^a-z0-9]", "", text.lower().rpartition("/")[2])
    return "jpeg" if folded == "jpg" else folded
