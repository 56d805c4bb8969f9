"""Announces the end of each job that the jobs table's stream brings."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.announcer import announcer
from core.logs import core_logger, logger

processor = BatchProcessor(event_type=EventType.DynamoDBStreams, logger=core_logger)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Announce the job of each record. The record is outdated by now; only the id is taken from it."""

    def announce(record: DynamoDBRecord) -> None:
        announcer().announce(record["dynamodb"]["Keys"]["id"]["S"])

    return process_partial_response(event=event, record_handler=announce, processor=processor, context=context)
