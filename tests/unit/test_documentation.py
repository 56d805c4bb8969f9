"""Links, paths and modules that documents, build files and comments name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CODE = ["src", "cli", "local", "openapi", "bench", "tests", ".github"]
FOLDERS = [*CODE, "docs", "events", "requirements", ".ci"]
FILES = [
    *PAGES,
    *(ROOT / name for name in ("Makefile", "pyproject.toml", "template.yaml", "samconfig.toml", ".ci/run")),
    *(path for folder in CODE for kind in ("*.py", "*.yml") for path in sorted((ROOT / folder).rglob(kind))),
]

# A path from the root, or from src/, and not a part of a longer path or URL.
A_PATH = re.compile(
    rf"(?<![\w/.$-])((?:{'|'.join(map(re.escape, FOLDERS))}|core|handlers|interfaces|composition)/[\w./-]*[\w/])"
)
A_MODULE = re.compile(r"(?<![\w/.@-])((?:core|handlers|interfaces|composition)(?:\.[a-z]\w*)+)\b")
A_PLACEHOLDER = re.compile(r"NAME|VERSION|node_modules|atelier")  # put in, installed, or made up


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings, outside its code blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_named_paths_exist() -> None:
    named = {
        (str(file.relative_to(ROOT)), path)
        for file in FILES
        if "node_modules" not in file.parts
        for path in A_PATH.findall(file.read_text())
        if not A_PLACEHOLDER.search(path)
    }
    assert len(named) > 100
    assert {
        (file, path) for file, path in named if not any((ROOT / base / path).exists() for base in (".", "src", "web"))
    } == set()


def test_named_modules_exist() -> None:
    named = {
        (str(file.relative_to(ROOT)), module)
        for file in FILES
        if "node_modules" not in file.parts
        for module in A_MODULE.findall(file.read_text())
    }
    assert len(named) > 100
    assert {(file, module) for file, module in named if not is_module_or_name(module)} == set()


def is_module_or_name(dotted: str) -> bool:
    """Whether it is a module or package in src/, or a name defined in one."""
    place = ROOT / "src"
    for name in dotted.split("."):
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module.exists() and re.search(rf"\b{name}\b", module.read_text()):
            return True
        place /= name
    return place.is_dir() or place.with_suffix(".py").exists()


def test_every_test_that_the_threats_name_exists() -> None:
    rows = [line for line in (ROOT / "docs" / "threats.md").read_text().splitlines() if line.startswith("| ")]
    threats = [row for row in rows if row.count(" | ") == 3 and not row.startswith("| threat ")]
    named = {row: re.findall(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)", row) for row in threats}
    assert len(threats) > 50
    assert [row for row, tests in named.items() if not tests] == []
    missing = {
        (words, path)
        for tests in named.values()
        for words, path in tests
        if f"def test_{words.replace(' ', '_')}(" not in (ROOT / path).read_text()
    }
    assert missing == set()
