"""JSON logs for handlers and core alike: ids, codes and times, never a prompt, a key or a signed URL."""

import logging

from aws_lambda_powertools import Logger

logger = Logger()
core_logger = logging.getLogger("core")
core_logger.handlers = [logger.registered_handler]
core_logger.setLevel(logger.log_level)
core_logger.propagate = False
