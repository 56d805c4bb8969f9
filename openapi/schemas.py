"""JSON schemas of bodies and answers: the code's types and docstrings, with limits from the catalog."""

import ast
import inspect
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter

from core import catalog, uploads
from core.callers import browser_tokens
from core.catalog import Parameter
from core.jobs.model import DEADLINE_SECONDS
from core.requests import bodies
from core.requests.json_schema import untitled
from core.requests.rules import IDENTIFIER_MAX, SVG_EFFORTS
from core.responses import schemas as documents

Schema = dict[str, Any]

_SENT: dict[str, Any] = {
    "GenerationRequest": bodies.GenerationBody,
    "EditRequest": bodies.EditBody,
    "UploadRequest": uploads.UploadBody,
    "TokenRequest": browser_tokens.TokenBody,
}
_ANSWERED: dict[str, Any] = {
    "ImagesResponse": documents.ImagesResponse,
    "PartialImageEvent": documents.PartialImageEvent,
    "CompletedEvent": documents.CompletedEvent,
    "Job": documents.Job,
    "JobList": documents.Page[documents.Job],
    "Image": documents.Image,
    "ImageList": documents.Page[documents.Image],
    "Quote": documents.Quote,
    "UsageReport": documents.UsageReport,
    "Model": documents.Model,
    "ModelList": documents.ModelList,
    "Upload": documents.Upload,
    "NewUpload": documents.NewUpload,
    "Token": documents.Token,
    "TokenList": documents.Page[documents.Token],
    "NewToken": documents.NewToken,
    "Deleted": documents.Deleted,
    "Health": documents.Health,
    "ErrorResponse": documents.ErrorResponse,
}


def reference(name: str) -> Schema:
    """A reference to one of the schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas() -> dict[str, Schema]:
    """All schemas by name."""
    described: dict[str, dict[str, str]] = {}
    for module in (bodies, uploads, browser_tokens, documents):
        described |= field_docstrings(module)
    references, generated = TypeAdapter.json_schemas(
        [
            *((name, "validation", TypeAdapter(of)) for name, of in _SENT.items()),
            *((name, "serialization", TypeAdapter(of)) for name, of in _ANSWERED.items()),
        ],
        ref_template="{model}",
    )
    names = {schema["$ref"]: name for (name, _), schema in references.items()}
    found: dict[str, Schema] = {}
    for name, schema in generated["$defs"].items():
        for field, declared in schema["properties"].items():
            if text := described[name.partition("_")[0]].get(field):
                declared["description"] = text
        found[names.get(name, name)] = _plain(untitled(schema), names)
    _limit(found)
    found["EditForm"] = _form(found["EditRequest"])
    return dict(sorted(found.items()))


def field_docstrings(module: ModuleType) -> dict[str, dict[str, str]]:
    """The strings under the fields of a module's classes, those of their bases included, by class and field."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            inherited = [found.get(base.id, {}) for base in node.bases if isinstance(base, ast.Name)]
            found[node.name] = {name: text for fields in inherited for name, text in fields.items()}
            found[node.name] |= _docstrings_under_fields(node.body)
    return found


def _docstrings_under_fields(body: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for field, following in pairwise(body):
        match field, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _plain(schema: Any, names: Mapping[str, str]) -> Any:
    """The schema with references between the components, and with null as a type."""
    if isinstance(schema, list):
        return [_plain(entry, names) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    plain: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            plain[key] = {name: _plain(field, names) for name, field in value.items()}
        elif key == "$ref":
            plain |= reference(names.get(value, value))
        elif key == "description":
            plain[key] = " ".join(value.split())
        else:
            plain[key] = _plain(value, names)
    match plain.get("anyOf"):
        case [{"type": str(kind)} as only, {"type": "null"}]:
            del plain["anyOf"]
            plain = {**only, "type": [kind, "null"], **plain}
            if "enum" in plain:
                plain["enum"] = [*plain["enum"], None]
    return plain


def _limit(found: dict[str, Schema]) -> None:
    """What no model accepts anyway: the rules of a single model are narrower."""
    families = catalog.load().families.values()
    current = [name for name, row in catalog.load().models.items() if row.retired_on is None]
    for name in ("GenerationRequest", "EditRequest"):
        fields = found[name]["properties"]
        for field, declared in fields.items():
            _narrow(declared, [family.parameters[field] for family in families if field in family.parameters])
        fields["prompt"] |= {
            "type": "string",
            "minLength": 1,
            "maxLength": max(family.prompt_max for family in families),
        }
        fields["easel_deadline"] |= {"minimum": 1, "maximum": DEADLINE_SECONDS}
        fields["n"] |= {"minimum": 1, "maximum": max(family.n_max for family in families)}
        fields["model"] |= {"maxLength": 128, "examples": current}
        fields["size"]["examples"] = ["1024x1024", "1536x1024", "auto"]
        fields["partial_images"]["enum"] = [0, None]
        for identifier in ("user", "safety_identifier"):
            fields[identifier]["maxLength"] = IDENTIFIER_MAX
    found["GenerationRequest"]["required"] = ["prompt"]
    inputs = [family.inputs for family in families if family.inputs]
    found["EditRequest"]["properties"]["images"] |= {
        "type": "array",
        "minItems": 1,
        "maxItems": max(rules.max_count for rules in inputs),
    }
    found["EditRequest"]["required"] = ["images"]
    found["Reasoning"]["properties"]["effort"]["enum"] = [*SVG_EFFORTS, None]


def _narrow(field: Schema, rules: Sequence[Parameter]) -> None:
    if values := list(dict.fromkeys(value for rule in rules for value in rule.values)):
        field["enum"] = [*values, None]
    minima = [rule.min for rule in rules if rule.min is not None]
    maxima = [rule.max for rule in rules if rule.max is not None]
    if minima and maxima:
        field |= {"minimum": min(minima), "maximum": max(maxima)}


def _form(edit: Schema) -> Schema:
    """The multipart form of an edit: the fields of its JSON as text, the images as files, nested names in brackets."""
    file = {"type": "string", "format": "binary"}
    maximum = edit["properties"]["images"]["maxItems"]
    images = {"type": "array", "items": file, "minItems": 1, "maxItems": maximum}
    fields: dict[str, Schema] = {
        "image": images | {"description": "The images to edit: files, or ids or URLs as text. Repeat it for more."},
        "image[]": images | {"description": "The same under the name that some SDKs use."},
    }
    for name, field in edit["properties"].items():
        match name:
            case "images":
                continue
            case "mask" | "markup":
                fields[name] = file | {"description": field["description"]}
            case "svg":
                fields["svg[model]"] = {"type": "string", "description": "The model that writes the SVG."}
                fields["svg[reasoning][effort]"] = {"type": "string", "enum": list(SVG_EFFORTS)}
            case _:
                fields[name] = _without_null(field)
    return {
        "type": "object",
        "description": "The form of POST /images/edits, as the SDKs send it.",
        "properties": fields,
        "anyOf": [{"required": ["image"]}, {"required": ["image[]"]}],
        "additionalProperties": False,
    }


def _without_null(field: Schema) -> Schema:
    plain = dict(field)
    if isinstance(plain["type"], list):
        plain["type"] = plain["type"][0]
    if "enum" in plain:
        plain["enum"] = [value for value in plain["enum"] if value is not None]
    return plain
