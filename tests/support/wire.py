"""HTTP as a patient client speaks it: a laptop cloud on a busy machine may take longer than httpx's five seconds."""

from typing import Any

import httpx

PATIENCE_SECONDS = 60


def get(url: str, **options: Any) -> httpx.Response:
    """GET."""
    return httpx.get(url, **{"timeout": PATIENCE_SECONDS, **options})


def post(url: str, **options: Any) -> httpx.Response:
    """POST."""
    return httpx.post(url, **{"timeout": PATIENCE_SECONDS, **options})


def put(url: str, **options: Any) -> httpx.Response:
    """PUT."""
    return httpx.put(url, **{"timeout": PATIENCE_SECONDS, **options})


def delete(url: str, **options: Any) -> httpx.Response:
    """DELETE."""
    return httpx.delete(url, **{"timeout": PATIENCE_SECONDS, **options})


def head(url: str, **options: Any) -> httpx.Response:
    """HEAD."""
    return httpx.head(url, **{"timeout": PATIENCE_SECONDS, **options})
