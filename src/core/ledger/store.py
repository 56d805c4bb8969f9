"""The ledger table: balances of accounts, an entry for each movement, and the operator's settings.

    owner               name                       what
    key_…, deployment   day#…, month#…, total      a balance
    tok_…               total                      a balance
    key_…               minute#2026-11-22T12:00    a balance, for keys with a limit of images per minute
    usage#2026-11-22    key_…#MODEL                a balance, for reports
    entries#2026-11-22  key_…#job_…#ID#2#settle    an entry, never changed
    control             deployment                 see Control
    health              NAME of a provider         see Health
    OWNER/7             as the owner's             a part of a balance, see ledger.parts

The owner is the partition key, by which the functions' roles tell apart what they can write: balances and entries, but
never the operator's settings.

A movement is written in one transaction with its job (see jobs.store), so neither exists without the other. DynamoDB
cannot add in a condition, so `committed` is stored in addition to `reserved` and `spent`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.dynamodb import from_item, to_item
from core.ledger.model import DEPLOYMENT, Account, Balance, Budget, Entry, Limit, Movement, Period
from core.ledger.parts import PARTS, AccountsInParts, LimitReached, cap_of, key_of, total_of
from core.ledger.transactions import Need, RoomNeeded, Step

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONTROL = Account("control", DEPLOYMENT)
# Where the settings were before 0.1.0. What is there applies until the first change of any setting moves it.
_FORMER_CONTROL = Account(DEPLOYMENT, "control")
SETTINGS = (_CONTROL, _FORMER_CONTROL)
_HEALTH = "health"
_BATCH = 100  # keys of one BatchGetItem


@dataclass(frozen=True)
class Control:
    """What the operator has changed without deploying. Times are Unix seconds.

    `day_budget` and `month_budget` take precedence over the deployed settings if `sets_day` and `sets_month` are set.
    """

    stopped_at: int | None = None
    reason: str | None = None
    sets_day: bool = False
    day_budget: int | None = None
    sets_month: bool = False
    month_budget: int | None = None

    def budget(self, deployed: Budget) -> Budget:
        """The deployment's budget that applies now."""
        return Budget(
            day=self.day_budget if self.sets_day else deployed.day,
            month=self.month_budget if self.sets_month else deployed.month,
        )


@dataclass(frozen=True)
class Health:
    """What the workers know of a provider: its failures in a row, when the last one was, and until when it rests."""

    failures: int = 0
    failed_at: int = 0
    closed_until: int = 0


