"""Composes a scene for a prompt: its words choose a theme and a subject, a seed the details."""

import math
import re
from dataclasses import dataclass, replace
from random import Random

from local.simulator.art.shapes import (
    Ellipse,
    Glow,
    Gradient,
    Line,
    Point,
    Polygon,
    Scene,
    Shape,
    box,
)
from local.simulator.art.subjects import SUBJECTS, beret

# Left, top, right and bottom of an area.
Frame = tuple[float, float, float, float]

_WORDS = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class _Theme:
    words: frozenset[str]
    sky: tuple[str, ...]
    layers: tuple[str, ...]
    light: str
    moon: bool = False
    stars: bool = False
    cloud: str = ""
    ground: str = "hills"
    subject: str = "bird"
    mood: bool = False  # a mood, which can be combined with any place
    studio: bool = False  # nothing but the sky, as a plain backdrop


@dataclass(frozen=True)
class _Stage:
    theme: _Theme
    aspect: float
    horizon: float
    rng: Random
    phase: float
    sun: Point


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_THEMES = (
    _Theme(
        _words("night moon midnight star stars dark dream"),
        ("#070b24", "#1b2458", "#4a4a8c", "#8a6fae"),
        ("#3a3f78", "#2a2f60", "#1c2048", "#101430"),
        "#f6f1d5",
        moon=True,
        stars=True,
        subject="house",
        mood=True,
    ),
    _Theme(
        _words("space planet galaxy rocket alien cosmos astronaut"),
        ("#05030f", "#1a0f3c", "#3c1a5c", "#7b2d6b"),
        ("#4a2560", "#331a48", "#1e1030"),
        "#ffcf8a",
        moon=True,
        stars=True,
        ground="peaks",
        subject="rocket",
    ),
    _Theme(
        _words("ocean sea beach wave waves island coast lake water otter boat ship whale fish lighthouse"),
        ("#2d8fd0", "#6fc1e8", "#bfe6f2", "#fdf0cf"),
        ("#2f95b4", "#237f9f", "#1a688a", "#125072", "#0c3c5a"),
        "#fff3c4",
        cloud="#f4fafd",
        ground="water",
        subject="boat",
    ),
    _Theme(
        _words("forest tree trees wood woods jungle bear fox deer green"),
        ("#8fc9c0", "#b9dfc8", "#e3f0cf", "#f7f4d8"),
        ("#86b39a", "#5c9378", "#3c7458", "#24543d", "#123528"),
        "#fff7cf",
        ground="pines",
        subject="fox",
    ),
    _Theme(
        _words("desert sand dune dunes camel cactus egypt mars"),
        ("#4fa3c7", "#9fd0d6", "#f5dfae", "#f7b267"),
        ("#e9a35c", "#d98841", "#bf6c30", "#974d22"),
        "#fff2c2",
        ground="dunes",
        subject="balloon",
    ),
    _Theme(
        _words("snow winter ice mountain mountains alps snowy cold christmas"),
        ("#5b8fc4", "#9cc3e6", "#d6e7f5", "#fbf3ee"),
        ("#a9c1dc", "#7f9dc2", "#5f7fa8", "#eef4fa"),
        "#fffbe8",
        cloud="#f3f7fb",
        ground="peaks",
        subject="house",
    ),
    _Theme(
        _words("city skyline street town building buildings tokyo london cyberpunk neon robot"),
        ("#1b1440", "#5a2a7a", "#c2497f", "#ffb27a"),
        ("#6b3a7c", "#472a68", "#2a1c4e", "#170f33"),
        "#ffe0a3",
        stars=True,
        ground="city",
        subject="bird",
    ),
    _Theme(
        _words("sunset sunrise dusk dawn evening golden autumn"),
        ("#2b2a66", "#8b3f7c", "#f0695a", "#ffc857"),
        ("#a8476a", "#7a3560", "#4f2650", "#2c183a"),
        "#fff0b8",
        cloud="#f79d84",
        subject="bird",
        mood=True,
    ),
    _Theme(
        _words("meadow spring flower flowers garden field farm day sunny rabbit dog hill hills kite"),
        ("#4aa7e0", "#8fd0ee", "#cfeef2", "#fff6d6"),
        ("#9fcf86", "#78b862", "#579c48", "#3b7a36"),
        "#fff6c2",
        cloud="#f7fcfc",
        subject="flower",
    ),
    _Theme(
        _words("studio product photo icon logo sticker"),
        ("#f3ede2", "#efe8da"),
        ("#cfc4b0", "#a89b84"),
        "#fffaf0",
        subject="rose",
        studio=True,
    ),
)


