"""The shapes of a scene, in a space one unit high and `aspect` units wide; y points down."""

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Gradient:
    """The whole space, coloured from top to bottom; stops are (0..1, #rrggbb)."""

    stops: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Glow:
    """A soft light around a point."""

    center: Point
    radius: float
    color: str
    strength: float


@dataclass(frozen=True)
class Ellipse:
    """A filled ellipse."""

    center: Point
    radii: Point
    color: str
    alpha: float = 1.0


@dataclass(frozen=True)
class Polygon:
    """A filled polygon."""

    points: tuple[Point, ...]
    color: str
    alpha: float = 1.0


@dataclass(frozen=True)
class Line:
    """A polyline."""

    points: tuple[Point, ...]
    width: float
    color: str
    alpha: float = 1.0


Shape = Gradient | Glow | Ellipse | Polygon | Line


@dataclass(frozen=True)
class Scene:
    """A composed image: a subject in front of a backdrop.

    `named` says whether the prompt named the subject; if not, it is the usual one of such places.
    """

    aspect: float
    backdrop: tuple[Shape, ...]
    subject: tuple[Shape, ...]
    named: bool
    dark: str
    light: str


def box(left: float, top: float, right: float, bottom: float, color: str) -> Polygon:
    """An upright rectangle."""
    return Polygon(((left, top), (right, top), (right, bottom), (left, bottom)), color)