class LedgerStore:
    """Reads and writes the ledger."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._parts = AccountsInParts(client, table, self._read)

    def place(self, movement: Movement) -> Movement:
        """The movement with a part in place of each account that is known to be in parts (see ledger.parts)."""
        return self._parts.place(movement)

    def booking(
        self, movement: Movement, job_id: str, caller_id: str, model: str, crowded: Collection[Account] = ()
    ) -> list[Step]:
        """The writes that book a movement of a job, and give parts to accounts that are `crowded`.

        They fail with LimitReached, with RoomNeeded in an account that is in parts, or with LookupError if the movement
        was booked before, which a job's version rules out.
        """
        limits = {limit.account: limit for limit in movement.limits}
        changes = [
            self._change(account, movement, limits.get(account.whole), gives_parts=account in crowded)
            for account in movement.changed_accounts
        ]
        return [self._entry(movement, job_id, caller_id, model), *changes]

    def make_room(self, needs: Sequence[Need]) -> None:
        """Let reservations that found no room in one item of an account find it.

        Raises:
            LimitReached: a whole account has no room for one.
            StoreBusy: others change the accounts at the same time.
        """
        self._parts.make_room(needs)

    def evade(self, accounts: Iterable[Account]) -> None:
        """Place the next movements where fewer writers are than in these accounts, if they are in parts."""
        self._read(account for account in accounts if account.may_have_parts)
        self._parts.choose_others()

    def balances(self, accounts: Iterable[Account]) -> dict[Account, Balance]:
        """The current balances of accounts; those without movements are left out."""
        return self._totals(self._read(accounts))

    def control_and_balances(self, accounts: Iterable[Account]) -> tuple[Control, dict[Account, Balance]]:
        """The operator's settings and some balances, in one read."""
        found = self._read([*accounts, _CONTROL, _FORMER_CONTROL])
        control = _control(found.pop(_FORMER_CONTROL, {}) | found.pop(_CONTROL, {}))
        return control, self._totals(found)

    def control(self) -> Control:
        """The operator's current settings."""
        return self.control_and_balances([])[0]

    def control_and_health(self, provider: str) -> tuple[Control, Health]:
        """The operator's settings and the health of a provider, in one read."""
        place = Account(_HEALTH, provider)
        found = self._read([place, _CONTROL, _FORMER_CONTROL])
        health = found.get(place, {})
        control = _control(found.get(_FORMER_CONTROL, {}) | found.get(_CONTROL, {}))
        return control, Health(health.get("failures", 0), health.get("failed_at", 0), health.get("closed_until", 0))

    def note_failure(self, provider: str, now: int, *, anew: bool, closed_until: int) -> int:
        """Count a failure of a provider, `anew` from one; returns how many there are now."""
        failures = "SET failures = :one, " if anew else "ADD failures :one SET "
        answer = self._client.update_item(
            TableName=self._table,
            Key=key_of(Account(_HEALTH, provider)),
            UpdateExpression=f"{failures}failed_at = :now, closed_until = :until",
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":now": {"N": str(now)},
                ":until": {"N": str(closed_until)},
            },
            ReturnValues="UPDATED_NEW",
        )
        return int(from_item(answer["Attributes"])["failures"])

    def note_recovery(self, provider: str) -> None:
        """Forget the failures of a provider."""
        self._client.update_item(
            TableName=self._table,
            Key=key_of(Account(_HEALTH, provider)),
            UpdateExpression="REMOVE failures, closed_until",
        )

    def begin_trial(self, provider: str, health: Health, closed_until: int) -> bool:
        """Let others wait until then while the caller tries the provider; False if another was faster."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=key_of(Account(_HEALTH, provider)),
                UpdateExpression="SET closed_until = :until",
                ConditionExpression="closed_until = :read",
                ExpressionAttributeValues={
                    ":until": {"N": str(closed_until)},
                    ":read": {"N": str(health.closed_until)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def of_owner(self, owner: str, prefix: str = "") -> Iterator[tuple[Account, Balance]]:
        """All balances of an owner whose names have the prefix, sorted by name."""
        yield from self._totals({Account(owner, item["name"]): item for item in self._query(owner, prefix)}).items()

    def entries_of(self, day: str) -> Iterator[Entry]:
        """All entries that were booked on a UTC day, such as 2026-11-22."""
        return map(_entry, self._query(f"entries#{day}", ""))

    def everything(self) -> tuple[list[Entry], dict[Account, Balance]]:
        """All entries and all balances, those of parts by themselves. Scans the whole table.

        What an account has lent to its parts does not count as committed there.
        """
        entries: list[Entry] = []
        balances: dict[Account, Balance] = {}
        lent: defaultdict[Account, int] = defaultdict(int)
        for page in self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True):
            for item in map(from_item, page["Items"]):
                account = Account(item["owner"], item["name"])
                if "kind" in item:
                    entries.append(_entry(item))
                elif account not in SETTINGS and account.owner != _HEALTH:
                    balances[account] = _balance(item)
                    if account != account.whole:
                        lent[account.whole] += item.get("committed", 0) + item.get("room", 0)
        for account, amount in lent.items():
            balances[account] = replace(balances[account], committed=balances[account].committed - amount)
        return entries, balances

    def stop(self, reason: str | None, now: int) -> None:
        """Stop all buying at once."""
        update = "SET stopped_at = if_not_exists(stopped_at, :now)"
        values: dict[str, Any] = {":now": {"N": str(now)}}
        if reason:
            update += ", reason = :reason"
            values[":reason"] = {"S": reason}
        self._update_control(update, values)

    def resume(self) -> None:
        """Allow buying again."""
        self._update_control("REMOVE stopped_at, reason")

    def set_budget(self, period: Period, limit: int | None) -> None:
        """Override a deployed limit (micro-dollars, None for no limit)."""
        value: Any = {"NULL": True} if limit is None else {"N": str(limit)}
        self._update_control(f"SET {period}_budget = :limit", {":limit": value})

    def unset_budget(self, period: Period) -> None:
        """Restore the deployed limit."""
        self._update_control(f"REMOVE {period}_budget")

    def _update_control(self, update: str, values: dict[str, Any] | None = None) -> None:
        self._move_control()
        given: Any = {"ExpressionAttributeValues": values} if values else {}
        self._client.update_item(TableName=self._table, Key=key_of(_CONTROL), UpdateExpression=update, **given)

    def _move_control(self) -> None:
        """Move the settings from their former place, if there are any, so that a change applies to them."""
        former, current = (
            self._client.get_item(TableName=self._table, Key=key_of(place), ConsistentRead=True).get("Item", {})
            for place in (_FORMER_CONTROL, _CONTROL)
        )
        if former:
            moved: Any = {"TableName": self._table, "Item": {**former, **current, **key_of(_CONTROL)}}
            emptied: Any = {"TableName": self._table, "Key": key_of(_FORMER_CONTROL)}
            self._client.transact_write_items(TransactItems=[{"Put": moved}, {"Delete": emptied}])

    def _query(self, owner: str, prefix: str) -> Iterator[dict[str, Any]]:
        condition, values = "#owner = :owner", {":owner": {"S": owner}}
        names = {"#owner": "owner"}
        if prefix:
            condition += " AND begins_with(#name, :prefix)"
            names["#name"] = "name"
            values[":prefix"] = {"S": prefix}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        return (from_item(item) for page in pages for item in page["Items"])

    def _read(self, accounts: Iterable[Account]) -> dict[Account, dict[str, Any]]:
        keys = [key_of(account) for account in accounts]
        found: dict[Account, dict[str, Any]] = {}
        while keys:
            wanted: Any = {self._table: {"Keys": keys[:_BATCH], "ConsistentRead": True}}
            answer = self._client.batch_get_item(RequestItems=wanted)
            items = [from_item(item) for item in answer["Responses"].get(self._table, [])]
            found |= {Account(item["owner"], item["name"]): item for item in items}
            unprocessed: Any = answer.get("UnprocessedKeys", {}).get(self._table)
            keys = (unprocessed["Keys"] if unprocessed else []) + keys[_BATCH:]
        self._parts.note(found)
        return found

    def _totals(self, items: Mapping[Account, Mapping[str, Any]]) -> dict[Account, Balance]:
        return {account: total_of(found) for account, found in self._parts.with_parts(items).items()}

    def _entry(self, movement: Movement, job_id: str, caller_id: str, model: str) -> Step:
        held = movement.reservation
        document = {
            "owner": f"entries#{held.day}",
            "name": f"{caller_id}#{job_id}#{held.id}#{held.movements}#{movement.kind}",
            "kind": movement.kind,
            "job_id": job_id,
            "reservation_id": held.id,
            "caller_id": caller_id,
            "model": model,
            "reserved": movement.reserved,
            "spent": movement.spent,
            "images": movement.images,
            "booked_at": movement.at,
            "accounts": [[account.owner, account.name] for account in movement.changed_accounts],
        }
        put: Any = {"TableName": self._table, "Item": to_item(document)}
        put |= {"ConditionExpression": "attribute_not_exists(#owner)", "ExpressionAttributeNames": {"#owner": "owner"}}
        return Step({"Put": put}, lambda _: LookupError(f"{job_id}: a {movement.kind} was booked before"))

    def _change(self, account: Account, movement: Movement, limit: Limit | None, *, gives_parts: bool) -> Step:
        changes = {
            "committed": movement.reserved + movement.spent,
            "reserved": movement.reserved,
            "spent": movement.spent,
            "images": movement.images,
        }
        if account != account.whole:
            changes["room"] = -changes["committed"]
        names = {f"#{name}": name for name in changes}
        values = {f":{name}": {"N": str(change)} for name, change in changes.items()}
        update: Any = {
            "TableName": self._table,
            "Key": key_of(account),
            "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in changes),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        if limit is not None and limit.attempts is not None:
            update["UpdateExpression"] += ", attempts :one"
            values[":one"] = {"N": "1"}
        if gives_parts and account.may_have_parts:
            update["UpdateExpression"] += " SET parts = if_not_exists(parts, :parts)"
            values[":parts"] = {"N": str(PARTS)}
        if limit is None:
            return Step({"Update": update}, lambda _: LookupError(account.name), account)
        condition, bounds = _within(account, limit, movement)
        values |= {name: {"N": str(bound)} for name, bound in bounds.items()}
        update["ConditionExpression"] = condition
        update["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"

        def refusal(item: dict[str, Any]) -> Exception:
            if account != account.whole or "parts" in item:
                return RoomNeeded(Need(limit, account, movement.reserved))
            return LimitReached(limit, _balance(item))

        return Step({"Update": update}, refusal, account)


def _within(account: Account, limit: Limit, movement: Movement) -> tuple[str, dict[str, int]]:
    """The condition under which a reservation in an account, or in a part of it, keeps a limit, and its values."""
    bounds = {":cap": cap_of(limit)}
    if account != account.whole:
        return "room >= :amount AND lent_under = :cap", bounds | {":amount": movement.reserved}
    conditions, caps = ["(attribute_not_exists(lent_under) OR lent_under = :cap)"], {}
    if limit.micro_usd is not None:
        caps["committed"] = limit.micro_usd - movement.reserved
    if limit.images is not None:
        caps["images"] = limit.images - movement.images
    if caps:
        within = " AND ".join(f"#{name} <= :max_{name}" for name in caps)
        # An amount above the whole limit must also fail in an account that does not exist yet.
        conditions.append(f"({within} OR attribute_not_exists(#committed))" if min(caps.values()) >= 0 else within)
    bounds |= {f":max_{name}": cap for name, cap in caps.items()}
    if limit.attempts is not None:
        bounds[":max_attempts"] = limit.attempts
        conditions.append("(attribute_not_exists(attempts) OR attempts < :max_attempts)")
    return " AND ".join(conditions), bounds


def _balance(item: dict[str, Any]) -> Balance:
    return Balance(
        reserved=item.get("reserved", 0),
        spent=item.get("spent", 0),
        images=item.get("images", 0),
        committed=item.get("committed", 0),
        attempts=item.get("attempts", 0),
    )


def _entry(item: dict[str, Any]) -> Entry:
    return Entry(
        kind=item["kind"],
        job_id=item["job_id"],
        reservation_id=item["reservation_id"],
        caller_id=item["caller_id"],
        model=item["model"],
        reserved=item["reserved"],
        spent=item["spent"],
        images=item["images"],
        booked_at=item["booked_at"],
        accounts=tuple(Account(owner, name) for owner, name in item["accounts"]),
    )


def _control(item: dict[str, Any]) -> Control:
    return Control(
        stopped_at=item.get("stopped_at"),
        reason=item.get("reason"),
        sets_day="day_budget" in item,
        day_budget=item.get("day_budget"),
        sets_month="month_budget" in item,
        month_budget=item.get("month_budget"),
    )
