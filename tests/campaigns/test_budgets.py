"""Fifty callers at once, twenty times on one key and twenty times on two: no budget is passed and none is wasted."""

import pytest

from core.ledger.dollars import usd
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import crowd, wire

ROUNDS = 20
CALLERS = 50
EXACTLY_SEVEN = {(202, None): 7, (402, "budget_exceeded"): 43}


def left_of_deployment(stack: Stack, key: Key) -> int:
    budgets = wire.get(f"{stack.api_url}/usage", headers=key.headers).json()["budgets"]
    (budget,) = [each for each in budgets if (each["scope"], each["period"]) == ("deployment", "day")]
    return int(budget["left_micro_usd"])


@pytest.mark.parametrize("scope", ["key", "deployment"])
def test_twenty_rounds_of_fifty_callers_buy_exactly_seven_each(
    stack: Stack, key: Key, make_key: MakeKey, simulator: SimulatorControl, scope: str
) -> None:
    crowd.warm_up(stack, CALLERS)
    seven, plenty = 7 * crowd.upper_bound(stack, key), 10**9
    for number in range(ROUNDS):
        if scope == "key":
            keys = [make_key("--budget-total", usd(seven).removeprefix("$"))]
        else:
            keys = [make_key(), make_key()]
            stack.easel("budget", "set", "--day", usd(plenty).removeprefix("$"))
            committed = plenty - left_of_deployment(stack, key)
            stack.easel("budget", "set", "--day", usd(committed + seven).removeprefix("$"))
        try:
            asked = crowd.ask_at_once(stack, keys, CALLERS)
        finally:
            stack.easel("budget", "reset")
        assert asked.outcomes == EXACTLY_SEVEN, number
        assert asked.bought(simulator) == 7, number
    assert "Every balance is the sum of its entries" in stack.easel("ledger", "check")
