"""Runs every day, and looks for models in use that are going to be shut down."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.models_check import model_check
from composition.process import start
from core.logs import logger

start(model_check)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check once; the result lists the models in use that have a shutdown date."""
    found = model_check().check()
    return {
        "models": [
            {
                "model": model.model,
                "shut_down_on": model.shut_down_on.isoformat(),
                "days_left": model.days_left,
                "successor": model.successor,
            }
            for model in found
        ]
    }
