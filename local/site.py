"""`make docs`: builds the documentation into out/site, and fails on a link or an anchor that leads nowhere.

The pages are written for the repository, where their links also lead to sources and tests. They are copied with links
that lead from page to page; a link to any other file becomes the name of that file.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.processes import ROOT, clean_environment

DOCS = ROOT / "docs"
OF_THE_PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
WORK = ROOT / "out/docs"
SITE = ROOT / "out/site"

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")


def main() -> int:
    """Copy the pages and build them; returns the exit code."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(DOCS, WORK / "pages")
    shutil.move(WORK / "pages/zensical.toml", WORK / "zensical.toml")
    for page in [*DOCS.rglob("*.md"), *(ROOT / name for name in OF_THE_PROJECT)]:
        (WORK / "pages" / place(page)).write_text(with_links_of_the_site(page))
    built = subprocess.run(
        [ROOT / ".venv-docs/bin/zensical", "build", "--strict"],
        cwd=WORK,
        env=clean_environment(NO_COLOR="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        print((built.stdout + built.stderr).partition("Traceback")[0], file=sys.stderr)
        return 1
    shutil.move(WORK / "site", SITE)
    print(f"{SITE.relative_to(ROOT)}/index.html")
    return 0


def place(page: Path) -> Path:
    """Where a page is in the site, from its root."""
    return page.relative_to(DOCS) if page.is_relative_to(DOCS) else page.relative_to(ROOT)


def with_links_of_the_site(page: Path) -> str:
    """The text of a page, with links that work in the site."""

    def link(found: re.Match[str]) -> str:
        target = (page.parent / found["path"]).resolve()
        if target.is_relative_to(DOCS) or target.name in OF_THE_PROJECT:
            path = os.path.relpath(place(target), place(page).parent)
            return f"[{found['text']}]({path}{found['anchor'] or ''})"
        return f"{found['text']} (`{target.relative_to(ROOT)}`)"

    return _LINK.sub(link, page.read_text())


if __name__ == "__main__":
    sys.exit(main())
