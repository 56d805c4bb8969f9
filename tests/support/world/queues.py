"""What waits in the queues."""

from tests.support.world import aws


def queue_url(name: str) -> str:
    """Where a queue is."""
    return aws.sqs().get_queue_url(QueueName=name)["QueueUrl"]


def taken(name: str) -> list[str]:
    """The bodies of the messages that wait in a queue, which they leave."""
    sqs, url = aws.sqs(), queue_url(name)
    bodies = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(message["Body"])
    return bodies
