"""Performs the job that a queue message names."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.worker import worker
from core.logs import core_logger, logger

processor = BatchProcessor(event_type=EventType.SQS, logger=core_logger)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Perform each job of the batch; a failed one is delivered again."""

    def perform(record: SQSRecord) -> None:
        logger.append_keys(job_id=record.body)
        worker().perform(record.body, lambda: context.get_remaining_time_in_millis() / 1000)

    return process_partial_response(event=event, record_handler=perform, processor=processor, context=context)
