"""The rules of models, from the catalog's data. Each error names the parameter and what is allowed.

Source: the Images API as of 2026-11-22, parameters of images.generate and images.edit, and how they can be combined.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from core.catalog import FlexibleSize, Gif, Model, Operation, Option, SizeRule
from core.errors import InvalidRequest

# Passed on unchanged: they identify the caller's own user to the provider.
_IDENTIFIERS = ("user", "safety_identifier")
IDENTIFIER_MAX = 512
SVG_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# General categories of Unicode: separators, controls, formats and marks.
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Me"})
# Letters and symbols that are drawn as nothing: Hangul fillers and the empty Braille pattern.
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"
# More makes no difference to a picture, and is more than the table can hold.
_OPTION_DECIMALS = 6
_LOSSY = ("jpeg", "webp")
PARTIAL_IMAGES = "partial_images"
# No model sends more. Source: the parameter of that name in OpenAI's API reference.
_MAX_PARTIAL_IMAGES = 3
_NOT_STREAMED = ("gif", "svg")
_TRANSPARENT = ("png", "webp")


def check(operation: Operation, model: Model, prompt: str | None, parameters: Mapping[str, Any]) -> None:
    """Check a request against the rules of its model.

    Partial images are no reason to refuse a model that has none: they change nothing in the image.

    Raises:
        InvalidRequest: a rule is broken; it names the first one.
    """
    rules = model.rules
    if operation not in rules.operations:
        able = "images.edit" if operation == "edit" else "images.generate"
        raise InvalidRequest(f"The model '{model.name}' does not support {able}.", param="model")
    _check_prompt(prompt, model)
    for name, value in parameters.items():
        if name in _IDENTIFIERS:
            if len(value) > IDENTIFIER_MAX:
                raise InvalidRequest(f"'{name}' must have at most {IDENTIFIER_MAX} characters.", param=name)
            continue
        if name == "n":
            _check_range(name, value, 1, rules.n_max, model)
        elif name == "size" and rules.size and operation in rules.size.operations:
            _check_size(value, rules.size, model, gif=parameters.get("output_format") == "gif")
        elif name == "options" and rules.options:
            continue
        elif name == PARTIAL_IMAGES and not has_parameter(operation, name, model):
            _check_range(name, value, 0, _MAX_PARTIAL_IMAGES, model)
        else:
            _check_parameter(operation, name, value, model)
    _check_options(operation, parameters.get("options", {}), model)
    for combination in (_transparency, _compression, _previews, _gif, _svg):
        combination(parameters, model)


def _check_prompt(prompt: str | None, model: Model) -> None:
    rules = model.rules
    if prompt is None and rules.prompt == "required":
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    if prompt is None or (not prompt and rules.prompt != "required"):
        return
    if not 1 <= len(prompt) <= rules.prompt_max:
        raise InvalidRequest(
            f"'prompt' has {len(prompt)} characters; '{model.name}' accepts 1 to {rules.prompt_max}.", param="prompt"
        )
    if _is_blank(prompt) and rules.prompt == "required":
        raise InvalidRequest("'prompt' is blank: it has no visible characters. Say what to draw.", param="prompt")


def _check_options(operation: Operation, given: Mapping[str, Any], model: Model) -> None:
    rules = model.rules
    options = {name: option for name, option in rules.options.items() if operation in option.operations}
    for name, value in given.items():
        option = options.get(name)
        if option is None:
            raise InvalidRequest(
                f"The model '{model.name}' has no option '{name[:64]}' in images.{_verb(operation)}. Its options are: "
                f"{', '.join(options)}.",
                param=f"options.{name[:64]}",
                code="unsupported_parameter",
            )
        _check_option(f"options.{name}", value, option, model)
    for name, option in options.items():
        if option.required and name not in given:
            raise InvalidRequest(
                f"Missing required parameter: 'options.{name}', {option.about}.",
                param=f"options.{name}",
                code="missing_required_parameter",
            )
    if rules.needs_one_of and not any(given.get(name) for name in rules.needs_one_of):
        raise InvalidRequest(
            f"'{model.name}' needs at least one of the options {', '.join(rules.needs_one_of)}, greater than 0.",
            param="options",
            code="missing_required_parameter",
        )


def _check_option(name: str, value: Any, option: Option, model: Model) -> None:
    if option.kind == "text":
        if not isinstance(value, str):
            raise InvalidRequest(f"'{name}' must be a string.", param=name, code="invalid_type")
        if option.values and value not in option.values:
            raise not_allowed(name, value, option.values, model)
        if not 1 <= len(value) <= option.max_length or _is_blank(value):
            raise InvalidRequest(f"'{name}' must have 1 to {option.max_length} characters.", param=name)
        return
    whole = option.kind == "integer"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise InvalidRequest(
            f"'{name}' must be {'a whole number' if whole else 'a number'}.", param=name, code="invalid_type"
        )
    if not option.min <= value <= option.max:
        raise InvalidRequest(
            f"Invalid value: {str(value)[:64]}. '{name}' must be from {option.min:g} to {option.max:.10g} for "
            f"'{model.name}'.",
            param=name,
        )


def options_as_numbers(options: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The options with numbers where the model expects them: forms and S3 metadata can only send texts.

    Equal numbers are the same afterwards, however they were spelled.
    """
    return {name: _as_number(value, model.rules.options.get(name)) for name, value in options.items()}


