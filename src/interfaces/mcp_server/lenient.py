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
    "format": "output_format",
    "numimage": "n",
    "numberofimage": "n",
}
# n8n adds these to the arguments of every tool (n8n-io/n8n#21500).
_OF_THE_HOST = ("toolcallid", "tool", "sessionid", "chatinput", "action")
# Where an object stands for a string, the fields that may hold it: Easel's own images and other protocols' references.
_NAMED_BY = ("id", "file_id", "image_id", "upload_id", "job_id", "uri", "url", "image_url", "data", "b64_json")
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NOTHING = ("", "null", "undefined")


def read(arguments: Mapping[str, Any], schema: Schema, ignored: frozenset[str]) -> dict[str, Any]:
    """The arguments under the schema's names and in its types, as far as that is certain; the empty ones are left out.

    Raises:
        InvalidRequest: an argument is given twice, under two names.
    """
    known = {_folded(name): name for name in (*ignored, *schema["properties"])}
    found: dict[str, Any] = {}
    for given, sent in arguments.items():
        folded = _folded(given)
        name = known.get(folded) or _also_called(folded, schema)
        if name is None and folded in _OF_THE_HOST:
            continue
        value = _value(sent, schema["properties"].get(name, {}))
        if _absent(value) or name in ignored:
            continue
        name = name or given
        if name in found:
            raise InvalidRequest(f"The argument '{name}' is given twice.", param=name, code="duplicate_parameter")
        found[name] = value
    return found


def _also_called(folded: str, schema: Schema) -> str | None:
    name = _ALSO_CALLED.get(folded)
    return name if name in schema["properties"] else None


def _folded(name: str) -> str:
    """A name without case, separators and plural: `imageUrls` is `image_url`."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("s")


def _absent(value: Any) -> bool:
    """Whether a value means that there is none: hosts send every field of a form, filled in or not."""
    return value is None or value in ([], {}) or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def _value(value: Any, schema: Schema) -> Any:
    wanted = schema.get("type")
    if wanted == "array":
        return [_value(each, schema["items"]) for each in _entries(value) if not _absent(each)]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    match wanted, value:
        case "object", str():
            return _of_json(value, dict)
        case "string", _:
            return _text(value, schema)
        case "integer", float() if value.is_integer():
            return int(value)
        case "integer", str() if re.fullmatch(r"\s*[+-]?[0-9]{1,9}(\.0+)?\s*", value):
            return int(float(value))
        case "boolean", str() | int():
            return _TRUTHS.get(str(value).strip().lower(), value)
    if wanted == "object" and isinstance(value, dict) and "properties" in schema:
        return read(value, schema, frozenset())
    return value


def _entries(value: Any) -> list[Any]:
    """A list that was given as itself, as JSON text, as names with commas between them, or as its only entry."""
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    parsed = _of_json(value, list)
    if isinstance(parsed, list):
        return parsed
    names = [name for name in re.split(r"""[\s,;\[\]'"]+""", value) if name]
    return names if names and all(is_reference(name) for name in names) else [value]


def _of_json(text: str, wanted: type) -> Any:
    """What a text says in JSON, if it is of the wanted type; else the text."""
    try:
        parsed = load_json(text) if text.lstrip()[:1] in ("[", "{") else text
    except InvalidJson:
        return text
    return parsed if isinstance(parsed, wanted) else text


def _text(value: Any, schema: Schema) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        parsed = _of_json(value, dict)
        value = _named(parsed) if isinstance(parsed, dict) and isinstance(_named(parsed), str) else value
    if isinstance(value, dict):
        value = _named(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = json.dumps(value)
    if isinstance(value, str) and "enum" in schema:
        folded = {_folded_choice(choice): choice for choice in schema["enum"]}
        return folded.get(_folded_choice(value), value)
    return value


def _named(value: dict[str, Any]) -> Any:
    """The text in an object that stands for one, such as {"file_id": …} or an image of a result."""
    for name in _NAMED_BY:
        if inner := value.get(name):
            return _named(inner) if isinstance(inner, dict) else inner
    return value


def _folded_choice(text: str) -> str:
    """A choice without case and separators, and without the type in a media type: `image/JPG` is `jpeg`."""
    folded = re.sub(r"[^a-z0-9]", "", text.lower().rpartition("/")[2])
    return "jpeg" if folded == "jpg" else folded
