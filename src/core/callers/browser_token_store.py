"""The records of browser tokens, in the jobs table with a TTL. A token without a record is invalid."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.callers.model import BrowserToken
from core.dynamodb import Selection, from_item, newest_of, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class TokenStore:
    """Reads and writes the records of browser tokens."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, token: BrowserToken) -> None:
        """Write a new token."""
        item = to_item({**asdict(token), "owner": _owner(token.caller_id), "created": _created(token)})
        self._client.put_item(TableName=self._table, Item=item)

    def get(self, token_id: str) -> BrowserToken | None:
        """The token with that id, read consistently."""
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": token_id}}, ConsistentRead=True)
        return _token(from_item(answer["Item"])) if "Item" in answer else None

    def delete(self, token_id: str) -> None:
        """Delete a token's record, which revokes the token."""
        self._client.delete_item(TableName=self._table, Key={"id": {"S": token_id}})

    def list_of(
        self, caller_id: str, limit: int, now: float, after: BrowserToken | None
    ) -> tuple[list[BrowserToken], str | None]:
        """A page of a caller's valid tokens, newest first, and after which id the next one begins (see newest_of).

        `after` is that token of the page before.
        """
        last = {"id": after.id, "created": _created(after)} if after else None
        items, more = newest_of(self._client, self._table, _owner(caller_id), limit, last, Selection(now))
        return [_token(item) for item in items], more


def _owner(caller_id: str) -> str:
    return f"tokens#{caller_id}"


def _created(token: BrowserToken) -> str:
    return f"{token.created_at:010d}#{token.id}"


def _token(document: dict[str, Any]) -> BrowserToken:
    fields = {name: value for name, value in document.items() if name in BrowserToken.__dataclass_fields__}
    fields |= {name: tuple(fields.get(name, ())) for name in ("origins", "models")}
    return BrowserToken(**fields)
