"""What axe says about pages: https://github.com/dequelabs/axe-core."""

import json
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page


def assert_accessible(page: "Page") -> None:
    """No finding of axe that is serious or critical."""
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not serious, json.dumps(
        [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious], indent=1
    )
