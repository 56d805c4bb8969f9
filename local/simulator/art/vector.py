"""Writes a scene as SVG text."""

import base64
import io
from xml.sax.saxutils import escape

from PIL import Image

from local.simulator.art.caption import text_size
from local.simulator.art.shapes import Ellipse, Glow, Gradient, Line, Point, Polygon, Scene, Shape


def write_svg(scene: Scene, size: tuple[int, int], lines: list[str], label: str, base: Image.Image | None) -> str:
    """The scene with its caption; `base`, an edited image, replaces the backdrop."""
    width, height = size
    added = scene.subject if scene.named else ()
    shapes = added if base is not None else (*scene.backdrop, *scene.subject)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    ]
    if base is not None:
        parts.append(f'<image width="{width}" height="{height}" href="{_data_url(base)}"/>')
    parts += [_element(shape, number, size) for number, shape in enumerate(shapes)]
    parts += _caption(size, lines, label)
    return "\n".join([*parts, "</svg>", ""])


def _element(shape: Shape, number: int, size: tuple[int, int]) -> str:
    width, unit = size
    match shape:
        case Gradient():
            stops = "".join(f'<stop offset="{at:.3f}" stop-color="{c}"/>' for at, c in shape.stops)
            return (
                f'<linearGradient id="g{number}" x2="0" y2="1">{stops}</linearGradient>'
                f'<rect width="{width}" height="{unit}" fill="url(#g{number})"/>'
            )
        case Glow(center=(x, y)):
            return (
                f'<radialGradient id="g{number}">'
                f'<stop stop-color="{shape.color}" stop-opacity="{shape.strength}"/>'
                f'<stop offset="1" stop-color="{shape.color}" stop-opacity="0"/></radialGradient>'
                f'<circle cx="{x * unit:.1f}" cy="{y * unit:.1f}" r="{shape.radius * unit:.1f}" '
                f'fill="url(#g{number})"/>'
            )
        case Ellipse(center=(x, y), radii=(rx, ry)):
            return (
                f'<ellipse cx="{x * unit:.1f}" cy="{y * unit:.1f}" rx="{rx * unit:.1f}" '
                f'ry="{ry * unit:.1f}" fill="{shape.color}" opacity="{shape.alpha}"/>'
            )
        case Polygon():
            points = _points(shape.points, unit)
            return f'<polygon points="{points}" fill="{shape.color}" opacity="{shape.alpha}"/>'
        case Line():
            return (
                f'<polyline points="{_points(shape.points, unit)}" fill="none" '
                f'stroke="{shape.color}" stroke-width="{shape.width * unit:.1f}" '
                f'stroke-linecap="round" opacity="{shape.alpha}"/>'
            )


def _caption(size: tuple[int, int], lines: list[str], label: str) -> list[str]:
    width, height = size
    step = text_size(size)
    top = height - step * (1.4 * len(lines) + 2)
    parts = [f'<rect y="{top}" width="{width}" height="{height - top}" fill="#0f121c" opacity="0.7"/>']
    for i, line in enumerate([*lines, label]):
        y = top + step * 1.4 * (i + 1)
        last = i == len(lines)
        parts.append(
            f'<text x="{step}" y="{y:.0f}" font-family="sans-serif" '
            f'font-size="{step * 0.8 if last else step:.0f}" '
            f'fill="{"#ffd98a" if last else "#ffffff"}">{escape(line)}</text>'
        )
    return parts


def _points(points: tuple[Point, ...], unit: int) -> str:
    return " ".join(f"{x * unit:.1f},{y * unit:.1f}" for x, y in points)


def _data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
