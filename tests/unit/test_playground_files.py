"""What the playground consists of: small, and nothing that its policy forbids or that somebody else serves."""

import gzip
import re

from local.processes import ROOT

FILES = sorted((ROOT / "web/playground").iterdir())
MAX_COMPRESSED_BYTES = 150_000


def test_the_playground_is_small() -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in [ROOT / "web/easel.js", *FILES]) < MAX_COMPRESSED_BYTES


def test_the_playground_loads_nothing_from_elsewhere_and_has_no_inline_code_or_style() -> None:
    for path in FILES:
        text = path.read_text()
        links = re.findall(r"""(?:src|href|url|from|import)\s*[=(]?\s*["'(]((?:https?:)?//[^"')]*)""", text)
        assert not links, (path.name, links)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path.name
        if path.suffix == ".html":
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), path.name
