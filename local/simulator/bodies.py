"""Request bodies, JSON or multipart, as the same kind of raw fields; null counts as absent."""

import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from local.simulator import errors
from local.simulator.catalog import MIB, PARAMETERS, Endpoint
from local.simulator.errors import ApiError
from local.simulator.inputs import Source

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_BRACKETS = re.compile(r"(svg)\[([a-z]+)\](?:\[([a-z]+)\])?")


@dataclass(frozen=True)
class Fields:
    """The fields of a body: JSON values, and a Source for each file of a form (a list for `image`)."""

    values: dict[str, Any]
    image_name: Literal["image", "images"]

    @property
    def other_image_name(self) -> str:
        """The name of the input images in the other kind of body, which is unknown in this one."""
        return "image" if self.image_name == "images" else "images"


async def read_fields(endpoint: Endpoint, headers: Headers, body: bytes) -> Fields:
    """Parse a body by its content type; raises ApiError when it cannot be read."""
    kind = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind == "application/json":
        return _from_json(body)
    if kind == "multipart/form-data" and endpoint == "edits":
        return await _from_multipart(headers, body)
    allowed = "'application/json'"
    if endpoint == "edits":
        allowed += " and 'multipart/form-data'"
    raise ApiError(
        400,
        f"Unsupported content type: '{kind[:100]}'. This API method only accepts {allowed} requests.",
        code="unsupported_content_type",
    )


def _from_json(body: bytes) -> Fields:
    try:
        parsed = json.loads(body, parse_constant=_no_constants)
    except (ValueError, RecursionError):
        raise ApiError(
            400,
            "We could not parse the JSON body of your request. The OpenAI API expects a JSON "
            "payload, but what was sent was not valid JSON.",
        ) from None
    if not isinstance(parsed, dict):
        raise errors.wrong_type("body", "object", parsed)
    return Fields(_without_nulls(parsed), "images")


def _no_constants(name: str) -> None:
    raise ValueError(name)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


async def _from_multipart(headers: Headers, body: bytes) -> Fields:
    async def chunks() -> AsyncGenerator[bytes]:
        yield body
        yield b""

    try:
        form = await MultiPartParser(headers, chunks(), max_part_size=MIB).parse()
    except (MultiPartException, KeyError):
        raise ApiError(400, "Could not parse the multipart form of your request.") from None
    values: dict[str, Any] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                _put_file(values, name, await value.read())
            else:
                _put_text(values, name, value)
    finally:
        await form.close()
    return Fields(values, "image")


def _put_file(values: dict[str, Any], name: str, data: bytes) -> None:
    param = name.removesuffix("[]") if name == "image[]" else name
    kind = PARAMETERS[param].kind if param in PARAMETERS else None
    if kind in ("string", "integer", "boolean", "object"):
        raise errors.wrong_type(param, kind, data)
    if name in values and name != "image[]":
        raise errors.duplicate(name)
    source = Source(param, data=data)
    if param == "image":
        values.setdefault(param, []).append(source)
    else:
        values[param] = source


def _put_text(values: dict[str, Any], name: str, text: str) -> None:
    if name in ("image", "image[]", "mask", "markup"):
        raise errors.wrong_type(name, "file", text)
    if (path := _BRACKETS.fullmatch(name)) is not None:
        _put_nested(values, [key for key in path.groups() if key], text)
        return
    if name in values:
        raise errors.duplicate(name)
    values[name] = _typed(name, text)


def _put_nested(values: dict[str, Any], path: list[str], text: str) -> None:
    for key in path[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise errors.duplicate(key)
    if path[-1] in values:
        raise errors.duplicate(path[-1])
    values[path[-1]] = text


def _typed(name: str, text: str) -> Any:
    kind = PARAMETERS[name].kind if name in PARAMETERS else None
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
