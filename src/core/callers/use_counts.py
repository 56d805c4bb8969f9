"""What a caller or browser token uses up, counted exactly: calls that wait and jobs that run at this moment, uploads.

Each subject has one item of a kind in the jobs table, with a TTL, changed by atomic updates: `uses#…` for its waiting
calls and its uploads so far, `turns#…` for its running jobs. What lasts for a while is a set of places. A place
contains the time at which it expires, so a crashed function does not occupy it forever.
"""

import time
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Longer than any browser token lives.
_KEPT_SECONDS = 2 * 86400


def place_until(until: float, name: str) -> str:
    """The place of a waiting call or a running job of that name, which ends by `until` (Unix seconds).

    Places sort by their ends.
    """
    return f"{int(until):010d}#{name}"


class UseCounts:
    """Counts uses of a kind; a subject is the id of a caller or of a browser token (see Caller.subject)."""

    def __init__(self, client: "DynamoDBClient", table: str, kind: Literal["uses", "turns"]) -> None:
        self._client = client
        self._table = table
        self._kind = kind

    def take(self, subject: str, place: str, limit: int) -> bool:
        """Take one of a subject's `limit` places; False if none is free."""
        held = self._add_place(subject, place, limit)
        if held and (expired := [each for each in held if each < f"{int(time.time()):010d}"]):
            self._remove(subject, expired)
            held = self._add_place(subject, place, limit)
        # If an acknowledgement is lost, the client's own retry finds the place that it took the first time.
        return not held or place in held

    def give_back(self, subject: str, place: str) -> None:
        """Free a place, if it is still taken."""
        self._remove(subject, [place])

    def count_upload(self, subject: str, limit: int) -> bool:
        """Count one more upload of a subject; False if it has made `limit` already."""
        try:
            self._update(
                subject,
                "ADD uploads :one",
                {":one": {"N": "1"}, ":limit": {"N": str(limit)}},
                "attribute_not_exists(uploads) OR uploads < :limit",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _add_place(self, subject: str, place: str, limit: int) -> list[str]:
        """Add a place. Returns the places that are already taken if there is no room for it, and nothing otherwise."""
        try:
            self._update(
                subject,
                "ADD places :place",
                {":place": {"SS": [place]}, ":limit": {"N": str(limit)}},
                "attribute_not_exists(places) OR size(places) < :limit",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item: Any = error.response.get("Item", {})
            return list(item["places"]["SS"])
        return []

    def _remove(self, subject: str, places: list[str]) -> None:
        self._update(subject, "DELETE places :places", {":places": {"SS": places}})

    def _update(self, subject: str, change: str, values: dict[str, Any], condition: str | None = None) -> None:
        given: Any = {}
        if condition:
            given = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        self._client.update_item(
            TableName=self._table,
            Key={"id": {"S": f"{self._kind}#{subject}"}},
            UpdateExpression=f"SET expires_at = :expires_at {change}",
            ExpressionAttributeValues={":expires_at": {"N": str(int(time.time()) + _KEPT_SECONDS)}, **values},
            **given,
        )
