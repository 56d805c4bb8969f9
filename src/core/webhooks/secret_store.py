"""The secrets that webhook messages are signed with, in the callers table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.dynamodb import from_item, to_item
from core.webhooks.message import new_secret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class SigningSecrets:
    """A caller's secrets: the current one, and the previous one until `previous_until` (Unix seconds)."""

    current: str
    previous: str | None = None
    previous_until: int = 0

    def valid(self, now: float) -> list[str]:
        """Those that are valid now, the newest first."""
        return [self.current, *([self.previous] if self.previous and now < self.previous_until else [])]


class SecretStore:
    """Keeps each caller's signing secrets, in an item of its own beside the API keys."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of(self, caller_id: str) -> SigningSecrets | None:
        """The secrets of a caller; None if it has none."""
        answer = self._client.get_item(TableName=self._table, Key=_key(caller_id), ConsistentRead=True)
        if "Item" not in answer:
            return None
        item = from_item(answer["Item"])
        return SigningSecrets(item["current"], item.get("previous"), item.get("previous_until", 0))

    def rotate(self, caller_id: str, now: int, overlap_seconds: int) -> SigningSecrets:
        """Give a caller a new secret. The previous one, if any, also signs until the overlap has passed."""
        held = self.of(caller_id)
        secrets = SigningSecrets(new_secret(), held.current if held else None, now + overlap_seconds)
        document = {"current": secrets.current, "previous": secrets.previous, "previous_until": secrets.previous_until}
        self._client.put_item(TableName=self._table, Item={**_key(caller_id), **to_item(document)})
        return secrets


def _key(caller_id: str) -> dict[str, Any]:
    # No key's hash begins like this.
    return {"key_hash": {"S": f"webhook#{caller_id}"}}
