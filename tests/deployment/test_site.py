"""The documentation as a site: it has every page, every link leads somewhere, and nobody else is asked for anything."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import site

LOADED = re.compile(r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"' >]+)""")
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)""")


@pytest.fixture(scope="module")
def built() -> Path:
    assert site.main() == 0
    return site.SITE


@pytest.fixture
def one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only page of a documentation of its own."""
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(site.DOCS / "zensical.toml", docs)
    for name, path in {"DOCS": docs, "WORK": tmp_path / "work", "SITE": tmp_path / "site"}.items():
        monkeypatch.setattr(site, name, path)
    return docs / "index.md"


def named(navigation: Any) -> Iterator[str]:
    """The pages of a navigation, whatever sections they are in."""
    if isinstance(navigation, str):
        yield navigation
    for each in navigation.values() if isinstance(navigation, dict) else navigation:
        if not isinstance(navigation, str):
            yield from named(each)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [str(path.relative_to(site.DOCS)) for path in site.DOCS.rglob("*.md")]
    listed = [*named(tomllib.loads((site.DOCS / "zensical.toml").read_text())["project"]["nav"])]
    decisions = [page for page in pages if page.startswith("adr/0")]
    assert sorted(listed) == sorted({*pages, *site.OF_THE_PROJECT} - {*decisions})


def test_every_decision_is_in_their_list() -> None:
    listed = re.findall(r"^\* \[(\d+)\. .+\]\((.+)\)$", (site.DOCS / "adr/README.md").read_text(), re.MULTILINE)
    assert [file for _, file in listed] == sorted(path.name for path in (site.DOCS / "adr").glob("0*.md"))
    assert all(int(file[:4]) == int(number) for number, file in listed)


def test_the_site_asks_nobody_else_for_anything(built: Path) -> None:
    pages = [*built.rglob("*.html")]
    assert len(pages) > 20
    asked = {(page.name, url) for page in pages for url in LOADED.findall(page.read_text())}
    asked |= {(style.name, url) for style in built.rglob("*.css") for url in IN_STYLES.findall(style.read_text())}
    assert {(name, url) for name, url in asked if "zensical.org" not in url} == set()
    # The theme fetches what draws these from a third party, once a page has one.
    assert [page.name for page in pages if re.search(r'class="(mermaid|arithmatex|glightbox)', page.read_text())] == []


def test_a_link_to_a_source_is_its_name(built: Path) -> None:
    assert "(<code>src/core/jobs/worker.py</code>)" in (built / "architecture.html").read_text()


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](index.md#nowhere)", "[x](#nowhere)"])
def test_a_link_that_leads_nowhere_stops_the_build(
    one_page: Path, capsys: pytest.CaptureFixture[str], link: str
) -> None:
    one_page.write_text(f"# Page\n\n{link}\n")
    assert site.main() == 1
    assert "does not exist" in capsys.readouterr().err
