"""Accounts in parts: how more is booked in an account than one item of DynamoDB can take.

An account is one item, which takes some 60 transactions a second, until writers keep meeting there. Then the next of
them that succeeds gives it the attribute `parts`, and from then on a reservation goes to a part, an item of its own. A
process chooses its part at random, and another one when it meets others there. What is reserved in a part is settled
there, since a reservation names its accounts.

A limit is kept without looking at all parts, because a part is lent what may be committed in it:

    account   `committed`    what is reserved and spent in this item, and all that its parts have been lent
    part      `room`         what it has been lent and has not committed
    both      `lent_under`   the limit that this holds for: a reservation under another one is refused by every item

So neither `committed` of the account nor what is committed in all of its items passes the limit. When a part has too
little room, the account lends it more; when the account has too little left, it takes back the room of parts, the
richest first; after a change of the limit, it first takes back everything. Each step of this changes two items. A
reservation is refused for good only if all items together have too little for it. It can still be made in the account
itself: who does not know yet that it is in parts is slower, not wrong. Without a limit, one that nobody reaches is lent
of. A settlement has no conditions: what it frees in a part is room there.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.ledger.model import Account, Balance, Limit, Movement
from core.ledger.transactions import Need, Step, StoreBusy, transact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTS = 16
# So small a share of what is left is lent at once that the parts together leave most of it to whoever needs more.
_SHARES = 4 * PARTS
_UNREACHED = 10**15  # micro-dollars

type Items = Mapping[Account, Mapping[str, Any]]


class LimitReached(Exception):
    """A reservation would pass a limit; nothing was written."""

    def __init__(self, limit: Limit, balance: Balance) -> None:
        super().__init__(limit.period)
        self.limit = limit
        self.balance = balance


class AccountsInParts:
    """Chooses parts, and lends them what may be committed.

    `read` returns the items of accounts, as they are now.
    """

    def __init__(self, client: "DynamoDBClient", table: str, read: Callable[[Iterable[Account]], Items]) -> None:
        self._client = client
        self._table = table
        self._read = read
        self._known: dict[Account, int] = {}
        self._chosen = random.random()

    def note(self, items: Items) -> None:
        """Remember which accounts are in parts."""
        self._known |= {account: item["parts"] for account, item in items.items() if "parts" in item}

    def choose_others(self) -> None:
        """Place further movements in other parts than before, chosen at random."""
        self._chosen = random.random()

    def place(self, movement: Movement) -> Movement:
        """The movement with a part in place of each account that is known to be in parts."""
        if movement.kind != "reserve":
            return movement
        accounts = tuple(
            account.part(int(self._chosen * self._known[account])) if account in self._known else account
            for account in movement.reservation.accounts
        )
        return replace(movement, reservation=replace(movement.reservation, accounts=accounts))

    def with_parts(self, items: Items) -> dict[Account, list[Mapping[str, Any]]]:
        """All items of each of these accounts."""
        parts = {
            account: [account.part(number) for number in range(item.get("parts", 0))] for account, item in items.items()
        }
        wanted = [part for each in parts.values() for part in each]
        found = self._read(wanted) if wanted else {}
        return {
            account: [item, *(found[part] for part in parts[account] if part in found)]
            for account, item in items.items()
        }

    def make_room(self, needs: Sequence[Need]) -> None:
        """Lend to the parts where reservations were refused, and take back from others what it needs for that.

        Raises:
            LimitReached: there is not enough in all items of an account together.
            StoreBusy: others change the accounts at the same time.
        """
        accounts = [need.limit.account for need in needs]
        while True:
            items = self._items_of(accounts)
            for need in needs:
                found = items[need.limit.account]
                if _room(found, need.limit) < need.amount:
                    if self._items_of(accounts) != items:  # They are read one by one, while others lend.
                        raise StoreBusy
                    raise LimitReached(need.limit, total_of(found.values()))
            steps = [step for need in needs for step in self._moves(need, items[need.limit.account])]
            if not steps:
                return
            transact(self._client, steps)

    def _items_of(self, accounts: Iterable[Account]) -> dict[Account, Items]:
        """All items of accounts. Theirs are read before those of their parts: the limit that they name holds there."""
        whole = self._read(accounts)
        parts = self._read(account.part(number) for account, item in whole.items() for number in range(item["parts"]))
        return {
            account: {account: item, **{part: parts[part] for part in parts if part.whole == account}}
            for account, item in whole.items()
        }

    def _moves(self, need: Need, items: Items) -> list[Step]:
        """The next writes towards room for a reservation; none if there is."""
        account, cap = need.limit.account, cap_of(need.limit)
        rooms = {part: item.get("room", 0) for part, item in items.items() if part != account}
        if items[account].get("lent_under") != cap:
            return [self._step(account, "SET lent_under = :cap", "", cap=cap)]
        for part, amount in rooms.items():
            if items[part].get("lent_under", cap) != cap:
                return self._end_loan(account, part, amount)
        left, missing = _left(items[account], cap), need.amount - rooms.get(need.item, 0)
        if left < missing:
            richest = max(rooms, key=lambda part: rooms[part])
            return self._take_back(account, richest, rooms[richest])
        if need.item == account or (missing <= 0 and items.get(need.item, {}).get("lent_under") == cap):
            return []
        return self._lend(account, need.item, max(missing, left // _SHARES), cap)

    def _lend(self, account: Account, part: Account, amount: int, cap: int) -> list[Step]:
        within = "lent_under = :cap AND committed <= :most"
        unlent = "attribute_not_exists(lent_under) OR lent_under = :cap"
        return [
            self._step(account, "ADD committed :amount", within, amount=amount, cap=cap, most=cap - amount),
            self._step(part, "ADD room :amount SET lent_under = :cap", unlent, amount=amount, cap=cap),
        ]

    def _take_back(self, account: Account, part: Account, amount: int) -> list[Step]:
        return [
            self._step(account, "ADD committed :amount", "", amount=-amount),
            self._step(part, "ADD room :amount", "room >= :taken", amount=-amount, taken=amount),
        ]

    def _end_loan(self, account: Account, part: Account, room: int) -> list[Step]:
        """Take back what was lent under another limit. What is freed there later waits for a new loan."""
        return [
            self._step(account, "ADD committed :amount", "", amount=-room),
            self._step(part, "ADD room :amount REMOVE lent_under", "room = :room", amount=-room, room=room),
        ]

    def _step(self, account: Account, update: str, condition: str, **values: int) -> Step:
        write: Any = {
            "TableName": self._table,
            "Key": key_of(account),
            "UpdateExpression": update,
            "ExpressionAttributeValues": {f":{name}": {"N": str(value)} for name, value in values.items()},
            **({"ConditionExpression": condition} if condition else {}),
        }
        return Step({"Update": write}, lambda _: StoreBusy(), account)


def _room(items: Items, limit: Limit) -> int:
    """What can be committed under a limit in all items of an account together."""
    lent_but_unused: int = sum(item.get("room", 0) for item in items.values())
    return _left(items[limit.account], cap_of(limit)) + lent_but_unused


def _left(item: Mapping[str, Any], cap: int) -> int:
    """What an account can still commit or lend."""
    return cap - int(item.get("committed", 0))


def cap_of(limit: Limit) -> int:
    """The most that may be committed, in micro-dollars, also where there is no limit."""
    return _UNREACHED if limit.micro_usd is None else limit.micro_usd


def total_of(items: Iterable[Mapping[str, Any]]) -> Balance:
    """The balance of an account from all of its items."""
    balance, attempts = Balance(), 0
    for item in items:
        balance = balance.plus(item.get("reserved", 0), item.get("spent", 0), item.get("images", 0))
        attempts += item.get("attempts", 0)
    return replace(balance, attempts=attempts)


def key_of(account: Account) -> dict[str, Any]:
    """The key of an account's item."""
    return {"owner": {"S": account.owner}, "name": {"S": account.name}}
