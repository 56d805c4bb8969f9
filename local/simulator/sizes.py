"""Which sizes a family supports."""

import re

from local.simulator import errors
from local.simulator.catalog import (
    AREA_MAX,
    AREA_MIN,
    EDGE_MAX,
    EDGE_STEP,
    GIF_STEPS,
    RATIO_MAX,
)
from local.simulator.errors import ApiError
from local.simulator.order import Order

_PATTERN = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")


def check_size(order: Order) -> ApiError | None:
    """The error for a size that the model does not support, or None."""
    size = order.size
    if size is None:
        return None
    if order.family.sizes:
        allowed = order.family.sizes
        return None if size in allowed else errors.unsupported_value("size", size, allowed)
    if size == "auto":
        return None
    match = _PATTERN.fullmatch(size)
    if match is None:
        return errors.unsupported_value("size", size, ("auto", "WIDTHxHEIGHT"))
    reason = _objection(int(match[1]), int(match[2]), order)
    return errors.refused(f"Invalid size '{size}'. {reason}", "size") if reason else None


def _objection(width: int, height: int, order: Order) -> str | None:
    long, short = max(width, height), min(width, height)
    if width % EDGE_STEP or height % EDGE_STEP:
        return f"Width and height must both be divisible by {EDGE_STEP}."
    if long > EDGE_MAX:
        return f"The longest edge must be at most {EDGE_MAX} pixels."
    if long > short * RATIO_MAX:
        return f"The aspect ratio must be at most {RATIO_MAX}:1."
    area = width * height
    if order.format == "gif":
        return _animation_objection(area, order.frames)
    if area < AREA_MIN:
        return f"The image must have at least {AREA_MIN} pixels."
    if area > AREA_MAX:
        return f"The image must have at most {AREA_MAX} pixels."
    return None


def _animation_objection(area: int, frames: int) -> str | None:
    step = next(limit for limit, _ in GIF_STEPS if frames <= limit)
    if area * step > AREA_MAX:
        return f"With {frames} frames, a frame must have at most {AREA_MAX // step} pixels."
    if area * frames < AREA_MIN:
        return f"All frames together must have at least {AREA_MIN} pixels."
    return None
