"""Announces the end of each job that the jobs table's stream brings."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.announcer import announcer
from composition.process import start
from core.logs import logger
from interfaces.batches import Record, take_changes

start(announcer)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Announce the job of each record. The record is outdated by now; only the id is taken from it."""

    def announce(record: Record) -> None:
        announcer().announce(record["dynamodb"]["Keys"]["id"]["S"])

    return take_changes(event, announce)
