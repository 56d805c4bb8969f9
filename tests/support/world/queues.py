"""What waits in the queues."""

import boto3


def queue_url(name: str) -> str:
    """Where a queue is."""
    return boto3.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]


def taken(name: str) -> list[str]:
    """The bodies of the messages that wait in a queue, which they leave."""
    sqs, url = boto3.client("sqs"), queue_url(name)
    bodies = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(message["Body"])
    return bodies
