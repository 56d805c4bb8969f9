"""Rules about several parameters, or about a parameter and the model; checked in the order of _RULES."""

import re
from collections.abc import Callable

from local.simulator import errors
from local.simulator.errors import ApiError
from local.simulator.order import Order
from local.simulator.sizes import check_size

Rule = Callable[[Order], ApiError | None]

_AUTHOR = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_GPT_QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto")


def first_conflict(order: Order) -> ApiError | None:
    """The error of the first rule that is violated, or None."""
    return next((error for rule in _RULES if (error := rule(order)) is not None), None)


def _quality(order: Order) -> ApiError | None:
    wanted, allowed = order.quality, order.family.qualities
    if wanted is None or wanted in allowed:
        return None
    if not order.family.dalle and wanted in _GPT_QUALITIES:
        return errors.refused(f"The model '{order.model}' does not support quality '{wanted}'", "quality")
    return errors.unsupported_value("quality", wanted, allowed)


def _output_format(order: Order) -> ApiError | None:
    if order.format in order.family.formats:
        return None
    return errors.unsupported_value("output_format", order.format, order.family.formats)


def _input_fidelity(order: Order) -> ApiError | None:
    wanted, allowed = order.input_fidelity, order.family.input_fidelity
    if wanted is None or wanted in allowed:
        return None
    if allowed:
        return errors.unsupported_value("input_fidelity", wanted, allowed)
    return _not_for_model(order, "input_fidelity", "invalid_input_fidelity_model")


def _complexity(order: Order) -> ApiError | None:
    if order.complexity is None or order.family.complexity:
        return None
    return _not_for_model(order, "complexity")


def _markup(order: Order) -> ApiError | None:
    if order.markup is None:
        return None
    if not order.family.markup:
        return _not_for_model(order, "markup")
    if order.mask is not None:
        return errors.conflict("'markup' cannot be combined with 'mask'.", "markup")
    return None


def _background(order: Order) -> ApiError | None:
    if not order.transparent or order.format in ("png", "webp"):
        return None
    return errors.refused(
        f"Transparent background is not supported for output format '{order.format}'. "
        "Supported formats are: 'png' and 'webp'.",
        "background",
    )


def _compression(order: Order) -> ApiError | None:
    if order.output_compression in (None, 100) or order.format in ("webp", "jpeg"):
        return None
    return errors.conflict(
        f"'output_compression' is not supported for output format '{order.format}'. "
        "Supported formats are: 'webp' and 'jpeg'.",
        "output_compression",
    )


def _stream(order: Order) -> ApiError | None:
    if order.stream and order.format in ("gif", "svg"):
        return errors.conflict(f"Streaming is not supported for output format '{order.format}'.", "stream")
    if order.stream and order.n > 1:
        return errors.conflict("Streaming is only supported with n=1.", None, code=None)
    if order.partial_images and not order.stream:
        return errors.conflict("'partial_images' is only supported when 'stream' is true.", "partial_images")
    return None


def _frames(order: Order) -> ApiError | None:
    if order.format == "gif":
        if order.mask is not None:
            return errors.conflict("'mask' is not supported for output format 'gif'.", "mask")
        return None
    for param in ("frame_count", "frame_duration_ms"):
        if getattr(order, param) is not None:
            return errors.conflict(f"'{param}' requires output_format 'gif'.", param)
    return None


def _svg(order: Order) -> ApiError | None:
    if order.format != "svg":
        if order.svg is not None:
            return errors.conflict("'svg' requires output_format 'svg'.", "svg")
        return None
    if order.n > 1:
        return errors.conflict("SVG generation is only supported with n=1.", "n")
    if order.svg is None or "model" not in order.svg:
        return errors.conflict("SVG generation requires 'svg.model'.", "svg.model", "missing_required_parameter")
    author = _AUTHOR.match(order.svg["model"])
    generation = (int(author[1]), int(author[2] or 0)) if author else (0, 0)
    if generation >= (5, 1) and order.svg.get("reasoning", {}).get("effort") == "minimal":
        return errors.conflict(
            f"The model '{order.svg['model']}' does not support reasoning effort 'minimal'.",
            "svg.reasoning.effort",
        )
    return None


def _not_for_model(order: Order, param: str, code: str = "invalid_value") -> ApiError:
    message = f"The model '{order.model}' does not support the '{param}' parameter."
    return errors.refused(message, param, code)


_RULES: tuple[Rule, ...] = (
    _quality,
    _output_format,
    check_size,
    _input_fidelity,
    _complexity,
    _markup,
    _background,
    _compression,
    _stream,
    _frames,
    _svg,
)
