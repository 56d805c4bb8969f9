"""Paints a scene as pixels: larger than needed, then reduced, so that edges are smooth."""

from itertools import pairwise

from PIL import Image, ImageColor, ImageDraw

from local.simulator.art.shapes import Ellipse, Glow, Gradient, Line, Point, Polygon, Scene, Shape

_WORK_EDGE_MAX = 2560
_Color = tuple[int, int, int]


def paint(scene: Scene, size: tuple[int, int], oversample: int) -> Image.Image:
    """The whole scene, opaque (RGB)."""
    canvas = Image.new("RGB", _work_size(size, oversample))
    _draw(canvas, (*scene.backdrop, *scene.subject))
    return _settle(canvas, size)


def paint_subject(scene: Scene, size: tuple[int, int], oversample: int) -> Image.Image:
    """The subject alone, on a transparent background (RGBA)."""
    canvas = Image.new("RGB", _work_size(size, oversample), scene.light)
    stencil = Image.new("L", canvas.size)
    _draw(canvas, scene.subject)
    _draw_stencil(stencil, scene.subject)
    canvas.putalpha(stencil)
    return _settle(canvas, size)


def _work_size(size: tuple[int, int], oversample: int) -> tuple[int, int]:
    scale = min(oversample, _WORK_EDGE_MAX / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _settle(canvas: Image.Image, size: tuple[int, int]) -> Image.Image:
    if canvas.size == size:
        return canvas
    if canvas.width == 2 * size[0] and canvas.height == 2 * size[1]:
        return canvas.reduce(2)
    return canvas.resize(size, Image.Resampling.BICUBIC)


def _draw(canvas: Image.Image, shapes: tuple[Shape, ...]) -> None:
    solid, blended = ImageDraw.Draw(canvas), ImageDraw.Draw(canvas, "RGBA")
    unit = canvas.height
    for shape in shapes:
        match shape:
            case Gradient():
                canvas.paste(_gradient(shape, canvas.size))
            case Glow():
                _paste_glow(canvas, shape)
            case _:
                color: _Color | tuple[int, ...] = _rgb(shape.color)
                pen = solid
                if shape.alpha < 1:
                    color, pen = (*color, round(255 * shape.alpha)), blended
                _fill(pen, shape, unit, color)


def _draw_stencil(stencil: Image.Image, shapes: tuple[Shape, ...]) -> None:
    """What is translucent first, so that it is opaque where it is in front of what is."""
    pen = ImageDraw.Draw(stencil)
    solid = [shape for shape in shapes if isinstance(shape, Ellipse | Polygon | Line)]
    for shape in sorted(solid, key=lambda shape: shape.alpha):
        _fill(pen, shape, stencil.height, round(255 * shape.alpha))


def _fill(
    pen: ImageDraw.ImageDraw,
    shape: Ellipse | Polygon | Line,
    unit: int,
    color: tuple[int, ...] | int,
) -> None:
    match shape:
        case Ellipse(center=(x, y), radii=(rx, ry)):
            edges = ((x - rx) * unit, (y - ry) * unit, (x + rx) * unit, (y + ry) * unit)
            pen.ellipse(edges, fill=color)
        case Polygon(points=points):
            pen.polygon(_scaled(points, unit), fill=color)
        case Line(points=points):
            width = max(1, round(shape.width * unit))
            pen.line(_scaled(points, unit), fill=color, width=width, joint="curve")


def _scaled(points: tuple[Point, ...], unit: int) -> list[Point]:
    return [(x * unit, y * unit) for x, y in points]


def _rgb(color: str) -> _Color:
    return ImageColor.getrgb(color)[:3]


def _gradient(gradient: Gradient, size: tuple[int, int]) -> Image.Image:
    column = Image.new("RGB", (1, 256))
    stops = [(at, _rgb(color)) for at, color in gradient.stops]
    for y in range(256):
        column.putpixel((0, y), _mix(stops, y / 255))
    tall = column.resize((1, size[1]), Image.Resampling.BILINEAR)
    return tall.resize(size, Image.Resampling.NEAREST)


def _mix(stops: list[tuple[float, _Color]], at: float) -> _Color:
    for (start, first), (end, second) in pairwise(stops):
        if at <= end:
            share = (at - start) / (end - start)
            r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
            return r, g, b
    return stops[-1][1]


def _paste_glow(canvas: Image.Image, glow: Glow) -> None:
    edge = round(2 * glow.radius * canvas.height)
    strength = glow.strength
    halo = Image.radial_gradient("L").point(lambda v: max(0, (1 - v / 180)) ** 2 * 255 * strength)
    halo = halo.resize((edge, edge), Image.Resampling.BILINEAR)
    left = round(glow.center[0] * canvas.height) - edge // 2
    top = round(glow.center[1] * canvas.height) - edge // 2
    canvas.paste(_rgb(glow.color), (left, top, left + edge, top + edge), halo)
