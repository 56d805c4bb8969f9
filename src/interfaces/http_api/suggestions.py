"""Which route a client may have meant whose path does not exist."""

import json
from functools import cache
from pathlib import Path

# How alike two paths must be, from 0 to 1. images/generate and generations are like images/generations, images/new is
# not.
_ALIKE = 0.75
# A path is compared with at most so much of it: the longest route has three segments, of short words.
_MAX_SEGMENTS = 6
_MAX_LENGTH = 200
_PARAMETER = "{}"


@cache
def _routes() -> dict[str, list[str]]:
    """The documented paths, such as /jobs/{job_id}, and the methods of each."""
    description = json.loads(Path(__file__).with_name("openapi.json").read_bytes())
    return {path: [method.upper() for method in methods] for path, methods in description["paths"].items()}


def nearest_route(method: str, path: str, *, other_methods: bool) -> str | None:
    """The documented route that is most like a path, as "POST /v1/images/generations".

    None if none is like it, or if the path itself is one, with other methods. What comes before a route, such as
    the /deployments/NAME of some hosts, is ignored.

    Args:
        method: the method of the request. Of two routes as much alike, the one that has it is meant.
        path: its path, without /v1.
        other_methods: whether a route that does not have it can be meant.
    """
    routes = _routes()
    if path in routes:
        return None
    segments = path[:_MAX_LENGTH].lower().strip("/").split("/")[-_MAX_SEGMENTS:]
    endings = [segments[start:] for start in range(len(segments))]
    candidates = [route for route, methods in routes.items() if other_methods or method in methods]
    for ending in endings:
        ranked = [
            (_likeness(ending, route.split("/")[1:]), method in routes[route], -route.count("{"), route)
            for route in candidates
        ]
        likeness, has_method, _, route = max(ranked, default=(0.0, False, 0, ""))
        if likeness >= _ALIKE:
            return f"{method if has_method else routes[route][0]} /v1{route}"
    return None


def _likeness(segments: list[str], route: list[str]) -> float:
    """From 0 to 1. What is in the place of a parameter is not compared."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only wrong paths need it

    known = [_PARAMETER if each.startswith("{") else each for each in route]
    if len(segments) == len(known):
        segments = [each if word != _PARAMETER else word for each, word in zip(segments, known, strict=True)]
    matcher = SequenceMatcher(None, "/".join(segments), "/".join(known), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _ALIKE else 0.0
