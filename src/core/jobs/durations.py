"""How long jobs take in this deployment, by model and quality.

Each job that succeeds adds 1 to a counter of the jobs table: in the item of its model, quality and week
(`durations#…`, with a TTL), in the attribute of its bucket. A bucket is a range of seconds, four of them for each
doubling, so a percentile is exact to about a tenth. Two weeks are read together, so that old behaviour fades.

What is counted is the time from a job's first start to its end, with all attempts in between: what a provider and its
limits make of it, but not the queue of the deployment, which depends on who else is buying.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from core.jobs.model import Job

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = logging.getLogger(__name__)

# With fewer jobs than this, nothing is said of how long they take.
FEWEST = 5
_PER_DOUBLING = 4
_WEEK_SECONDS = 7 * 86400
_CACHED_SECONDS = 60
# More than there are models and qualities in use; each is a few numbers.
_CACHED = 256


@dataclass(frozen=True)
class Usual:
    """How long half of such jobs take at most, and nine of ten; in whole seconds, at least 1."""

    p50: int
    p90: int

    def in_words(self, between: str = "") -> str:
        """As "14 s, 9 of 10 within 31 s"."""
        return f"{self.p50} s{between}, 9 of 10 within {self.p90} s"


def bucket_of(seconds: float) -> int:
    """The number of the bucket that counts a duration; anything below a second is counted as one."""
    return int(_PER_DOUBLING * math.log2(max(1.0, seconds)))


def bounds_of(bucket: int) -> tuple[float, float]:
    """The seconds at which a bucket begins and ends."""
    return 2 ** (bucket / _PER_DOUBLING), 2 ** ((bucket + 1) / _PER_DOUBLING)


def percentile(counts: Mapping[int, int], share: float) -> float:
    """The seconds that a share of the counted durations stays within, as if each bucket were filled evenly.

    `counts` has how many durations each bucket counted, one at least.
    """
    rank, below = share * sum(counts.values()), 0
    for bucket in sorted(counts):
        if below + counts[bucket] >= rank:
            low, high = bounds_of(bucket)
            return low + (high - low) * (rank - below) / counts[bucket]
        below += counts[bucket]
    raise ValueError("nothing was counted")


def usual_of(counts: Mapping[int, int]) -> Usual | None:
    """How long jobs usually take, by the counts of their durations; None if those are too few."""
    if sum(counts.values()) < FEWEST:
        return None
    return Usual(round(percentile(counts, 0.5)), math.ceil(percentile(counts, 0.9)))


def kind_of(job: Job) -> tuple[str, str]:
    """What is counted together: a model, and a quality as it was asked for, since its job has not ended."""
    return job.request.model, str(job.request.parameters.get("quality") or "auto")


class Durations:
    """Counts how long jobs took, and says how long others like them usually take."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._cached = lru_cache(maxsize=_CACHED)(self._read)

    def count(self, job: Job) -> None:
        """Count a job that has succeeded; others say nothing about how long images take.

        Counted twice if the acknowledgement of DynamoDB is lost, and not at all after a crash at this point: a
        percentile bears both.
        """
        if job.status != "succeeded" or job.finished_at is None:
            return
        week = job.finished_at // _WEEK_SECONDS
        self._client.update_item(
            TableName=self._table,
            Key={"id": {"S": _item_id(*kind_of(job), week)}},
            UpdateExpression="SET expires_at = :expires_at ADD #bucket :one",
            ExpressionAttributeNames={"#bucket": str(bucket_of(job.finished_at - job.began_at))},
            # From then on, nobody reads it.
            ExpressionAttributeValues={":one": {"N": "1"}, ":expires_at": {"N": str((week + 2) * _WEEK_SECONDS)}},
        )

    def usual(self, job: Job) -> Usual | None:
        """How long jobs of this one's model and quality usually take; None if that is not known.

        What was read is up to a minute old.
        """
        return self._cached(*kind_of(job), int(time.time()) // _CACHED_SECONDS)

    def _read(self, model: str, quality: str, minute: int) -> Usual | None:
        week = minute * _CACHED_SECONDS // _WEEK_SECONDS
        keys: list[Any] = [{"id": {"S": _item_id(model, quality, each)}} for each in (week - 1, week)]
        try:
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys}})
        except (BotoCoreError, ClientError) as error:
            log.warning("durations cannot be read", extra={"model": model, "error": type(error).__name__})
            return None
        counts: Counter[int] = Counter()
        for item in answer["Responses"].get(self._table, []):
            counts.update({int(name): int(value["N"]) for name, value in item.items() if name.isdecimal()})
        return usual_of(counts)


def _item_id(model: str, quality: str, week: int) -> str:
    return f"durations#{week}#{model}#{quality}"
