"""DynamoDB's transactions: all steps are written, or the first refusal says why none is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.dynamodb import from_item
from core.ledger.model import Account, Limit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_TRANSIENT = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}


class StoreBusy(Exception):
    """Too many concurrent writes, which met in `accounts`; nothing was written."""

    def __init__(self, accounts: Sequence[Account] = ()) -> None:
        super().__init__()
        self.accounts = accounts


@dataclass(frozen=True)
class Need:
    """A reservation of an amount, which found too little room in one item of an account that is in parts."""

    limit: Limit
    item: Account
    amount: int


class RoomNeeded(Exception):
    """Reservations found too little room where they were tried; nothing was written."""

    def __init__(self, *needs: Need) -> None:
        super().__init__()
        self.needs = needs


@dataclass(frozen=True)
class Step:
    """One write of a transaction, and the error for when its condition fails, made from the item found instead.

    `account` is the one that it changes, if any.
    """

    write: "TransactWriteItemTypeDef"
    refusal: Callable[[dict[str, Any]], Exception]
    account: Account | None = None


def transact(client: "DynamoDBClient", steps: Sequence[Step]) -> None:
    """Write all steps at once.

    Raises:
        StoreBusy: other writes met this one.
        RoomNeeded: what all steps need whose refusal this is, if the first one's is.
        Exception: the refusal of the first step whose condition failed.
    """
    try:
        client.transact_write_items(TransactItems=[step.write for step in steps])
    except client.exceptions.TransactionCanceledException as error:
        reasons: Any = error.response["CancellationReasons"]
        refusals = [
            step.refusal(from_item(reason.get("Item", {})))
            for step, reason in zip(steps, reasons, strict=True)
            if reason.get("Code") == "ConditionalCheckFailed"
        ]
        if refusals and isinstance(refusals[0], RoomNeeded):
            needs = [need for each in refusals if isinstance(each, RoomNeeded) for need in each.needs]
            raise RoomNeeded(*needs) from None
        if refusals:
            raise refusals[0] from None
        met = [step for step, reason in zip(steps, reasons, strict=True) if reason.get("Code") in _TRANSIENT]
        if met:
            raise StoreBusy([step.account for step in met if step.account]) from None
        raise
