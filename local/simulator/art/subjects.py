"""Things to draw in front: each takes a spot and a size and returns its shapes, back to front."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from local.simulator.art.shapes import Ellipse, Line, Point, Polygon, Shape, box

Subject = Callable[[Point, float, Random], list[Shape]]

_INK = "#2b2326"
_BRIGHTS = ("#e4572e", "#f3a712", "#29b6a6", "#5b8def", "#b5179e", "#ef476f")


@dataclass(frozen=True)
class _Animal:
    fur: str
    face: str
    ears: str


def _animal(animal: _Animal, spot: Point, size: float, _rng: Random) -> list[Shape]:
    x, y = spot
    s = size
    shapes: list[Shape] = [
        Ellipse((x, y + 0.42 * s), (0.40 * s, 0.46 * s), animal.fur),
        Ellipse((x, y + 0.48 * s), (0.24 * s, 0.34 * s), animal.face),
    ]
    for side in (-1, 1):
        shapes += _ear(animal, (x + side * 0.26 * s, y - 0.42 * s), s, side)
    shapes += [
        Ellipse((x, y - 0.16 * s), (0.38 * s, 0.34 * s), animal.fur),
        Ellipse((x, y - 0.05 * s), (0.25 * s, 0.19 * s), animal.face),
    ]
    for side in (-1, 1):
        shapes += [
            Ellipse((x + side * 0.15 * s, y - 0.23 * s), (0.050 * s, 0.060 * s), _INK),
            Ellipse((x + side * 0.135 * s, y - 0.25 * s), (0.017 * s, 0.017 * s), "#ffffff"),
            Ellipse((x + side * 0.24 * s, y - 0.08 * s), (0.06 * s, 0.035 * s), "#f29b9b", 0.5),
            Ellipse((x + side * 0.20 * s, y + 0.36 * s), (0.11 * s, 0.09 * s), animal.fur),
        ]
        for tilt in (-0.03, 0.02, 0.07):
            start = (x + side * 0.12 * s, y - 0.02 * s)
            end = (x + side * 0.42 * s, y - 0.04 * s + tilt * 1.6 * s)
            shapes.append(Line((start, end), 0.008 * s, _INK, 0.55))
    shapes += [
        Ellipse((x, y - 0.11 * s), (0.065 * s, 0.045 * s), _INK),
        Line((_at(x, y, s, 0, -0.07), _at(x, y, s, 0, -0.01)), 0.012 * s, _INK),
        Line(_smile(x, y - 0.02 * s, 0.09 * s), 0.012 * s, _INK),
    ]
    return shapes


def _ear(animal: _Animal, at: Point, s: float, side: int) -> list[Shape]:
    x, y = at
    if animal.ears == "pointed":
        outer = ((x - 0.12 * s, y + 0.16 * s), (x + side * 0.08 * s, y - 0.16 * s))
        inner = ((x - 0.06 * s, y + 0.12 * s), (x + side * 0.06 * s, y - 0.07 * s))
        return [
            Polygon((*outer, (x + 0.12 * s, y + 0.16 * s)), animal.fur),
            Polygon((*inner, (x + 0.07 * s, y + 0.12 * s)), animal.face),
        ]
    if animal.ears == "long":
        return [
            Ellipse((x - side * 0.08 * s, y - 0.16 * s), (0.09 * s, 0.30 * s), animal.fur),
            Ellipse((x - side * 0.08 * s, y - 0.16 * s), (0.045 * s, 0.22 * s), animal.face),
        ]
    return [
        Ellipse((x, y + 0.06 * s), (0.11 * s, 0.10 * s), animal.fur),
        Ellipse((x, y + 0.07 * s), (0.06 * s, 0.055 * s), animal.face),
    ]


def _smile(x: float, y: float, width: float) -> tuple[Point, ...]:
    return tuple(
        (x + width * t, y + 0.55 * width * abs(math.sin(math.pi * t))) for t in (i / 10 for i in range(-10, 11))
    )


def beret(spot: Point, size: float) -> list[Shape]:
    """A beret for an animal of that size at that spot."""
    x, y, s = *spot, size
    return [
        Ellipse((x + 0.03 * s, y - 0.47 * s), (0.33 * s, 0.13 * s), "#b3263a"),
        Ellipse((x - 0.05 * s, y - 0.50 * s), (0.22 * s, 0.06 * s), "#cf4457", 0.7),
        Line((_at(x, y, s, 0.03, -0.58), _at(x, y, s, 0.07, -0.66)), 0.03 * s, "#8a1a2a"),
    ]


def _boat(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    sail = rng.choice(_BRIGHTS)
    hull = [_at(x, y, s, dx, dy) for dx, dy in ((-0.5, 0.2), (0.5, 0.2), (0.34, 0.42), (-0.36, 0.42))]
    main = [_at(x, y, s, dx, dy) for dx, dy in ((0.02, -0.62), (0.02, 0.12), (0.44, 0.12))]
    jib = [_at(x, y, s, dx, dy) for dx, dy in ((-0.04, -0.5), (-0.04, 0.12), (-0.36, 0.12))]
    return [
        box(x - 0.02 * s, y - 0.66 * s, x + 0.01 * s, y + 0.2 * s, "#5b4636"),
        Polygon(tuple(main), "#fbf3e4"),
        Polygon(tuple(jib), sail),
        Polygon(tuple(hull), "#7a3b2e"),
        box(x - 0.5 * s, y + 0.18 * s, x + 0.5 * s, y + 0.23 * s, "#f0e2c8"),
    ]


def _balloon(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    first, second = rng.sample(_BRIGHTS, 2)
    return [
        Line((_at(x, y, s, -0.22, 0.12), _at(x, y, s, -0.08, 0.46)), 0.012 * s, _INK),
        Line((_at(x, y, s, 0.22, 0.12), _at(x, y, s, 0.08, 0.46)), 0.012 * s, _INK),
        Ellipse((x, y - 0.16 * s), (0.40 * s, 0.44 * s), first),
        Ellipse((x, y - 0.16 * s), (0.25 * s, 0.44 * s), second),
        Ellipse((x, y - 0.16 * s), (0.09 * s, 0.44 * s), first),
        Ellipse((x - 0.16 * s, y - 0.34 * s), (0.06 * s, 0.10 * s), "#ffffff", 0.35),
        box(x - 0.1 * s, y + 0.44 * s, x + 0.1 * s, y + 0.58 * s, "#8a5a34"),
        box(x - 0.11 * s, y + 0.43 * s, x + 0.11 * s, y + 0.47 * s, "#5f3c20"),
    ]


def _house(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    roof = [_at(x, y, s, dx, dy) for dx, dy in ((-0.52, -0.04), (0.0, -0.46), (0.52, -0.04))]
    shapes: list[Shape] = [
        box(x + 0.2 * s, y - 0.44 * s, x + 0.3 * s, y - 0.1 * s, "#6d4c41"),
        box(x - 0.42 * s, y - 0.06 * s, x + 0.42 * s, y + 0.48 * s, "#f3e5d0"),
        Polygon(tuple(roof), rng.choice(("#b23a48", "#3d5a80", "#7a4e2d"))),
        box(x - 0.08 * s, y + 0.16 * s, x + 0.08 * s, y + 0.48 * s, "#6d4c41"),
        Ellipse((x + 0.05 * s, y + 0.33 * s), (0.012 * s, 0.012 * s), "#f3a712"),
    ]
    for dx in (-0.26, 0.26):
        left, top = x + (dx - 0.1) * s, y + 0.08 * s
        shapes += [
            box(left, top, left + 0.2 * s, top + 0.18 * s, "#ffd98a"),
            box(left + 0.09 * s, top, left + 0.11 * s, top + 0.18 * s, "#6d4c41"),
            box(left, top + 0.08 * s, left + 0.2 * s, top + 0.1 * s, "#6d4c41"),
        ]
    return shapes


def _lighthouse(spot: Point, size: float, rng: Random) -> list[Shape]:
    """A striped tower on a rock; its beams go through the air on both sides."""
    x, y, s = *spot, size
    stripe = rng.choice(("#c8313d", "#2f5d8a", "#2b2326"))

    def tower(top: float, bottom: float, color: str) -> Polygon:
        left, right = (0.13 + 0.07 * (dy + 0.34) / 0.8 for dy in (top, bottom))
        corners = ((-left, top), (left, top), (right, bottom), (-right, bottom))
        return Polygon(tuple(_at(x, y, s, dx, dy) for dx, dy in corners), color)

    shapes: list[Shape] = []
    for side in (-1, 1):
        beam = ((0.0, -0.5), (1.5, -0.72), (1.5, -0.34))
        shapes.append(Polygon(tuple(_at(x, y, s, side * dx, dy) for dx, dy in beam), "#fff3c4", 0.35))
    shapes += [
        Ellipse((x, y + 0.52 * s), (0.56 * s, 0.12 * s), "#4b4a52"),
        Ellipse((x - 0.2 * s, y + 0.47 * s), (0.24 * s, 0.1 * s), "#5f5e68"),
        tower(-0.34, 0.46, "#fbf6ea"),
        tower(-0.2, -0.02, stripe),
        tower(0.14, 0.3, stripe),
        box(x - 0.045 * s, y + 0.32 * s, x + 0.045 * s, y + 0.46 * s, "#5b4636"),
        box(x - 0.03 * s, y + 0.02 * s, x + 0.03 * s, y + 0.09 * s, "#3d5a80"),
        box(x - 0.2 * s, y - 0.38 * s, x + 0.2 * s, y - 0.34 * s, _INK),
        box(x - 0.1 * s, y - 0.6 * s, x + 0.1 * s, y - 0.38 * s, "#ffe08a"),
        Polygon(tuple(_at(x, y, s, dx, dy) for dx, dy in ((-0.15, -0.6), (0.15, -0.6), (0.0, -0.8))), stripe),
        Ellipse((x, y - 0.81 * s), (0.02 * s, 0.02 * s), _INK),
    ]
    shapes += [box(x + dx * s, y - 0.6 * s, x + (dx + 0.012) * s, y - 0.38 * s, _INK) for dx in (-0.1, -0.006, 0.088)]
    return shapes


def _kite(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    first, second, third = rng.sample(_BRIGHTS, 3)
    top, right, bottom, left, middle = ((0.06, -0.5), (0.4, -0.1), (-0.06, 0.5), (-0.34, -0.16), (0.03, -0.13))
    halves = ((top, right, middle), (right, bottom, middle), (bottom, left, middle), (left, top, middle))
    tail = [_at(x, y, s, -0.06 - 0.12 * i + 0.05 * math.sin(2.2 * i), 0.5 + 0.1 * i) for i in range(8)]
    shapes: list[Shape] = [
        Line((_at(x, y, s, *middle), _at(x, y, s, 0.55, 1.4)), 0.008 * s, _INK, 0.6),
        Line(tuple(tail), 0.014 * s, _INK),
    ]
    for bow, color in ((2, first), (4, third), (6, second)):
        at = tail[bow]
        for side in (-1, 1):
            wing = ((0.0, 0.0), (side * 0.09, -0.05), (side * 0.09, 0.05))
            shapes.append(Polygon(tuple(_at(*at, s, dx, dy) for dx, dy in wing), color))
    for points, color in zip(halves, (first, second, first, third), strict=True):
        shapes.append(Polygon(tuple(_at(x, y, s, dx, dy) for dx, dy in points), color))
    return [
        *shapes,
        Line((_at(x, y, s, *top), _at(x, y, s, *bottom)), 0.014 * s, "#5b4636"),
        Line((_at(x, y, s, *left), _at(x, y, s, *right)), 0.014 * s, "#5b4636"),
    ]


def _cup(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    glaze = rng.choice(_BRIGHTS)
    body = ((-0.36, -0.1), (0.36, -0.1), (0.27, 0.38), (-0.27, 0.38))
    shapes: list[Shape] = [
        Ellipse((x, y + 0.42 * s), (0.56 * s, 0.11 * s), "#e9dfd0"),
        Ellipse((x, y + 0.4 * s), (0.4 * s, 0.07 * s), "#cfc2ae"),
        Ellipse((x + 0.38 * s, y + 0.09 * s), (0.18 * s, 0.17 * s), glaze),
        Ellipse((x + 0.38 * s, y + 0.09 * s), (0.1 * s, 0.1 * s), "#e9dfd0"),
        Polygon(tuple(_at(x, y, s, dx, dy) for dx, dy in body), glaze),
        Ellipse((x, y + 0.38 * s), (0.27 * s, 0.05 * s), glaze),
        Ellipse((x, y - 0.1 * s), (0.36 * s, 0.085 * s), "#fbf3e4"),
        Ellipse((x, y - 0.09 * s), (0.31 * s, 0.065 * s), "#5a3420"),
    ]
    for dx in (-0.14, 0.0, 0.14):
        steam = [_at(x, y, s, dx + 0.035 * math.sin(1.3 * i), -0.18 - 0.06 * i) for i in range(8)]
        shapes.append(Line(tuple(steam), 0.022 * s, "#ffffff", 0.6))
    return shapes


def _rocket(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    color = rng.choice(_BRIGHTS)
    shapes: list[Shape] = [
        Ellipse((x, y + 0.50 * s), (0.10 * s, 0.22 * s), "#f3a712"),
        Ellipse((x, y + 0.46 * s), (0.05 * s, 0.13 * s), "#fff1b8"),
    ]
    for side in (-1, 1):
        fin = ((0.14, 0.12), (0.36, 0.46), (0.14, 0.38))
        shapes.append(Polygon(tuple(_at(x, y, s, side * dx, dy) for dx, dy in fin), color))
    return [
        *shapes,
        Ellipse((x, y - 0.06 * s), (0.2 * s, 0.5 * s), "#f4f4f8"),
        Ellipse((x, y - 0.44 * s), (0.09 * s, 0.12 * s), color),
        Ellipse((x, y - 0.14 * s), (0.1 * s, 0.1 * s), "#3d5a80"),
        Ellipse((x, y - 0.14 * s), (0.07 * s, 0.07 * s), "#9fd3f0"),
    ]


def _robot(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    glow = rng.choice(("#5df2d6", "#ffd166", "#ff7b9c"))
    shapes: list[Shape] = [
        Line((_at(x, y, s, 0, -0.45), _at(x, y, s, 0, -0.62)), 0.025 * s, "#6b7a8f"),
        Ellipse((x, y - 0.64 * s), (0.045 * s, 0.045 * s), glow),
        box(x - 0.3 * s, y - 0.46 * s, x + 0.3 * s, y - 0.04 * s, "#a9b8c9"),
        box(x - 0.23 * s, y - 0.38 * s, x + 0.23 * s, y - 0.12 * s, "#28323f"),
        box(x - 0.36 * s, y + 0.0 * s, x + 0.36 * s, y + 0.46 * s, "#8b9bb0"),
        box(x - 0.14 * s, y + 0.1 * s, x + 0.14 * s, y + 0.28 * s, "#dfe7ef"),
        Ellipse((x, y + 0.19 * s), (0.05 * s, 0.05 * s), glow),
    ]
    for side in (-1, 1):
        shapes += [
            Ellipse((x + side * 0.11 * s, y - 0.25 * s), (0.055 * s, 0.065 * s), glow),
            Line(
                (_at(x, y, s, side * 0.36, 0.06), _at(x, y, s, side * 0.5, 0.3)),
                0.07 * s,
                "#6b7a8f",
            ),
            Ellipse((x + side * 0.5 * s, y + 0.33 * s), (0.065 * s, 0.065 * s), "#a9b8c9"),
        ]
    return shapes


def _flowers(spot: Point, size: float, rng: Random) -> list[Shape]:
    shapes: list[Shape] = []
    for dx, height in ((-0.34, 0.55), (0.36, 0.62), (0.0, 0.9)):
        x, foot = spot[0] + dx * size, spot[1] + 0.5 * size
        top, petal = foot - height * size, 0.13 * size
        shapes.append(Line(((x, foot), (x, top)), 0.03 * size, "#3f7d3a"))
        shapes.append(Ellipse((x + 0.08 * size, foot - 0.2 * size), (0.1 * size, 0.035 * size), "#4f9a48"))
        color = rng.choice(_BRIGHTS)
        for i in range(8):
            angle = i * math.pi / 4
            center = (x + petal * math.cos(angle), top + petal * math.sin(angle))
            shapes.append(Ellipse(center, (0.085 * size, 0.085 * size), color))
        shapes.append(Ellipse((x, top), (0.09 * size, 0.09 * size), "#ffd45e"))
    return shapes


def _tree(spot: Point, size: float, rng: Random) -> list[Shape]:
    x, y, s = *spot, size
    greens = rng.choice((("#2f6b3c", "#3f8a4c"), ("#a4472c", "#d4783a"), ("#c76b98", "#efa6c4")))
    trunk = ((-0.06, 0.5), (-0.03, -0.1), (0.03, -0.1), (0.06, 0.5))
    shapes: list[Shape] = [Polygon(tuple(_at(x, y, s, dx, dy) for dx, dy in trunk), "#5b4030")]
    for dx, dy, r in (
        (-0.24, -0.06, 0.22),
        (0.24, -0.04, 0.22),
        (0, -0.24, 0.3),
        (-0.1, 0.02, 0.2),
    ):
        shapes.append(Ellipse((x + dx * s, y + dy * s), (r * s, r * s * 0.9), greens[0]))
    for dx, dy, r in ((-0.18, -0.14, 0.13), (0.16, -0.14, 0.14), (-0.04, -0.34, 0.16)):
        shapes.append(Ellipse((x + dx * s, y + dy * s), (r * s, r * s * 0.8), greens[1], 0.8))
    return shapes


_FLAP = tuple(i / 8 * 0.8 for i in range(-8, 9))


def _birds(spot: Point, size: float, rng: Random) -> list[Shape]:
    shapes: list[Shape] = []
    for _ in range(7):
        x = spot[0] + rng.uniform(-0.7, 0.7) * size
        y = spot[1] + rng.uniform(-0.35, 0.35) * size
        span = rng.uniform(0.07, 0.16) * size
        wings = [(t, -0.45 * abs(math.sin(math.pi * t)) ** 0.7) for t in _FLAP]
        points = tuple((x + dx * span, y + dy * span) for dx, dy in wings)
        shapes.append(Line(points, 0.12 * span, _INK))
    return shapes


def _at(x: float, y: float, size: float, dx: float, dy: float) -> Point:
    return x + dx * size, y + dy * size


def _animal_subject(fur: str, face: str, ears: str) -> Subject:
    return partial(_animal, _Animal(fur, face, ears))


# Prompt word -> what to draw, and where: "ground" stands below, "sky" floats above.
SUBJECTS: dict[str, tuple[Subject, str]] = {
    "otter": (_animal_subject("#7a5640", "#d9bf9f", "round"), "ground"),
    "cat": (_animal_subject("#e0954a", "#fbe3c2", "pointed"), "ground"),
    "kitten": (_animal_subject("#8d8f98", "#e8e8ee", "pointed"), "ground"),
    "fox": (_animal_subject("#d9622b", "#fff0df", "pointed"), "ground"),
    "dog": (_animal_subject("#a9744f", "#f0dcc2", "round"), "ground"),
    "bear": (_animal_subject("#6b4a35", "#c9a583", "round"), "ground"),
    "panda": (_animal_subject("#3a3a40", "#f5f5f5", "round"), "ground"),
    "rabbit": (_animal_subject("#cfc4ba", "#fbeeee", "long"), "ground"),
    "boat": (_boat, "ground"),
    "ship": (_boat, "ground"),
    "lighthouse": (_lighthouse, "ground"),
    "balloon": (_balloon, "sky"),
    "kite": (_kite, "sky"),
    "cup": (_cup, "ground"),
    "mug": (_cup, "ground"),
    "coffee": (_cup, "ground"),
    "tea": (_cup, "ground"),
    "house": (_house, "ground"),
    "cottage": (_house, "ground"),
    "rocket": (_rocket, "sky"),
    "robot": (_robot, "ground"),
    "flower": (_flowers, "ground"),
    "rose": (_flowers, "ground"),
    "tree": (_tree, "ground"),
    "bird": (_birds, "sky"),
}
