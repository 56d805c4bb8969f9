"""Performs the job that a queue message names."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.process import start
from composition.worker import providers, worker
from core.logs import logger
from interfaces.batches import Record, take_messages

start(worker, providers)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Perform each job of the batch; a failed one is delivered again."""

    def perform(record: Record) -> None:
        logger.append_keys(job_id=record["body"])
        worker().perform(record["body"], lambda: context.get_remaining_time_in_millis() / 1000)

    return take_messages(event, perform)
