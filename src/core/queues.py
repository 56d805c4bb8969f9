"""The queues: jobs for the worker and messages for receivers, as ids and nothing else; drops that wait."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_DELAY_SECONDS = 900  # SQS: DelaySeconds


class QueueUnavailable(Exception):
    """The queue did not take the message, or it is not known whether it did."""


@dataclass(frozen=True)
class Depth:
    """Roughly how many messages a queue holds: those to be had now, and those that are delayed."""

    waiting: int
    delayed: int


class JobQueue:
    """Sends jobs to the worker, and webhook messages to their function."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, job_id: str, delay_seconds: int = 0, *, group: str | None = None) -> None:
        """Have the job delivered after the delay (SQS allows up to 900 seconds).

        A `group` makes the queue a fair one: while one group has many messages, those of the others go first. Source:
        Amazon SQS developer guide, fair queues.

        Raises:
            QueueUnavailable: it may have been sent all the same.
        """
        fair: Any = {"MessageGroupId": group} if group else {}
        try:
            self._client.send_message(
                QueueUrl=self._url, MessageBody=job_id, DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS), **fair
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(type(error).__name__) from error

    def depth(self) -> Depth:
        """How much there is in it, roughly.

        Raises:
            QueueUnavailable: it does not say.
        """
        try:
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"],
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(type(error).__name__) from error
        told = answer["Attributes"]
        return Depth(int(told["ApproximateNumberOfMessages"]), int(told["ApproximateNumberOfMessagesDelayed"]))


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
