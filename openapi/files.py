"""Which files there are, and how each is made."""

import json
from collections.abc import Callable
from pathlib import Path

from openapi.description import describe
from openapi.page import render

_SERVED = Path(__file__).parents[1] / "src/handlers"


def _description() -> str:
    return json.dumps(describe(), indent=1, ensure_ascii=False) + "\n"


def _page() -> str:
    return render(describe())


FILES: dict[Path, Callable[[], str]] = {_SERVED / "openapi.json": _description, _SERVED / "docs.html": _page}
