"""Delivers the webhook message that a queue message names."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.process import start
from composition.webhook import deliverer
from core.logs import logger
from interfaces.batches import Record, take_messages

start(deliverer)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Attempt each message of the batch. Only a fault of our own returns it to the queue."""

    def deliver(record: Record) -> None:
        deliverer().deliver(record["body"])

    return take_messages(event, deliver)
