"""Takes the objects that were dropped into the inbox."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.drops import drop_intake
from composition.process import start
from core.drops.notifications import read_notifications
from core.logs import logger
from interfaces.batches import Record, take_messages

start(drop_intake)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take each drop of the batch; one that fails unexpectedly is delivered again."""

    def take(record: Record) -> None:
        logger.append_keys(request_id=record["messageId"], caller_id=None, code=None)
        for notification in read_notifications(record["body"]):
            drop_intake().take(notification, record["messageId"])

    return take_messages(event, take)
