"""The HTTP API on a Function URL, for long waits and for answers that are streams."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.process import start
from composition.services import services
from core.logs import logger
from interfaces.http_api import app

start(services)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request; the body of the answer can be a generator of bytes, see streaming_runtime."""
    return app.answer(event, context)
