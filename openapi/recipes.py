"""The JSON schema of recipes for the inbox: made from the code, for editors and pipelines."""

from typing import Any

from core.drops import recipes
from core.drops.recipes import Recipe
from core.requests import bodies
from core.requests.json_schema import untitled
from openapi.schemas import field_docstrings

Schema = dict[str, Any]


def recipe_schema() -> Schema:
    """The schema of a sidecar or a recipe.json."""
    schema: Schema = untitled(Recipe.model_json_schema())
    described = field_docstrings(bodies)
    described["Recipe"] = described["ImageSettings"] | field_docstrings(recipes)["Recipe"]
    for name, of in {"Recipe": schema, **schema["$defs"]}.items():
        for field, declared in of["properties"].items():
            if text := described[name].get(field):
                declared["description"] = text
    schema["properties"] |= {"$schema": {"type": "string", "description": "Where this schema is, for editors."}}
    schema["anyOf"] = [
        {"required": ["prompt"], "properties": {"prompt": {"type": "string", "minLength": 1}}},
        {"required": ["model"], "properties": {"model": {"type": "string", "minLength": 1}}},
        {"required": ["material"], "properties": {"material": {"const": True}}},
        {"required": ["model"], "properties": {"model": {"type": "string", "minLength": 1}}},
    ]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Recipe", **schema}
