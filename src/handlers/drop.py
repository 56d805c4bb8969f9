"""Takes the objects that were dropped into the inbox."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.drops import drop_intake
from core.drops.notifications import read_notifications
from core.logs import core_logger, logger

processor = BatchProcessor(event_type=EventType.SQS, logger=core_logger)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take each drop of the batch; one that fails unexpectedly is delivered again."""

    def take(record: SQSRecord) -> None:
        logger.append_keys(request_id=record.message_id, caller_id=None, code=None)
        for notification in read_notifications(record.body):
            drop_intake().take(notification, record.message_id)

    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)