def compose(prompt: str, aspect: float, seed: str, phase: float = 0.0, frame: Frame | None = None) -> Scene:
    """A scene for a prompt.

    `phase` 0..1 is the moment of an animation that loops; `frame` is where the subject has to fit.
    """
    rng = Random(seed)
    words: list[str] = _WORDS.findall(prompt.lower()[:2000])
    theme = _theme_for(words, rng)
    horizon = rng.uniform(0.52, 0.62)
    sun = (aspect * rng.uniform(0.18, 0.82), horizon * rng.uniform(0.35, 0.8))
    backdrop: list[Shape] = [Gradient(_stops(theme.sky, horizon))]
    if not theme.studio:
        backdrop += _outdoors(_Stage(theme, aspect, horizon, rng, phase, sun))
    named = _named(words)
    subject = _subject(named or theme.subject, words, rng, phase, frame or (0.0, 0.0, aspect, 1.0))
    return Scene(aspect, tuple(backdrop), tuple(subject), bool(named), theme.layers[-1], theme.light)


def _outdoors(stage: _Stage) -> list[Shape]:
    theme, rng, phase = stage.theme, stage.rng, stage.phase
    shapes: list[Shape] = []
    if theme.stars:
        shapes += _stars(stage.aspect, stage.horizon, rng, phase)
    shapes += _light(theme, stage.sun, rng)
    if theme.cloud:
        shapes += _clouds(theme.cloud, stage.aspect, stage.horizon, rng, phase)
    return [*shapes, *_GROUNDS[theme.ground](stage)]


def _theme_for(words: list[str], rng: Random) -> _Theme:
    moods = [theme for theme in _THEMES if theme.mood]
    places = [theme for theme in _THEMES if not theme.mood]
    mood, place = _best(moods, words), _best(places, words)
    if mood is None or place is None:
        return mood or place or rng.choice(_THEMES)
    return replace(place, sky=mood.sky, light=mood.light, moon=mood.moon, stars=mood.stars, cloud=mood.cloud)


def _best(themes: list[_Theme], words: list[str]) -> _Theme | None:
    scores = [sum(word in theme.words for word in words) for theme in themes]
    return themes[scores.index(max(scores))] if any(scores) else None


def _named(words: list[str]) -> str:
    """The first of the words that can be drawn; empty if none can."""
    return next((word for word in (each.removesuffix("s") for each in words) if word in SUBJECTS), "")


def _subject(name: str, words: list[str], rng: Random, phase: float, frame: Frame) -> list[Shape]:
    make, place = SUBJECTS[name]
    left, top, right, bottom = frame
    width, height = right - left, bottom - top
    size = 0.36 * min(width, height)
    x = left + width * rng.uniform(0.38, 0.62)
    y = top + height * (0.60 if place == "ground" else 0.34)
    spot = (x, y + 0.012 * math.sin(2 * math.pi * phase))
    shapes = make(spot, size, rng)
    return shapes + beret(spot, size) if "beret" in words else shapes


def _stops(colors: tuple[str, ...], until: float) -> tuple[tuple[float, str], ...]:
    return tuple((until * i / (len(colors) - 1), color) for i, color in enumerate(colors))


def _stars(aspect: float, horizon: float, rng: Random, phase: float) -> list[Shape]:
    stars: list[Shape] = []
    for _ in range(int(110 * max(1.0, aspect))):
        at = (rng.uniform(0, aspect), rng.uniform(0, horizon))
        twinkle = 0.75 + 0.25 * math.sin(2 * math.pi * (phase + rng.random()))
        radius = rng.choice((0.0012, 0.0016, 0.0022, 0.0034)) * twinkle
        stars.append(Ellipse(at, (radius, radius), rng.choice(("#ffffff", "#ffe9c7", "#cfe0ff"))))
    return stars


