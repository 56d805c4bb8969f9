"""The budgets that README and the documents print cover the requests that they print beside them."""

import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from cli.keys import warnings_about
from cli.session import Session
from core import catalog
from core.callers.model import Caller
from core.ledger.model import PERIODS, Budget
from core.pricing import quote
from core.requests.bodies import ImageRequest
from core.requests.resolver import ModelPolicy, Resolver
from tests.support.command_line import loaded

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    line.partition("easel ")[2].partition("#")[0].strip()
    for page in PAGES
    for line in page.read_text().splitlines()
    if re.match(r" *easel .*keys create .*--budget-", line)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_key_as_documented_can_buy_a_picture(command: str) -> None:
    before, _, arguments = command.partition("keys create")
    given = loaded("keys", "create").make_context("create", shlex.split(f"{before} {arguments}"), obj=Session()).params
    budget = Budget(**{period: limit.value for period in PERIODS if (limit := given[f"budget_{period}"])})
    defaults = {name: choice.value for name in ("quality", "size") if (choice := given[name])}
    caller = Caller("key_1", given["name"], 0, models=tuple(given["model"] or ()), budget=budget, defaults=defaults)
    assert warnings_about(caller, {}, catalog.load()) == []


def test_there_are_such_commands() -> None:
    assert len(COMMANDS) >= 3


def test_the_token_as_documented_buys_all_its_pictures_at_once() -> None:
    page = (ROOT / "docs" / "web-front-ends.md").read_text()
    found = re.search(r'"images": (\d+),.*?"budget_micro_usd": ([\d_]+),', page, re.DOTALL)
    assert found
    images, budget = int(found[1]), int(found[2])
    requests = re.findall(r"\{([^{}]*prompt: [^{}]*size: [^{}]*)\}", page)
    assert len(requests) == 2
    resolver = Resolver(catalog.load(), ModelPolicy("gpt-image-2.6-flare", "translate"))
    for text in requests:
        named = dict(re.findall(r'(model|quality|size): "([^"]+)"', text))
        checked = resolver.check("generation", ImageRequest({"prompt": "x" * 300, **named}), date(2026, 11, 27))
        assert images * quote(checked.request, checked.model.rules, 0).upper_bound <= budget
