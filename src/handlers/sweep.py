"""Runs every minute, and decides about the jobs that no worker holds any more."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from composition.process import start
from composition.upkeep import budgets, recovery, redelivery
from core.logs import logger

start(recovery, redelivery, budgets)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Sweep once; the answer counts the decisions."""
    done = recovery().sweep()
    if webhooks := redelivery().sweep():
        done["webhooks"] = webhooks
    budgets().measure_deployment()
    logger.info("swept", extra={"decisions": done})
    return done