def _as_number(value: Any, option: Option | None) -> Any:
    if option is None or option.kind == "text":
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", value):
        value = float(value) if "." in value else int(value)
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return int(value) if value.is_integer() else round(value, _OPTION_DECIMALS)


def _is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen: white space, controls, joiners, marks without a letter, fillers."""
    import unicodedata  # noqa: PLC0415 - only purchases need it

    return all(character in _FILLERS or unicodedata.category(character) in _INVISIBLE for character in text)


def check_inputs(model: Model, images: int, *, param: str, mask: bool, markup: bool, output_format: str | None) -> None:
    """Check the number and kinds of an edit's inputs against the rules of its model, before any of them is read.

    `param` is what the entry point calls the images.

    Raises:
        InvalidRequest: there are too few or too many images, or a mask or markup that is not allowed.
    """
    rules = model.rules.inputs
    if rules is None:
        raise InvalidRequest(f"The model '{model.name}' does not support images.edit.", param="model")
    if images == 0:
        raise InvalidRequest(
            "Missing required parameter: 'image'. Send one or more files as 'image' or 'image[]', or JSON with "
            '\'images\': [{"image_url": …} or {"file_id": …}].',
            param="image",
            code="missing_required_parameter",
        )
    if images > rules.max_count:
        raise InvalidRequest(
            f"{images} input images were sent; '{model.name}' accepts at most {rules.max_count}.", param=param
        )
    if images < rules.min_count:
        raise InvalidRequest(
            f"'{model.name}' needs {rules.min_count} input images, in this order: {', '.join(rules.roles)}.",
            param=param,
            code="missing_required_parameter",
        )
    if mask and not rules.mask:
        raise InvalidRequest(f"The model '{model.name}' does not support 'mask'.", param="mask")
    if rules.mask_required and not mask:
        raise InvalidRequest(
            f"'{model.name}' needs a 'mask': a PNG of the image's size, transparent where it is edited.",
            param="mask",
            code="missing_required_parameter",
        )
    if mask and markup:
        raise InvalidRequest("'mask' and 'markup' cannot be used together.", param="markup")
    if markup and not rules.markup:
        raise InvalidRequest(f"The model '{model.name}' does not support 'markup'.", param="markup")
    if mask and output_format == "gif":
        raise InvalidRequest("'mask' cannot be used with output_format gif.", param="mask")


def _check_parameter(operation: Operation, name: str, value: Any, model: Model) -> None:
    parameter = model.rules.parameters.get(name)
    if parameter is None or operation not in parameter.operations:
        supported = [known for known, rule in model.rules.parameters.items() if operation in rule.operations]
        raise InvalidRequest(
            f"The model '{model.name}' does not support '{name}' in images.{_verb(operation)}. It supports: "
            f"{', '.join(_common(operation, model) + supported)}.",
            param=name,
            code="unsupported_parameter",
        )
    if parameter.values and value not in parameter.values:
        raise not_allowed(name, value, parameter.values, model)
    if parameter.min is not None and parameter.max is not None:
        _check_range(name, value, parameter.min, parameter.max, model)
    if parameter.svg:
        _check_svg(value)


def has_parameter(operation: Operation, name: str, model: Model) -> bool:
    """Whether the model knows the parameter in this operation, whatever its value."""
    rule = model.rules.parameters.get(name)
    return (
        name in _IDENTIFIERS or name in _common(operation, model) or (rule is not None and operation in rule.operations)
    )


def _common(operation: Operation, model: Model) -> list[str]:
    """The parameters that are no rows of a family, as far as it has them."""
    rules = model.rules
    has = {
        "prompt": rules.prompt != "unused",
        "n": True,
        "size": rules.size is not None and operation in rules.size.operations,
        "options": bool(rules.options),
    }
    return [name for name, it_has in has.items() if it_has]


def _check_range(name: str, value: int, minimum: int, maximum: int, model: Model) -> None:
    if not minimum <= value <= maximum:
        raise InvalidRequest(
            f"Invalid value: {value}. '{name}' must be from {minimum} to {maximum} for '{model.name}'.", param=name
        )


def _check_size(size: str, rule: SizeRule, model: Model, *, gif: bool) -> None:
    if size == "auto" and rule.auto:
        return
    if rule.flexible is None:
        if size not in rule.listed:
            raise not_allowed("size", size, (*rule.listed, *(("auto",) if rule.auto else ())), model)
        return
    shape = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", size)
    fault = _flexible_fault(int(shape[1]), int(shape[2]), rule.flexible, gif=gif) if shape else "it is not WIDTHxHEIGHT"
    if fault:
        raise InvalidRequest(
            f"Invalid size '{size[:32]}' for '{model.name}': {fault}. Allowed: {_described(rule.flexible)}.",
            param="size",
        )


def _flexible_fault(width: int, height: int, rule: FlexibleSize, *, gif: bool) -> str | None:
    """The first limit that the size exceeds."""
    if width % rule.multiple_of or height % rule.multiple_of:
        return f"width and height must both be divisible by {rule.multiple_of}"
    if max(width, height) > rule.max_edge:
        return f"an edge is longer than {rule.max_edge}"
    if max(width, height) > rule.max_ratio * min(width, height):
        return f"the ratio of the edges is greater than {rule.max_ratio}:1"
    # The pixels of an animation are counted over all frames: see _gif.
    if not gif and not rule.min_pixels <= width * height <= rule.max_pixels:
        return f"{width * height} pixels are outside {rule.min_pixels} to {rule.max_pixels}"
    return None


def _described(rule: FlexibleSize) -> str:
    return (
        f"'auto', or WIDTHxHEIGHT with both divisible by {rule.multiple_of}, edges up to {rule.max_edge}, a ratio up "
        f"to {rule.max_ratio}:1 and {rule.min_pixels} to {rule.max_pixels} pixels, for example 1024x1024, 1536x1024 "
        "or 1024x1536"
    )


def _transparency(parameters: Mapping[str, Any], _: Model) -> None:
    output_format = parameters.get("output_format", "png")
    if parameters.get("background") == "transparent" and output_format not in _TRANSPARENT:
        raise InvalidRequest(
            f"A transparent background is not possible with {output_format}; use output_format png or webp.",
            param="background",
        )


def _compression(parameters: Mapping[str, Any], _: Model) -> None:
    output_format = parameters.get("output_format", "png")
    if parameters.get("output_compression", 100) != 100 and output_format not in _LOSSY:
        raise InvalidRequest(
            f"'output_compression' works only with output_format jpeg or webp, not with {output_format}.",
            param="output_compression",
        )


def _previews(parameters: Mapping[str, Any], _: Model) -> None:
    if parameters.get(PARTIAL_IMAGES):
        check_shown_while_made(PARTIAL_IMAGES, parameters)


def check_shown_while_made(name: str, parameters: Mapping[str, Any]) -> None:
    """Check that a request can have `stream` or `partial_images`, by name: OpenAI has them for one drawn image.

    Raises:
        InvalidRequest: it asks for several images, or for a format that is not drawn bit by bit.
    """
    if parameters.get("n", 1) != 1:
        raise InvalidRequest(f"'{name}' works only with n=1. Omit '{name}' to get several images.", param="n")
    if (output_format := parameters.get("output_format")) in _NOT_STREAMED:
        raise InvalidRequest(
            f"'{name}' works only with output_format png, jpeg or webp, not with {output_format}.", param=name
        )


def _gif(parameters: Mapping[str, Any], model: Model) -> None:
    if parameters.get("output_format") != "gif":
        for name in ("frame_count", "frame_duration_ms"):
            if name in parameters:
                raise InvalidRequest(f"'{name}' works only with output_format gif.", param=name)
        return
    size, rule = parameters.get("size", "auto"), model.rules.gif
    if size == "auto" or rule is None:
        return
    width, height = (int(edge) for edge in size.split("x"))
    frames = _frames_charged(parameters.get("frame_count", rule.default_frames), rule)
    if not rule.pixel_floor <= width * height * frames <= rule.pixel_budget:
        edge = int((rule.pixel_budget / frames) ** 0.5) // 16 * 16
        raise InvalidRequest(
            f"Invalid size '{size}' for a gif: with this frame_count, a frame can have "
            f"{-(-rule.pixel_floor // frames)} to {rule.pixel_budget // frames} pixels, for example {edge}x{edge}.",
            param="size",
        )


def _frames_charged(frames: int, rule: Gif) -> int:
    return next((step for step in rule.frame_steps if frames <= step), rule.frame_steps[-1])


def _svg(parameters: Mapping[str, Any], _: Model) -> None:
    if parameters.get("output_format") != "svg":
        if "svg" in parameters:
            raise InvalidRequest("'svg' works only with output_format svg.", param="svg")
        return
    if parameters.get("n", 1) != 1:
        raise InvalidRequest("output_format svg works only with n=1.", param="n")
    if not parameters.get("svg", {}).get("model"):
        raise InvalidRequest(
            "SVG generation requires 'svg.model', the model that writes the SVG.",
            param="svg.model",
            code="missing_required_parameter",
        )


def _check_svg(value: Mapping[str, Any]) -> None:
    effort = (value.get("reasoning") or {}).get("effort")
    if effort is None:
        return
    if effort not in SVG_EFFORTS:
        raise not_allowed("svg.reasoning.effort", effort, SVG_EFFORTS)
    author = re.match(r"gpt-([0-9]+)\.([0-9]+)", value.get("model") or "")
    if effort == "minimal" and author and (int(author[1]), int(author[2])) >= (5, 1):
        raise InvalidRequest(
            "The effort 'minimal' is not supported by gpt-5.1 and later; use 'none' or 'low'.",
            param="svg.reasoning.effort",
        )


def not_allowed(name: str, value: Any, allowed: tuple[str, ...], model: Model | None = None) -> InvalidRequest:
    """The error for a value that is not in a list."""
    by = f" for '{model.name}'" if model else ""
    return InvalidRequest(
        f"Invalid value: '{str(value)[:64]}'. Supported values of '{name}'{by} are: "
        f"{', '.join(repr(choice) for choice in allowed)}.",
        param=name,
    )


def _verb(operation: Operation) -> str:
    return "edit" if operation == "edit" else "generate"
