"""From a caller's JSON to a Request: checked against the catalog before any money is spent."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from core.catalog import Catalog, Family, FlexibleSize, Model, Operation, SizeRule
from core.errors import InvalidRequest, ModelNotFound
from core.settings import RetiredPolicy

Value = str | int | bool


@dataclass(frozen=True)
class Warning:
    """Something Easel did differently from what was asked, or that may surprise; never silent."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True)
class Request:
    """A wish that has passed every check.

    `requested` holds the parameters as the caller gave them (without the prompt), `model` and `parameters` what is
    sent to the provider.
    """

    operation: Operation
    prompt: str
    model: str
    parameters: dict[str, Value] = field(default_factory=dict)
    requested: dict[str, Value] = field(default_factory=dict)
    warnings: tuple[Warning, ...] = ()

    @property
    def n(self) -> int:
        """How many images are asked for."""
        return int(self.parameters.get("n", 1))

    def fingerprint(self) -> str:
        """SHA-256 over what the caller asked for: equal wishes have equal fingerprints."""
        wish = {"operation": self.operation, "prompt": self.prompt, **self.requested}
        return hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()

    def applied(self) -> dict[str, Value]:
        """The parameters that reach the provider, without the prompt."""
        return {"model": self.model, **self.parameters}


class GenerationBody(BaseModel):
    """The JSON body of POST /v1/images/generations. null means absent, as the SDKs send it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    prompt: str | None = None
    model: str | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    moderation: str | None = None
    complexity: str | None = None
    style: str | None = None
    response_format: str | None = None
    stream: bool | None = None
    partial_images: int | None = None
    safety_identifier: str | None = None
    user: str | None = None


# Passed on as they are: they describe the caller's own user to the provider.
_IDENTIFIERS = ("user", "safety_identifier")


@dataclass(frozen=True)
class ModelPolicy:
    """How model names are resolved: the default, and what a retired name does (see design: `translate`)."""

    default_model: str
    retired: RetiredPolicy


def parse_json(raw: str | bytes | None) -> Mapping[str, Any]:
    """The JSON object in a request body.

    Raises:
        InvalidRequest: it is not JSON, or no object.
    """
    try:
        document = json.loads(raw or "")
        # JSON can spell half a character ("\\ud800"), which no text can hold.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidRequest(
            "The request body is not valid JSON. Send an object such as "
            '{"model": "gpt-image-2.6-flare", "prompt": "A cute baby sea otter"}.',
            code="invalid_json",
        ) from None
    if not isinstance(document, dict):
        raise InvalidRequest("The request body must be a JSON object.", code="invalid_json")
    return document


def generation_request(document: Mapping[str, Any], catalog: Catalog, policy: ModelPolicy, today: date) -> Request:
    """Check the body of a generation and resolve its model.

    Raises:
        InvalidRequest: with the parameter at fault and what is allowed.
        ModelNotFound: there is no such model, or it is retired and the policy rejects.
    """
    try:
        body = GenerationBody.model_validate(document)
    except ValidationError as error:
        raise _shape_fault(error.errors(include_input=False, include_url=False)[0]) from None
    given = body.model_dump(exclude_none=True)
    _refuse_what_easel_answers_otherwise(given)
    if "prompt" not in given:
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    prompt: str = given.pop("prompt")
    requested_name: str = given.pop("model", policy.default_model)
    asked = _find(catalog, requested_name, today)
    _check("generation", asked, prompt, given)

    model, parameters, warnings = _apply_lifecycle(asked, given, catalog, policy, today)
    if model.name != asked.name:
        _check("generation", model, prompt, parameters)
    if not model.known:
        warnings += (
            Warning(
                "unknown_model",
                f"'{model.name}' is not in Easel's catalog; it was checked by the rules of {model.family_name}.",
                "model",
            ),
        )
    return Request(
        operation="generation",
        prompt=prompt,
        model=model.name,
        parameters=parameters,
        requested={"model": requested_name, **given},
        warnings=warnings,
    )


def _shape_fault(fault: ErrorDetails) -> InvalidRequest:
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(sorted(GenerationBody.model_fields))
        return InvalidRequest(
            f"Unknown parameter: '{name}'. Known parameters are: {known}.", param=name, code="unknown_parameter"
        )
    kind = {"string_type": "a string", "int_type": "an integer", "bool_type": "true or false"}.get(fault["type"])
    return InvalidRequest(
        f"Invalid type for '{name}': {'it must be ' + kind if kind else fault['msg']}.",
        param=name,
        code="invalid_type",
    )


def _refuse_what_easel_answers_otherwise(given: dict[str, Any]) -> None:
    response_format = given.pop("response_format", None)
    if response_format == "b64_json":
        raise InvalidRequest(
            "Easel answers with URLs instead of base64. Leave 'response_format' out (or send 'url') and download "
            "data[0].url.",
            param="response_format",
        )
    if response_format not in (None, "url"):
        raise _not_allowed("response_format", response_format, ("url",))
    if given.pop("stream", None):
        raise InvalidRequest(
            "Easel does not stream images. Leave 'stream' out; to follow a long job send the header "
            "'Prefer: respond-async' and poll the job.",
            param="stream",
        )
    if given.pop("partial_images", None):
        raise InvalidRequest(
            "'partial_images' needs streaming, which Easel does not offer. Leave it out or send 0.",
            param="partial_images",
        )


def _find(catalog: Catalog, name: str, today: date) -> Model:
    model = catalog.find(name)
    if model is None:
        raise ModelNotFound(
            f"The model '{name[:64]}' does not exist. Models that can be used: "
            f"{', '.join(catalog.live_models(today))}.",
            param="model",
        )
    return model


def _apply_lifecycle(
    asked: Model, given: dict[str, Value], catalog: Catalog, policy: ModelPolicy, today: date
) -> tuple[Model, dict[str, Value], tuple[Warning, ...]]:
    """The model that really runs, with its parameters, and what has to be said about it."""
    if asked.retired_on is None or policy.retired == "forward":
        return asked, dict(given), ()
    successor = f" Use '{asked.successor.model}' instead." if asked.successor else ""
    if asked.lifecycle(today) == "retiring":
        warning = Warning("model_retiring", f"'{asked.name}' is shut down on {asked.retired_on}.{successor}", "model")
        return asked, dict(given), (warning,)
    if policy.retired == "reject" or asked.successor is None:
        raise ModelNotFound(
            f"The model '{asked.name}' was shut down on {asked.retired_on}.{successor}",
            param="model",
            code="model_retired",
        )
    model = _find(catalog, asked.successor.model, today)
    parameters: dict[str, Value] = {}
    changes = []
    for name, value in given.items():
        if name in asked.successor.drop:
            changes.append(f"'{name}' was dropped")
            continue
        new = asked.successor.values.get(name, {}).get(str(value), value)
        if new != value:
            changes.append(f"'{name}' {value} became {new}")
        parameters[name] = new
    told = f" ({'; '.join(changes)})" if changes else ""
    warning = Warning(
        "model_translated",
        f"'{asked.name}' was shut down on {asked.retired_on}; '{model.name}' ran instead{told}.",
        "model",
    )
    return model, parameters, (warning,)


def _check(operation: Operation, model: Model, prompt: str, parameters: Mapping[str, Value]) -> None:
    """Hold a request against the rules of its model."""
    rules = model.rules
    if operation not in rules.operations:
        raise InvalidRequest(f"The model '{model.name}' cannot do {operation}s.", param="model")
    if not prompt.strip():
        raise InvalidRequest(f"'prompt' is empty; it must have 1 to {rules.prompt_max} characters.", param="prompt")
    if len(prompt) > rules.prompt_max:
        raise InvalidRequest(
            f"'prompt' has {len(prompt)} characters; '{model.name}' takes at most {rules.prompt_max}.", param="prompt"
        )
    for name, value in parameters.items():
        if name in _IDENTIFIERS:
            continue
        if name == "n":
            _check_range(name, value, 1, rules.n_max, model)
        elif name == "size":
            _check_size(str(value), rules.size, model)
        else:
            _check_parameter(name, value, rules, model)
    _check_combinations(parameters)


def _check_parameter(name: str, value: Value, rules: Family, model: Model) -> None:
    parameter = rules.parameters.get(name)
    if parameter is None:
        raise InvalidRequest(
            f"The model '{model.name}' does not support '{name}'. It supports: "
            f"{', '.join(['prompt', 'n', 'size', *rules.parameters])}.",
            param=name,
            code="unsupported_parameter",
        )
    if parameter.values and value not in parameter.values:
        raise _not_allowed(name, value, parameter.values, model)
    if parameter.min is not None and parameter.max is not None:
        _check_range(name, value, parameter.min, parameter.max, model)


def _check_range(name: str, value: Value, least: int, most: int, model: Model) -> None:
    if not least <= int(value) <= most:
        raise InvalidRequest(
            f"Invalid value: {value}. '{name}' must be from {least} to {most} for '{model.name}'.", param=name
        )


def _check_size(size: str, rule: SizeRule, model: Model) -> None:
    if size == "auto" and rule.auto:
        return
    if rule.flexible is None:
        if size not in rule.fixed:
            raise _not_allowed("size", size, (*rule.fixed, *(("auto",) if rule.auto else ())), model)
        return
    bounds = _describe(rule.flexible)
    shape = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", size)
    fault = _flexible_fault(int(shape[1]), int(shape[2]), rule.flexible) if shape else "it is not WIDTHxHEIGHT"
    if fault:
        raise InvalidRequest(
            f"Invalid size '{size[:32]}' for '{model.name}': {fault}. Allowed: {bounds}.", param="size"
        )


def _flexible_fault(width: int, height: int, rule: FlexibleSize) -> str | None:
    """The first bound that the size breaks. Source: OpenAI Images API, size of gpt-image-2 and later."""
    if width % rule.multiple_of or height % rule.multiple_of:
        return f"width and height must both be divisible by {rule.multiple_of}"
    if max(width, height) > rule.max_edge:
        return f"an edge is longer than {rule.max_edge}"
    if max(width, height) > rule.max_ratio * min(width, height):
        return f"the ratio of the edges is beyond {rule.max_ratio}:1"
    if not rule.min_pixels <= width * height <= rule.max_pixels:
        return f"{width * height} pixels are outside {rule.min_pixels} to {rule.max_pixels}"
    return None


def _describe(rule: FlexibleSize) -> str:
    return (
        f"'auto', or WIDTHxHEIGHT with both divisible by {rule.multiple_of}, edges up to {rule.max_edge}, a ratio up "
        f"to {rule.max_ratio}:1 and {rule.min_pixels} to {rule.max_pixels} pixels, for example 1024x1024, 1536x1024 "
        "or 1024x1536"
    )


def _check_combinations(parameters: Mapping[str, Value]) -> None:
    output_format = parameters.get("output_format", "png")
    if parameters.get("background") == "transparent" and output_format not in ("png", "webp"):
        raise InvalidRequest(
            f"A transparent background cannot be stored as {output_format}; use output_format png or webp.",
            param="background",
        )
    if parameters.get("output_compression", 100) != 100 and output_format not in ("jpeg", "webp"):
        raise InvalidRequest(
            f"'output_compression' works with output_format jpeg or webp only, not with {output_format}.",
            param="output_compression",
        )


def _not_allowed(name: str, value: Value, allowed: tuple[str, ...], model: Model | None = None) -> InvalidRequest:
    by = f" for '{model.name}'" if model else ""
    return InvalidRequest(
        f"Invalid value: '{str(value)[:64]}'. Supported values of '{name}'{by} are: "
        f"{', '.join(repr(choice) for choice in allowed)}.",
        param=name,
    )
