"""JSON logs for handlers and core alike: ids, codes and times, never a prompt, a key or a signed URL."""

import logging

from aws_lambda_powertools import Logger

logger = Logger()
_core = logging.getLogger("core")
_core.handlers = [logger.registered_handler]
_core.setLevel(logger.log_level)
_core.propagate = False
