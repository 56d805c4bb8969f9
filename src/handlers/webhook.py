"""Delivers the webhook message that a queue message names."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.webhook import deliverer
from core.logs import core_logger, logger

processor = BatchProcessor(event_type=EventType.SQS, logger=core_logger)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Attempt each message of the batch. Only a fault of our own returns it to the queue."""

    def deliver(record: SQSRecord) -> None:
        deliverer().deliver(record.body)

    return process_partial_response(event=event, record_handler=deliver, processor=processor, context=context)
