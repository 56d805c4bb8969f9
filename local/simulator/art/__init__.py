"""Draws the images of an order: a scene for the prompt, with a caption that says it is simulated."""

import hashlib

from PIL import Image, ImageDraw

from local.simulator.art.caption import BAND, BAND_OVER_TEXT, draw_caption, wrapped
from local.simulator.art.encode import encode
from local.simulator.art.plain import paint_plain
from local.simulator.art.raster import paint, paint_subject
from local.simulator.art.retouch import base_image, hole, retouch
from local.simulator.art.scenes import compose
from local.simulator.art.vector import write_svg
from local.simulator.order import Order

__all__ = ["draw", "draw_draft"]


def draw(order: Order, index: int = 0, *, plain: bool = False) -> bytes:
    """The image of an order at that index, as a file; `plain` draws a simple one, which is faster."""
    if order.format == "svg":
        return _draw_svg(order, index).encode()
    frames = [_frame(order, index, plain, i / order.frames) for i in range(order.frames)]
    if order.frames > 1:
        for i, frame in enumerate(frames):
            _mark_progress(frame, (i + 1) / order.frames)
    return encode(frames, order, fast=plain)


def draw_draft(order: Order, number: int, *, plain: bool = False) -> bytes:
    """A partial image for a stream: blurred, less so with each number."""
    image = _frame(order, 0, plain, 0.0)
    if image.mode == "P":
        image = image.convert("RGB")
    small = (max(1, image.width >> (5 - number)), max(1, image.height >> (5 - number)))
    blurred = image.resize(small, Image.Resampling.BILINEAR).resize(image.size)
    return encode([blurred], order, fast=plain)


def _frame(order: Order, index: int, plain: bool, phase: float) -> Image.Image:
    size, seed, label = order.actual_size, _seed(order, index), _label(order, index)
    if plain:
        return paint_plain(order, size, seed, label, phase)
    oversample = 1 if order.actual_quality == "low" or order.frames > 1 else 2
    scene = compose(order.prompt, size[0] / size[1], seed, phase, frame=hole(order, size))
    if order.inputs:
        image = retouch(order, scene, size, oversample)
    elif order.transparent:
        image = paint_subject(scene, size, oversample)
    else:
        image = paint(scene, size, oversample)
    draw_caption(image, order.prompt, label, BAND_OVER_TEXT if order.inputs else BAND)
    return image


def _draw_svg(order: Order, index: int) -> str:
    size = order.actual_size
    scene = compose(order.prompt, size[0] / size[1], _seed(order, index))
    base = base_image(order, size) if order.inputs else None
    lines = wrapped(order.prompt, size)
    return write_svg(scene, size, lines, _label(order, index), base)


def _seed(order: Order, index: int) -> str:
    prompt = order.prompt.encode(errors="replace")
    return f"{hashlib.sha256(prompt).hexdigest()}/{index}"


def _label(order: Order, index: int) -> str:
    width, height = order.actual_size
    parts = ["simulated", order.model, f"{width}x{height}", order.actual_quality]
    if order.n > 1:
        parts.append(f"{index + 1}/{order.n}")
    return "  ·  ".join(parts)


def _mark_progress(frame: Image.Image, share: float) -> None:
    height = max(2, frame.height // 100)
    color: int | tuple[int, int, int] = 255 if frame.mode == "P" else (255, 217, 138)
    edges = (0, frame.height - height, round(frame.width * share), frame.height)
    ImageDraw.Draw(frame).rectangle(edges, fill=color)
