"""JSON logs of the whole process: ids, codes and times, never a prompt, a key or a signed URL.

Whatever is not printable ASCII is escaped, in every line and for every library. So nothing that a caller wrote can
forge a line, or hide one on the terminal of whoever reads the log.
"""

import json
import logging
from functools import partial

from aws_lambda_powertools import Logger

logger = Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":"), ensure_ascii=True))
logging.getLogger(logger.service).propagate = False
core_logger = logging.getLogger("core")
core_logger.setLevel(logger.log_level)

# What libraries log, and their warnings, which would reach standard error as they are.
_root = logging.getLogger()
_root.handlers = [logger.registered_handler]
_root.setLevel(logging.WARNING)
logging.captureWarnings(capture=True)