def _light(theme: _Theme, at: Point, rng: Random) -> list[Shape]:
    radius = rng.uniform(0.055, 0.09)
    shapes: list[Shape] = [
        Glow(at, radius * 5.5, theme.light, 0.55),
        Glow(at, radius * 2.2, theme.light, 0.8),
        Ellipse(at, (radius, radius), theme.light),
    ]
    if theme.moon:
        for dx, dy, r in ((-0.3, -0.2, 0.2), (0.25, 0.3, 0.15), (0.3, -0.35, 0.1)):
            crater = (at[0] + dx * radius, at[1] + dy * radius)
            shapes.append(Ellipse(crater, (r * radius, r * radius), theme.layers[0], 0.25))
    return shapes


def _clouds(color: str, aspect: float, horizon: float, rng: Random, phase: float) -> list[Shape]:
    shapes: list[Shape] = []
    for _ in range(rng.randint(3, 5)):
        x, y = rng.uniform(0, aspect), rng.uniform(0.06, horizon * 0.75)
        x += 0.03 * math.sin(2 * math.pi * phase)
        size = rng.uniform(0.05, 0.11)
        for i in range(5):
            puff = size * rng.uniform(0.5, 0.9) * (1 - abs(i - 2) * 0.18)
            center = (x + (i - 2) * size * 0.62, y - puff * 0.35)
            shapes.append(Ellipse(center, (puff, puff * 0.62), color))
        shapes.append(Ellipse((x, y + size * 0.05), (size * 1.9, size * 0.26), color))
    return shapes


def _ridge(aspect: float, base: float, height: float, rng: Random, *, jagged: bool = False) -> list[Point]:
    count = int(64 * max(1.0, aspect))
    waves = [
        (rng.uniform(0.7, 1.6) * 2**k, rng.uniform(0, 2 * math.pi), height / 1.9**k) for k in range(5 if jagged else 3)
    ]
    points = []
    for i in range(count + 1):
        x = aspect * i / count
        y = sum(size * _wave(pace * x * 4 + shift, jagged) for pace, shift, size in waves)
        points.append((x, base - y))
    return points


def _wave(angle: float, jagged: bool) -> float:
    if not jagged:
        return math.sin(angle)
    return 1 - 2 * abs((angle / math.pi) % 2 - 1)


def _filled(ridge: list[Point], aspect: float, color: str, alpha: float = 1.0) -> Polygon:
    return Polygon((*ridge, (aspect, 1.0), (0.0, 1.0)), color, alpha)


def _bases(theme: _Theme, horizon: float) -> list[tuple[float, str]]:
    depth = 1.0 - horizon
    count = len(theme.layers)
    return [(horizon + depth * 0.8 * i / count, color) for i, color in enumerate(theme.layers)]


def _hills(stage: _Stage) -> list[Shape]:
    theme, aspect, horizon, rng = stage.theme, stage.aspect, stage.horizon, stage.rng
    shapes: list[Shape] = []
    for base, color in _bases(theme, horizon):
        shapes.append(_filled(_ridge(aspect, base, 0.035, rng), aspect, color))
    return shapes


def _dunes(stage: _Stage) -> list[Shape]:
    theme, aspect, horizon, rng = stage.theme, stage.aspect, stage.horizon, stage.rng
    shapes: list[Shape] = []
    for base, color in _bases(theme, horizon):
        ridge = _ridge(aspect, base, 0.05, rng)
        shapes.append(_filled(ridge, aspect, color))
        shade = [(x + 0.04 * aspect, y + 0.05 + 0.02 * math.sin(9 * x)) for x, y in ridge]
        shapes.append(_filled(shade, aspect, theme.layers[-1], 0.12))
    return shapes


