"""Ends the jobs whose messages became dead letters, so that they are not polled forever."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.upkeep import recovery
from core.logs import core_logger, logger

processor = BatchProcessor(event_type=EventType.SQS, logger=core_logger)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """End each job of the batch."""

    def end(record: SQSRecord) -> None:
        recovery().fail_undeliverable(record.body)

    return process_partial_response(event=event, record_handler=end, processor=processor, context=context)
