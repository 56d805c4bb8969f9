"""Which jobs of a caller run at this moment, so that no caller takes all workers. One item for each caller, with a TTL.

This is courtesy, not safety: when the table does not answer, a job has its turn.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.dynamodb import from_item, to_item, unchanged_since

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = logging.getLogger(__name__)

_KEPT_SECONDS = 86400
# Workers of one caller meet at this item, at most as many as there are.
_ATTEMPTS = 5


class TurnStore:
    """Hands out turns: so many at a time to each caller, `most` (0: no limit)."""

    def __init__(self, client: "DynamoDBClient", table: str, most: int) -> None:
        self._client = client
        self._table = table
        self._most = most

    def take(self, caller_id: str, job_id: str, until: int) -> bool:
        """Whether the job has a turn now. It lasts until it is given back, or until then (Unix seconds)."""
        if not self._most:
            return True

        def change(running: dict[str, int]) -> dict[str, int] | None:
            return {**running, job_id: until} if job_id in running or len(running) < self._most else None

        return self._change(caller_id, change)

    def give_back(self, caller_id: str, job_id: str) -> None:
        """End a job's turn."""
        if self._most:
            self._change(caller_id, lambda running: {name: at for name, at in running.items() if name != job_id})

    def _change(self, caller_id: str, change: Callable[[dict[str, int]], dict[str, int] | None]) -> bool:
        """Write what a change makes of the jobs that run; False if it makes nothing of them."""
        item_id = f"turns#{caller_id}"
        for _ in range(_ATTEMPTS):
            try:
                answer = self._client.get_item(TableName=self._table, Key={"id": {"S": item_id}}, ConsistentRead=True)
                held = from_item(answer.get("Item", {}))
                now = int(time.time())
                # Whoever did not give its turn back has crashed.
                running = {name: until for name, until in held.get("running", {}).items() if until > now}
                changed = change(running)
                if changed is None:
                    return False
                version = held.get("version", 0)
                document = {"id": item_id, "running": changed, "version": version + 1}
                item = to_item(document | {"expires_at": now + _KEPT_SECONDS})
                self._client.put_item(TableName=self._table, Item=item, **unchanged_since(version))
            except self._client.exceptions.ConditionalCheckFailedException:
                continue
            except (BotoCoreError, ClientError) as error:
                log.warning("turns cannot be counted", extra={"error": type(error).__name__})
                return True
            return True
        return True
