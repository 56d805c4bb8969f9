"""No request of strangers answers 5xx or costs more than its bytes justify: the whole hostile set, measured.

Some 12,000 requests to the three entry points, of which the tests print the worst (`pytest -s`).
"""

import sys
from pathlib import Path

import pytest

from tests.support.hostile.report import attacked, worst

KINDS = [
    "lengths",
    "lists",
    "names",
    "depths",
    "digits",
    "unicode",
    "documents",
    "forms",
    "headers",
    "queries",
    "ids",
    "images",
    "metadata",
    "keys",
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_hostile_request_breaks_anything_or_costs_too_much(kind: str, tmp_path: Path) -> None:
    outcomes = attacked(tmp_path, kind)
    sys.stdout.write(f"\n{kind}: {worst(outcomes)}\n")
    failed = [outcome for outcome in outcomes if outcome.failed]
    assert outcomes
    assert not failed, "\n".join(map(str, failed[:40]))
