"""The queues: jobs between accepting and performing, as ids and nothing else; drops that wait."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_DELAY_SECONDS = 900  # SQS: DelaySeconds


class QueueUnavailable(Exception):
    """The queue did not take the message, or it is not known whether it did."""


class JobQueue:
    """Sends jobs to the worker."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, job_id: str, delay_seconds: int = 0) -> None:
        """Have the job delivered after the delay (SQS allows up to 900 seconds).

        Raises:
            QueueUnavailable: it may have been sent all the same.
        """
        try:
            self._client.send_message(
                QueueUrl=self._url, MessageBody=job_id, DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS)
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(type(error).__name__) from error


class DropsQueue:
    """Lets a drop wait."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: str, delay_seconds: int) -> None:
        """Have a notice delivered again after the delay (SQS allows up to 900 seconds)."""
        self._client.send_message(
            QueueUrl=self._url, MessageBody=message, DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS)
        )
