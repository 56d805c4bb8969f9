"""Batches of records from a queue or a stream: each is taken on its own, and the answer names those that failed."""

from collections.abc import Callable, Mapping
from typing import Any

from core.logs import core_logger

Record = Mapping[str, Any]


def take_messages(event: Mapping[str, Any], take: Callable[[Record], None]) -> dict[str, Any]:
    """Take each message of a queue, as `_take_each` says."""
    return _take_each(event["Records"], take, lambda record: record["messageId"])


def take_changes(event: Mapping[str, Any], take: Callable[[Record], None]) -> dict[str, Any]:
    """Take each record of a table's stream, as `_take_each` says."""
    return _take_each(event["Records"], take, lambda record: record["dynamodb"]["SequenceNumber"])


def _take_each(records: list[Record], take: Callable[[Record], None], id_of: Callable[[Record], str]) -> dict[str, Any]:
    """The answer that makes Lambda deliver again only what failed (ReportBatchItemFailures).

    Raises:
        Exception: the last one's, if all failed: then the invocation counts as an error of the function.
    """
    failed = []
    for record in records:
        try:
            take(record)
        except Exception:  # whatever it is: the others are taken, and this one is delivered again
            core_logger.warning("record failed", exc_info=True)
            failed.append(id_of(record))
            if len(failed) == len(records):
                raise
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
