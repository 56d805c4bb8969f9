"""Runs the real worker handler once, in a process of its own that a test may kill: python worker_process.py JOB_ID."""

import sys
from dataclasses import dataclass

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.worker import handler


@dataclass
class Context(LambdaContext):
    """What Lambda hands to a handler; the time left is that of a function of 60 seconds."""

    function_name: str = "worker"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:worker"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # static in Powertools, not in Lambda
        return 60_000


record = {"messageId": "1", "receiptHandle": "1", "body": sys.argv[1], "eventSource": "aws:sqs", "attributes": {}}
answer = handler({"Records": [record]}, Context())
sys.exit(1 if answer["batchItemFailures"] else 0)
