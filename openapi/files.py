"""Which files there are, and how each is made."""

import json
from collections.abc import Callable
from pathlib import Path

from openapi.description import describe
from openapi.page import render
from openapi.recipes import recipe_schema

_SERVED = Path(__file__).parents[1] / "src/interfaces/http_api"
_DOCS = Path(__file__).parents[1] / "docs"


def _description() -> str:
    return json.dumps(describe(), indent=1, ensure_ascii=False) + "\n"


def _page() -> str:
    return render(describe())


def _recipe() -> str:
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


FILES: dict[Path, Callable[[], str]] = {
    _SERVED / "openapi.json": _description,
    _SERVED / "docs.html": _page,
    _DOCS / "recipe.schema.json": _recipe,
}
