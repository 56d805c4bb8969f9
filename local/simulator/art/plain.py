"""Simple images for tests: a two-colour gradient with a disc and the caption."""

from random import Random

from PIL import Image, ImageDraw

from local.simulator.art.caption import draw_caption
from local.simulator.art.retouch import base_image
from local.simulator.order import Order

_RAMP = 252
_DISC, _BAND, _ACCENT, _TEXT = range(_RAMP, 256)


def paint_plain(order: Order, size: tuple[int, int], seed: str, label: str, phase: float) -> Image.Image:
    """An image of the right size; that of a generation is in palette mode, which encodes faster."""
    rng = Random(seed)
    disc = _disc(rng, size, phase)
    if order.inputs:
        image = base_image(order, size)
        ImageDraw.Draw(image).ellipse(disc, outline=_color(rng), width=max(2, size[1] // 40))
        draw_caption(image, order.prompt, label)
    else:
        first, second = _color(rng), _color(rng)
        ramp = [round(a + (b - a) * i / (_RAMP - 1)) for i in range(_RAMP) for a, b in zip(first, second, strict=True)]
        image = Image.linear_gradient("L").point(lambda v: v * (_RAMP - 1) // 255)
        image = image.resize(size, Image.Resampling.NEAREST)
        image.putpalette([*ramp, *_color(rng), 15, 18, 28, 255, 217, 138, 255, 255, 255])
        ImageDraw.Draw(image).ellipse(disc, fill=_DISC)
        draw_caption(image, order.prompt, label, _BAND, _TEXT, _ACCENT)
    if order.transparent:
        alpha = Image.new("L", size)
        ImageDraw.Draw(alpha).ellipse(disc, fill=255)
        image = image.convert("RGB")
        image.putalpha(alpha)
    return image


def _disc(rng: Random, size: tuple[int, int], phase: float) -> tuple[int, int, int, int]:
    radius = min(size) // 5
    x = round(size[0] * (0.25 + 0.5 * phase)) if phase else round(size[0] * rng.uniform(0.25, 0.75))
    y = round(size[1] * rng.uniform(0.25, 0.55))
    return x - radius, y - radius, x + radius, y + radius


def _color(rng: Random) -> tuple[int, int, int]:
    return rng.randrange(40, 230), rng.randrange(40, 230), rng.randrange(40, 230)
