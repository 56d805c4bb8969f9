"""No number of callers at once passes a budget; counted at the provider."""

import pytest

from core.ledger.dollars import usd
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import crowd, wire

# Each caller takes a process of its own here; tests/campaigns asks with fifty, twenty times, also by two keys.
CALLERS = 16
EXACTLY_SEVEN = {(202, None): 7, (402, "budget_exceeded"): CALLERS - 7}


@pytest.fixture(scope="module", autouse=True)
def _warm(stack: Stack) -> None:
    crowd.warm_up(stack, CALLERS)


def test_callers_at_once_on_one_key_buy_exactly_what_its_budget_allows(
    stack: Stack, key: Key, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    seven = 7 * crowd.upper_bound(stack, key)
    limited = make_key("--budget-day", usd(seven).removeprefix("$"))
    asked = crowd.ask_at_once(stack, [limited], CALLERS)
    assert asked.outcomes == EXACTLY_SEVEN
    assert {job["status"] for job in asked.jobs} == {"succeeded"}
    assert asked.bought(simulator) == 7
    report = wire.get(f"{stack.api_url}/usage", headers=limited.headers).json()
    assert report["spent_micro_usd"] == sum(job["easel"]["cost"]["actual_micro_usd"] for job in asked.jobs)


def test_the_books_are_right_after_all_that(stack: Stack) -> None:
    assert "Every balance is the sum of its entries" in stack.easel("ledger", "check")
