"""The MCP server, on a Function URL of its own."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.mcp import authenticator
from composition.process import start
from composition.services import services
from core.logs import logger
from interfaces.mcp_server import app

start(services, authenticator)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request."""
    return app.answer(event, context)
