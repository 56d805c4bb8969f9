"""An account in parts is what one item is: no limit is passed, nothing is refused for which there is room."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cli import keys
from cli.audit import audit
from core.budgets import Budgets
from core.callers.model import Caller
from core.dynamodb import from_item
from core.jobs.model import Job
from core.ledger.model import DEPLOYMENT, Account, Budget, account_of
from core.ledger.parts import LimitReached, key_of, total_of
from core.ledger.transactions import StoreBusy
from tests.support.bookings import Buyer
from tests.support.contention import contended
from tests.support.virtual_time import VirtualTime
from tests.support.world import World, aws
from tests.support.world.mcp_server import McpDoor

CALLER = Caller("key_1", "shop", 0)


def insisting[Done](write: Callable[[], Done]) -> Done:
    """Write, however busy the store is: callers are asked to send again, and workers repeat it by themselves."""
    while True:
        try:
            return write()
        except StoreBusy:
            continue


TOTAL = Account(CALLER.id, "total")


LIMITS = st.sampled_from([None, 30, 60, 90, 120, 200])


@dataclass
class Held:
    """A job that still holds its reservation."""

    job: Job
    amount: int


class AnAccountInParts(RuleBasedStateMachine):
    """The deployment, whose monthly budget changes, and functions that know of its parts or do not yet."""

    def __init__(self) -> None:
        super().__init__()
        self.context = ExitStack()
        self.virtual, self.dynamodb = self.context.enter_context(contended())
        self.account = account_of(DEPLOYMENT, "month", time.time())
        self.limit: int | None = None
        self.committed = 0
        self.over_reserve = 0
        self.held: list[Held] = []
        self.buyers = [Buyer(self.dynamodb, Budget()) for _ in range(3)]

    def teardown(self) -> None:
        """Give the clock back."""
        self.context.close()

    def doing[Result](self, what: Callable[[], Result]) -> Result:
        """What something that takes time returns."""
        results: list[Result] = []
        self.virtual.start(lambda: results.append(what()))
        self.virtual.run(lambda: bool(results), 60)
        return results[0]

    @initialize(parts=st.integers(1, 4), limit=LIMITS)
    def split(self, parts: int, limit: int | None) -> None:
        """Give it few parts, so that they run dry."""
        self.limit = limit
        item = key_of(self.account) | {"parts": {"N": str(parts)}, "committed": {"N": "0"}}
        self.dynamodb.put_item(TableName="ledger", Item=item)
        for buyer in self.buyers[:2]:
            self.doing(partial(buyer.ledger.balances, [self.account]))

    @rule(buyer=st.integers(0, 2), amounts=st.lists(st.integers(0, 30), min_size=1, max_size=6))
    def reserve_here_and_there(self, buyer: int, amounts: list[int]) -> None:
        """A function moves to other parts each time."""
        for amount in amounts:
            self.doing(lambda: self.buyers[buyer].ledger.evade([]))
            self.reserve(buyer, amount)

    def reserve(self, buyer: int, amount: int) -> None:
        """Whoever reserves is accepted exactly if there is room."""
        asked = self.buyers[buyer]
        asked.budgets = Budgets(asked.ledger, Budget(month=self.limit))
        has_room = self.limit is None or self.committed + amount <= self.limit

        def accept() -> Job | None:
            try:
                return asked.accept(CALLER, amount)
            except LimitReached as reached:
                assert reached.balance.committed == self.committed
                return None

        job = self.doing(accept)
        if self.over_reserve and job and not has_room:
            # What a purchase cost beyond its reservation may have been used by another part already.
            assert self.limit is not None
            assert self.committed + amount <= self.limit + self.over_reserve
        else:
            assert (job is not None) is has_room
        if job:
            self.committed += amount
            self.held.append(Held(job, amount))

    @rule(buyer=st.integers(0, 2))
    def look(self, buyer: int) -> None:
        """A function learns which accounts are in parts, as from any answer that says what is left."""
        balance = self.doing(lambda: self.buyers[buyer].ledger.balances([self.account]))[self.account]
        assert balance.committed == self.committed

    @rule(which=st.integers(0, 99), charge=st.integers(0, 30), beyond=st.integers(-40, 4))
    def settle(self, which: int, charge: int, beyond: int) -> None:
        """A purchase ends; now and then it has cost more than was reserved."""
        if self.held:
            held = self.held.pop(which % len(self.held))
            charge = min(charge, held.amount) + max(0, beyond)
            self.doing(lambda: self.buyers[0].settle(held.job, charge))
            self.committed += charge - held.amount
            self.over_reserve += max(0, charge - held.amount)

    @rule(limit=LIMITS)
    def change_the_limit(self, limit: int | None) -> None:
        """The operator lowers, raises or lifts it."""
        self.limit = limit

    @invariant()
    def books_are_right(self) -> None:
        """Every item is the sum of its entries, and nobody was lent what the account does not have."""
        if self.held or self.committed:
            buyer = self.buyers[0]
            assert self.doing(lambda: audit(buyer.ledger, buyer.jobs)).differences == frozenset()


AnAccountInParts.TestCase.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
TestAnAccountInParts = AnAccountInParts.TestCase


def test_what_was_lent_under_a_limit_is_worth_nothing_once_others_booked_under_another(
    model: tuple[VirtualTime, Any],
) -> None:
    virtual, dynamodb = model
    account = account_of(DEPLOYMENT, "month", time.time())
    dynamodb.put_item(TableName="ledger", Item=key_of(account) | {"parts": {"N": "1"}, "committed": {"N": "0"}})
    done = list[str]()

    def work() -> None:
        knows = Buyer(dynamodb, Budget(month=100))
        knows.ledger.balances([account])
        knows.release(knows.accept(CALLER, 10))  # Of a part, in which there is room for it now.
        Buyer(dynamodb, Budget(month=200)).accept(CALLER, 190)
        with pytest.raises(LimitReached):
            knows.accept(CALLER, 10)
        knows.budgets = Budgets(knows.ledger, Budget(month=195))
        knows.release(knows.accept(CALLER, 5))
        knows.budgets = Budgets(knows.ledger, Budget(month=190))  # Lowered, while there is room in the part.
        with pytest.raises(LimitReached):
            knows.accept(CALLER, 5)
        done.append("done")

    virtual.start(work)
    virtual.run(lambda: bool(done), 60)


@pytest.fixture(name="model")
def _model() -> Iterator[tuple[VirtualTime, Any]]:
    with contended() as model:
        yield model


@pytest.mark.parametrize("scope", ["key", "deployment"])
@pytest.mark.parametrize("room", [7, 40, pytest.param(97, marks=pytest.mark.nightly)])
def test_callers_at_once_buy_exactly_what_the_budget_allows(
    model: tuple[VirtualTime, Any], scope: str, room: int
) -> None:
    virtual, dynamodb = model
    chance, answers = random.Random(room), list[str]()
    limit, callers = Budget(day=room * 10), 100
    own, deployed = (limit, Budget()) if scope == "key" else (Budget(), limit)

    def ask(number: int) -> Callable[[], None]:
        def work() -> None:
            time.sleep(chance.uniform(0, 0.1))
            buyer = Buyer(dynamodb, deployed)
            try:
                caller = Caller(f"key_{number % 2 if scope == 'deployment' else 0}", "shop", 0, budget=own)
                insisting(lambda: buyer.accept(caller, 10))
                answers.append("accepted")
            except LimitReached:
                answers.append("refused")

        return work

    for number in range(callers):
        virtual.start(ask(number))
    virtual.run(lambda: len(answers) == callers, 120)
    assert answers.count("accepted") == room
    assert answers.count("refused") == callers - room


def test_whatever_becomes_of_purchases_at_once_no_budget_is_passed_or_wasted(model: tuple[VirtualTime, Any]) -> None:
    virtual, dynamodb = model
    chance, limit, done = random.Random(16), 200, list[int]()
    caller = Caller(CALLER.id, "shop", 0, budget=Budget(total=limit))
    others = Budget(day=limit, month=10 * limit)
    highest = 0

    def buy(number: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal highest
            buyer = Buyer(dynamodb, others)
            for _ in range(3):
                time.sleep(chance.uniform(0, 0.3))
                try:
                    job = insisting(lambda: buyer.accept(caller, 10))
                except LimitReached:
                    continue
                highest = max(highest, total_of(_items_of(dynamodb, TOTAL)).committed)
                time.sleep(chance.uniform(0, 0.3))
                end = partial(buyer.settle, job, 3) if chance.random() < 0.5 else partial(buyer.release, job)
                insisting(end)
            done.append(number)

        return work

    for number in range(30):
        virtual.start(buy(number))
    virtual.run(lambda: len(done) == 30, 300)
    anyone = Buyer(dynamodb, others)

    def use_up() -> None:
        left = limit - anyone.ledger.balances([TOTAL])[TOTAL].committed
        with pytest.raises(LimitReached):
            anyone.accept(caller, left + 1)
        anyone.accept(caller, left)
        done.append(30)

    virtual.start(use_up)
    virtual.run(lambda: len(done) == 31, 60)
    assert 0 < highest <= limit
    assert "parts" in _items_of(dynamodb, TOTAL)[0]
    assert audit(anyone.ledger, anyone.jobs).differences == frozenset()


def test_every_function_works_with_accounts_in_parts_as_far_as_its_role_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "5")
    world.restart()
    key, _ = keys.create(world.stack, "shop", None, [], [], Budget(day=3_000_000))
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low", "size": "1024x1024"}

    def buy() -> None:
        headers = {"prefer": "respond-async"}
        answer = world.api.call("POST", "/images/generations", body, key=key, headers=headers)
        assert answer.status == 202, answer.text
        world.jobs.deliver(answer.json()["id"])

    buy()
    for account in world.stack.ledger().everything()[1]:
        write: Any = {"TableName": "ledger", "Key": key_of(account), "UpdateExpression": "SET parts = :parts"}
        aws.dynamodb().update_item(**write, ExpressionAttributeValues={":parts": {"N": "16"}})
    world.api.call("GET", "/usage", key=key)  # From which the function learns of the parts.
    for _ in range(3):
        buy()
    charged = sum(call["charged_micro_usd"] for call in world.simulator.calls())
    report = world.api.call("GET", "/usage", key=key).json()
    assert (report["spent_micro_usd"], report["reserved_micro_usd"], report["images"]) == (charged, 0, 4)
    assert {row["spent_micro_usd"] for row in report["budgets"] if row["scope"] == "key"} == {charged}
    (of_the_day,) = [row for row in report["budgets"] if (row["scope"], row["period"]) == ("deployment", "day")]
    assert of_the_day["left_micro_usd"] == 5_000_000 - charged
    with world.jobs.working():
        assert "img_" in McpDoor(key).call("generate_image", **body).text
    assert any(account != account.whole for account in world.stack.ledger().everything()[1])
    assert audit(world.stack.ledger(), world.stack.jobs()).differences == frozenset()


def _items_of(dynamodb: Any, account: Account) -> list[dict[str, Any]]:
    """An account's item and those of its parts, at one moment."""
    pages = dynamodb.get_paginator("scan").paginate(TableName="ledger")
    items = [from_item(item) for page in pages for item in page["Items"]]
    found = {Account(item["owner"], item["name"]): item for item in items}
    return [found[account], *(item for each, item in found.items() if each.whole == account != each)]
