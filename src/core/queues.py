"""The SQS queues: ids of jobs for the worker, ids of webhook messages, and drops that wait."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_DELAY_SECONDS = 900  # Source: Amazon SQS, DelaySeconds


class QueueUnavailable(Exception):
    """The queue did not accept the message, or it is unknown whether it did."""


@dataclass(frozen=True)
class Depth:
    """Roughly how many messages a queue has: those available now, and those that are delayed."""

    waiting: int
    delayed: int


class JobQueue:
    """Sends jobs to the worker, and webhook messages to their function."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message_id: str, delay_seconds: int = 0, *, group: str) -> None:
        """Deliver the id after the delay, capped at 900 seconds.

        SQS is fair: while one `group`, the caller, has many messages, those of other groups go first. Source: Amazon
        SQS developer guide, fair queues.

        Raises:
            QueueUnavailable: the message may have been sent nevertheless.
        """
        try:
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=message_id,
                DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS),
                MessageGroupId=group,
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(type(error).__name__) from error

    def depth(self) -> Depth:
        """Roughly how many messages it has.

        Raises:
            QueueUnavailable: SQS does not answer.
        """
        try:
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"],
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(type(error).__name__) from error
        attributes = answer["Attributes"]
        return Depth(
            int(attributes["ApproximateNumberOfMessages"]), int(attributes["ApproximateNumberOfMessagesDelayed"])
        )


class DropsQueue:
    """Delivers notifications of drops again later."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: str, delay_seconds: int, *, group: str) -> None:
        """Deliver a notification after the delay, capped at 900 seconds; `group` is its owner, as above.

        S3 names no group, so it is only what Easel itself sends that SQS treats fairly.
        """
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=message,
            DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS),
            MessageGroupId=group,
        )
