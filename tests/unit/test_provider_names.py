"""Only a provider's own module and data name it or its models, so that one is added, changed or removed in one place.

OpenAI is a special case: the wire format of its API is the contract between Easel and its callers, and is called by its
name. The provider's name, `openai`, and its models are looked for like all others.
"""

import re
from pathlib import Path

from core import catalog

SRC = Path(__file__).parents[2] / "src"
MODULES = [path for path in sorted(SRC.rglob("*.py")) if path.parent != SRC / "core" / "providers"]
SHARED_BY_ADAPTERS = [
    SRC / "core" / "providers" / f"{name}.py"
    for name in ("__init__", "api_key", "http", "image_stream", "outcomes", "retirements")
]

CATALOG = catalog.load()
# What the data does not say: who is behind the providers, other hosts of their models, and what models are called
# without their versions.
ALSO = (
    "azure",
    "google",
    "stability",
    "imagen",
    "banana",
    "dall-e",
    "gpt-image",
    "gpt-",
    "chatgpt",
    "gpt image",
    "sunburst",
)
NAMES = sorted(
    {
        *CATALOG.providers,
        *CATALOG.models,
        *CATALOG.families,
        *(model.sent_as for model in CATALOG.models.values()),
        *ALSO,
    },
    key=len,
    reverse=True,
)
A_NAME = re.compile("|".join(map(re.escape, NAMES)), re.IGNORECASE)
CONTRACT = re.compile(r"\bOpenAI(?![A-Za-z_])")

ALLOWED = {
    ("core/pricing.py", "openai"): "the address where the formula that fits a grid of patches was published",
    (
        "core/requests/rules.py",
        "gpt-",
    ): "the models that write an SVG are named in a parameter, whose rule has a version",
    ("interfaces/http_api/call.py", "azure"): "a query parameter that a kind of client sends, whatever the provider",
    ("interfaces/mcp_server/tool_schemas.py", "gemini"): "a vendor of assistants, which read the schemas of tools",
}


def named_in(path: Path) -> set[str]:
    return {found.lower() for found in A_NAME.findall(CONTRACT.sub("", path.read_text()))}


def test_nothing_else_names_a_provider_or_a_model() -> None:
    assert len(MODULES) > 100
    found = {(str(path.relative_to(SRC)), name) for path in [*MODULES, *SHARED_BY_ADAPTERS] for name in named_in(path)}
    assert found == set(ALLOWED)


def test_every_provider_has_data_and_an_adapter_of_its_own() -> None:
    assert {path.stem for path in catalog.DATA.glob("*.json")} == set(CATALOG.providers)
    for row in CATALOG.providers.values():
        assert (SRC / "core" / "providers" / f"{row.adapter}.py").exists()


def test_an_adapter_does_not_name_another_provider() -> None:
    for name in CATALOG.providers:
        others = {other for other in CATALOG.providers if other != name}
        assert named_in(SRC / "core" / "providers" / f"{name}.py") & others == set()
