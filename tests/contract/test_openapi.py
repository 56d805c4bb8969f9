"""The description of the API: made from the code, valid, complete."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from interfaces.http_api import app
from openapi.description import describe
from openapi.errors import error_codes
from openapi.files import FILES
from openapi.operations import OPERATIONS, UNDESCRIBED

ROOT = Path(__file__).parents[2]
DOCUMENT = describe()
# Every error of the first one's class has a code of its own, and only the MCP server asks its users.
NEVER_SENT = {"permission_denied", "purchase_declined"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_served_is_what_the_code_says(path: Path) -> None:
    assert path.read_text() == FILES[path](), "run `make openapi`"


def test_it_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_route_is_described_and_nothing_else() -> None:
    handlers = {route.func for route in (*app._rest._static_routes, *app._rest._dynamic_routes)}
    assert handlers ^ set(OPERATIONS) == UNDESCRIBED
    described = {operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()}
    assert {operation.id for operation in OPERATIONS.values()} <= described


def test_every_error_code_of_the_code_is_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r"""\bcode ?= ?"(\w+)\"""", sources))
    documented = {error.code for errors in error_codes().values() for error in errors}
    assert used - documented == NEVER_SENT


def _samples() -> list[Any]:
    found = []
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                if "example" in content:
                    found.append(
                        pytest.param(content["schema"], content["example"], id=f"{operation['operationId']} {kind}")
                    )
            for status, answer in operation["responses"].items():
                for content in answer.get("content", {}).values():
                    for sample in content.get("examples", {}).values():
                        value = DOCUMENT["components"]["examples"][sample["$ref"].rpartition("/")[2]]["value"]
                        found.append(pytest.param(content["schema"], value, id=f"{operation['operationId']} {status}"))
    return found


@pytest.mark.parametrize(("schema", "sample"), _samples())
def test_samples_fit_their_schemas(schema: dict[str, Any], sample: Any) -> None:
    whole = json.loads(json.dumps({**schema, "components": DOCUMENT["components"]}))
    Draft202012Validator(whole).validate(sample)
