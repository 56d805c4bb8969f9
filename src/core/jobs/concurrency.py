"""Concurrency slots: which jobs of a caller run at this moment, so that no caller occupies all workers.

One item for each caller, with a TTL. This is about fairness, not safety: if the table does not answer, a job runs.
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
# The workers that run jobs of one caller compete for its item.
_ATTEMPTS = 5


class ConcurrencySlots:
    """Grants each caller at most `limit` slots at a time; 0 means no limit."""

    def __init__(self, client: "DynamoDBClient", table: str, limit: int) -> None:
        self._client = client
        self._table = table
        self._limit = limit

    def acquire(self, caller_id: str, job_id: str, until: int) -> bool:
        """Take a slot for a job, until it is released or `until` (Unix seconds) has passed; False if none is free."""
        if not self._limit:
            return True

        def change(running: dict[str, int]) -> dict[str, int] | None:
            return {**running, job_id: until} if job_id in running or len(running) < self._limit else None

        return self._change(caller_id, change)

    def release(self, caller_id: str, job_id: str) -> None:
        """Free the slot of a job."""
        if self._limit:
            self._change(caller_id, lambda running: {name: at for name, at in running.items() if name != job_id})

    def _change(self, caller_id: str, change: Callable[[dict[str, int]], dict[str, int] | None]) -> bool:
        """Write what `change` returns for the running jobs; False if it returns None."""
        item_id = f"turns#{caller_id}"
        for _ in range(_ATTEMPTS):
            try:
                answer = self._client.get_item(TableName=self._table, Key={"id": {"S": item_id}}, ConsistentRead=True)
                held = from_item(answer.get("Item", {}))
                now = int(time.time())
                # A worker that did not release its slot in time has crashed.
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
                log.warning("concurrency slots cannot be counted", extra={"error": type(error).__name__})
                return True
            return True
        return True
