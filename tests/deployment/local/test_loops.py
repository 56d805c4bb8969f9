"""Lambda stops chains in which functions send messages to the queues that invoke them, unless they may."""

import json
from collections.abc import Callable
from typing import Any

from tests.deployment.local.conftest import TRUST, eventually

Client = Callable[[str], Any]
Deploy = Callable[[dict[str, Any]], dict[str, str]]

# Counts its invocations in the queue COUNTS, and passes the message on to NEXT until it has been in LENGTH invocations.
CODE = """
import boto3, os
sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
def handle(event, context):
    number = int(event["Records"][0]["body"])
    sqs.send_message(QueueUrl=os.environ["COUNTS"], MessageBody=str(number))
    if number < 20:
        sqs.send_message(QueueUrl=os.environ["NEXT"], MessageBody=str(number + 1))
"""


def function(queue: str, next_queue: str, **properties: Any) -> dict[str, Any]:
    variables = {"COUNTS": {"Ref": "Counts"}, "NEXT": {"Ref": next_queue}}
    return {
        f"{queue}Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handle",
                "Code": {"ZipFile": CODE},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Environment": {"Variables": variables},
                "Timeout": 10,
                **properties,
            },
        },
        f"{queue}Source": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": [queue, "Arn"]},
                "FunctionName": {"Ref": f"{queue}Function"},
                "BatchSize": 1,
            },
        },
        queue: {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 6,  # longer than a cold start, so nothing is counted twice
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "maxReceiveCount": 2},
            },
        },
    }


POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"},
}
SHARED: dict[str, Any] = {
    "Counts": {"Type": "AWS::SQS::Queue"},
    "DeadLetters": {"Type": "AWS::SQS::Queue"},
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": TRUST,
            "Policies": [{"PolicyName": "all", "PolicyDocument": POLICY}],
        },
    },
}


def length(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"][names[0]])


def test_the_seventeenth_invocation_of_a_chain_is_refused(client: Client, deploy: Deploy) -> None:
    """The message is received again after its visibility timeout, refused again, and ends in the dead-letter queue."""
    sqs, made = client("sqs"), deploy(SHARED | function("Queue", "Queue"))
    sqs.send_message(QueueUrl=made["Queue"], MessageBody="1")
    eventually("a dead letter", lambda: length(sqs, made["DeadLetters"]) == 1)
    assert length(sqs, made["Counts"]) == 16
    (dead,) = sqs.receive_message(QueueUrl=made["DeadLetters"])["Messages"]
    assert dead["Body"] == "17"


def test_a_chain_through_another_function_is_counted_too(client: Client, deploy: Deploy) -> None:
    resources: dict[str, Any] = SHARED | function("Ping", "Pong") | function("Pong", "Ping")
    for name in ("PingFunction", "PongFunction"):
        resources[name]["Properties"]["Code"] = {"ZipFile": CODE.replace("20", "40")}
    sqs, made = client("sqs"), deploy(resources)
    sqs.send_message(QueueUrl=made["Ping"], MessageBody="1")
    eventually("a dead letter", lambda: length(sqs, made["DeadLetters"]) == 1)
    assert length(sqs, made["Counts"]) == 32


def test_a_function_that_allows_recursion_goes_on(client: Client, deploy: Deploy) -> None:
    sqs, made = client("sqs"), deploy(SHARED | function("Queue", "Queue", RecursiveLoop="Allow"))
    sqs.send_message(QueueUrl=made["Queue"], MessageBody="1")
    eventually("20 invocations", lambda: length(sqs, made["Counts"]) == 20)
    assert length(sqs, made["DeadLetters"]) == 0


def test_messages_of_others_start_chains_of_their_own(client: Client, deploy: Deploy) -> None:
    sqs, made = client("sqs"), deploy(SHARED | function("Queue", "Queue"))
    for _ in range(18):
        sqs.send_message(QueueUrl=made["Queue"], MessageBody="20")
    # On a slow machine, a message can be received again before its first invocation has ended.
    eventually("18 invocations", lambda: length(sqs, made["Counts"]) >= 18)
    assert length(sqs, made["DeadLetters"]) == 0


def test_a_message_keeps_the_trace_of_the_function_that_sent_it(client: Client, deploy: Deploy) -> None:
    sqs, made = client("sqs"), deploy(SHARED | function("Queue", "Counts"))
    event = {"Records": [{"body": "1"}]}
    client("lambda").invoke(FunctionName=made["QueueFunction"], Payload=json.dumps(event))
    (message, *_) = sqs.receive_message(QueueUrl=made["Counts"], MessageSystemAttributeNames=["All"])["Messages"]
    assert ";Lineage=1:" in message["Attributes"]["AWSTraceHeader"]
