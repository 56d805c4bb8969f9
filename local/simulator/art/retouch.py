"""Draws edited images from the inputs, the mask and the markup."""

import math

from PIL import Image, ImageDraw, ImageOps

from local.simulator.art.raster import paint, paint_subject
from local.simulator.art.scenes import Frame
from local.simulator.art.shapes import Scene
from local.simulator.order import Order

_TINT = 0.35
_TINT_ALONE = 0.6
_FRAME = 0.02


def retouch(order: Order, scene: Scene, size: tuple[int, int], oversample: int) -> Image.Image:
    """The inputs with a tint, a frame and the subject that the prompt names; with a mask, repainted inside it."""
    base = base_image(order, size)
    if order.mask is not None:
        image = _repaint(base, order.mask, paint(scene, size, oversample))
    else:
        image = _tint(base, scene)
        if scene.named:
            subject = paint_subject(scene, size, oversample)
            image.paste(subject, mask=subject.getchannel("A"))
        _frame(image, scene.light)
    if order.transparent:
        image.putalpha(_rounded(size))
    return image


def hole(order: Order, size: tuple[int, int]) -> Frame | None:
    """The area that the mask leaves to be repainted, in the space of a scene; None if there is none."""
    edges = _holes(order.mask, size).getbbox() if order.mask is not None else None
    if edges is None:
        return None
    left, top, right, bottom = (edge / size[1] for edge in edges)
    return left, top, right, bottom


def base_image(order: Order, size: tuple[int, int]) -> Image.Image:
    """The inputs as one opaque image of that size: one fills it, several form a grid."""
    first = _opaque(order.inputs[0])
    if order.markup is not None:
        first.paste(order.markup, mask=order.markup.getchannel("A"))
    images = [first, *order.inputs[1:]]
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", size)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        in_row = len(images) - row * columns if row == rows - 1 else columns
        left, right = (size[0] * c // in_row for c in (column, column + 1))
        top, bottom = (size[1] * r // rows for r in (row, row + 1))
        cell = ImageOps.fit(_opaque(image), (right - left, bottom - top))
        sheet.paste(cell, (left, top))
    return sheet


def _opaque(image: Image.Image) -> Image.Image:
    colored = image.convert("RGBA")
    ground = Image.new("RGB", colored.size, "#f4efe6")
    ground.paste(colored, mask=colored.getchannel("A"))
    return ground


def _repaint(base: Image.Image, mask: Image.Image, fresh: Image.Image) -> Image.Image:
    return Image.composite(fresh, base, _holes(mask, base.size))


def _holes(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.invert(ImageOps.fit(mask.getchannel("A"), size))


def _tint(base: Image.Image, scene: Scene) -> Image.Image:
    toned = ImageOps.colorize(base.convert("L"), scene.dark, scene.light)
    return Image.blend(base, toned, _TINT if scene.named else _TINT_ALONE)


def _frame(image: Image.Image, color: str) -> None:
    width = max(2, round(min(image.size) * _FRAME))
    edges = (0, 0, image.width - 1, image.height - 1)
    ImageDraw.Draw(image).rectangle(edges, outline=color, width=width)


def _rounded(size: tuple[int, int]) -> Image.Image:
    alpha = Image.new("L", size)
    edges = (0, 0, size[0] - 1, size[1] - 1)
    ImageDraw.Draw(alpha).rounded_rectangle(edges, radius=min(size) // 8, fill=255)
    return alpha
