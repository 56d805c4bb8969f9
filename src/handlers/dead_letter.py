"""Ends the jobs whose messages became dead letters, so that they are not polled forever."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.process import start
from composition.upkeep import recovery
from core.logs import logger
from interfaces.batches import Record, take_messages

start(recovery)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """End each job of the batch."""

    def end(record: Record) -> None:
        recovery().fail_undeliverable(record["body"])

    return take_messages(event, end)
