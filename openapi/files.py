"""Which files there are, and how each is made."""

import json
from collections.abc import Callable
from pathlib import Path

from openapi.description import describe
from openapi.recipes import recipe_schema
from openapi.typescript import declarations

# What GET /openapi.json answers.
DESCRIPTION = Path(__file__).parents[1] / "src/interfaces/http_api/openapi.json"
_DOCS = Path(__file__).parents[1] / "docs"
_WEB = Path(__file__).parents[1] / "web"


def _description() -> str:
    return json.dumps(describe(), indent=1, ensure_ascii=False) + "\n"


def _types() -> str:
    return declarations(describe())


def _recipe() -> str:
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


FILES: dict[Path, Callable[[], str]] = {
    DESCRIPTION: _description,
    _WEB / "easel.d.ts": _types,
    _DOCS / "recipe.schema.json": _recipe,
}