def _peaks(stage: _Stage) -> list[Shape]:
    theme, aspect, horizon, rng = stage.theme, stage.aspect, stage.horizon, stage.rng
    shapes: list[Shape] = []
    for i, (base, color) in enumerate(_bases(theme, horizon)):
        last = i == len(theme.layers) - 1
        height = 0.03 if last else 0.085 - 0.012 * i
        shapes.append(_filled(_ridge(aspect, base, height, rng, jagged=not last), aspect, color))
    return shapes


def _pines(stage: _Stage) -> list[Shape]:
    theme, aspect, horizon, rng = stage.theme, stage.aspect, stage.horizon, stage.rng
    shapes: list[Shape] = []
    for i, (base, color) in enumerate(_bases(theme, horizon)):
        ridge = _ridge(aspect, base, 0.03, rng)
        shapes.append(_filled(ridge, aspect, color))
        for _ in range(int((26 - 4 * i) * max(1.0, aspect))):
            x, foot = rng.choice(ridge)
            shapes.append(_pine(x, foot + 0.01, (0.06 + 0.03 * i) * rng.uniform(0.7, 1.3), color))
    return shapes


def _pine(x: float, foot: float, height: float, color: str) -> Polygon:
    right = []
    for tier in range(4):
        top = foot - height * (1 - tier * 0.25)
        right += [
            (x + height * 0.04 * (tier + 0.5), top),
            (x + height * 0.075 * (tier + 1.3), top + height * 0.27),
        ]
    left = [(2 * x - px, py) for px, py in reversed(right)]
    return Polygon((*right, *left), color)


def _water(stage: _Stage) -> list[Shape]:
    theme, aspect, horizon, rng = stage.theme, stage.aspect, stage.horizon, stage.rng
    shapes: list[Shape] = []
    if rng.random() < 0.6:
        island = _ridge(aspect, horizon - 0.005, 0.035, rng, jagged=True)
        shapes.append(_filled(island, aspect, theme.layers[-1], 0.45))
    for i, (base, color) in enumerate(_bases(theme, horizon)):
        count = int(72 * max(1.0, aspect))
        pace, size = 34 - 5 * i, 0.002 + 0.0035 * i
        shift = rng.uniform(0, 6) + 2 * math.pi * stage.phase
        swell = [
            (x, base + size * math.sin(pace * x + shift) + size * 0.6 * math.sin(pace * 0.43 * x))
            for x in (aspect * k / count for k in range(count + 1))
        ]
        shapes.append(_filled(swell, aspect, color))
        shapes.append(Line(tuple(swell), 0.0025 + 0.0012 * i, "#ffffff", 0.25))
    for _ in range(34):
        depth = rng.random() ** 1.6
        y = horizon + 0.012 + (1 - horizon) * 0.85 * depth
        x = stage.sun[0] + rng.gauss(0, 0.03 + 0.09 * depth) + 0.01 * math.sin(2 * math.pi * stage.phase)
        shapes.append(Ellipse((x, y), (0.012 + 0.03 * depth, 0.0018 + 0.002 * depth), theme.light, 0.6))
    return shapes


def _city(stage: _Stage) -> list[Shape]:
    theme, aspect, horizon, rng = stage.theme, stage.aspect, stage.horizon, stage.rng
    shapes: list[Shape] = []
    for i, (base, color) in enumerate(_bases(theme, horizon)):
        x = -0.02
        while x < aspect:
            width = rng.uniform(0.045, 0.10)
            top = base - rng.uniform(0.04, 0.26 - 0.03 * i)
            shapes.append(box(x, top, x + width, 1.0, color))
            if i >= len(theme.layers) - 2:
                shapes += _windows(x, top, width, theme.light, rng)
            x += width * rng.uniform(0.9, 1.15)
    return shapes


def _windows(x: float, top: float, width: float, color: str, rng: Random) -> list[Shape]:
    pitch = 0.018
    return [
        box(left, y, left + 0.007, y + 0.009, color)
        for column in range(int(width / pitch) - 1)
        for row in range(12)
        if rng.random() < 0.4
        for left, y in [(x + 0.012 + column * pitch, top + 0.014 + row * 0.022)]
    ]


_GROUNDS = {
    "hills": _hills,
    "dunes": _dunes,
    "peaks": _peaks,
    "pines": _pines,
    "water": _water,
    "city": _city,
}
