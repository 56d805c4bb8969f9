"""Runs every day and looks for models in use that are going to be shut down."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.models_check import model_check
from core.logs import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check once; the answer lists the models in use that have an end."""
    ends = model_check().check()
    return {
        "models": [
            {
                "model": end.model,
                "shut_down_on": end.shut_down_on.isoformat(),
                "days_left": end.days_left,
                "successor": end.successor,
            }
            for end in ends
        ]
    }
