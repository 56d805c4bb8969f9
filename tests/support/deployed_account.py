"""An AWS account with a healthy Easel in it, played at the wire: each answer can be changed, as a fault would.

Answers have the form that botocore parses; requests and answers are checked against botocore's own descriptions.
"""

import copy
import re
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import boto3
from botocore.validate import ParamValidator

from cli.stack import Stack
from core.callers.model import Caller
from core.dynamodb import to_item
from tests.support.template import TEMPLATE

REGION, ACCOUNT, NAME = "eu-central-1", "123456789012", "easel-dev"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:easel/openai-AbCdEf"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-AlarmTopic"
API, DIRECT, MCP = "https://api.example/v1", "https://direct.example/", "https://mcp.example/mcp"
MAPPING = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f"
# What the SAM transform adds to the template.
_SCHEDULES = ("SweepFunctionEveryMinute", "ModelCheckFunctionEveryDay")
# How long a queue hides a message: what the template computes.
_JOBS_VISIBILITY = 1800

Parameters = dict[str, Any]


class Refusal(Exception):
    """An error that AWS answers."""

    def __init__(self, code: str, message: str = "it said so", status: int = 400) -> None:
        super().__init__(code)
        self.document = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.status_code = status


class _Reply:
    status_code = 200


class Account:
    """What AWS answers, by action such as `sqs:GetQueueAttributes`; `secret` is the text of OpenAI's."""

    def __init__(self) -> None:
        self.parameters = {
            name: str(each["Default"]) for name, each in TEMPLATE["Parameters"].items() if "Default" in each
        } | {"OpenAiSecretArn": SECRET, "DailyBudgetUsd": "20"}
        self.outputs = {
            "Providers": "openai",
            "ApiUrl": API,
            "DirectUrl": DIRECT,
            "McpUrl": MCP,
            "TokenSecretArn": SECRET.replace("openai", "tokens"),
            "CallersTableName": _physical("CallersTable"),
            "LedgerTableName": _physical("LedgerTable"),
            "JobsTableName": _physical("JobsTable"),
        }
        self.secret: str | None = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz0123456789"
        self.callers: list[Caller] = []
        self.ledger: list[dict[str, Any]] = []
        self.usage: list[dict[str, Any]] = []
        self.answers: dict[str, Callable[[Parameters], Any]] = _healthy(self)

    def change(self, action: str, *path: Any, to: Any = None, when: Callable[[Parameters], bool] | None = None) -> None:
        """Let AWS answer something else at this place of an answer; without a new value, nothing is there."""
        answer = self.answers[action]

        def changed(parameters: Parameters) -> Any:
            found = copy.deepcopy(answer(parameters))
            if when is None or when(parameters):
                place = found
                for step in path[:-1]:
                    place = place[step]
                if to is None:
                    del place[path[-1]]
                else:
                    place[path[-1]] = to
            return found

        self.answers[action] = changed

    def refuse(self, action: str, code: str, message: str = "it said so", status: int = 400) -> None:
        """Let AWS answer an error."""

        def refuse(_: Parameters) -> Any:
            raise Refusal(code, message, status)

        self.answers[action] = refuse

    def stack(self) -> Stack:
        """The stack, with a session to this account."""
        _session().account = self
        return Stack(_session(), None, self.outputs, self.parameters, NAME)


class _Session(boto3.Session):
    """A session whose clients reach no network. They are made once, since that takes long."""

    def __init__(self) -> None:
        super().__init__(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
        self.account: Account
        self._clients: dict[Any, Any] = {}
        self._asked = threading.local()
        self.events.register("before-parameter-build", self._note)
        self.events.register("before-call", self._answer)

    def client(self, service_name: str, region_name: Any = None, **_: Any) -> Any:  # type: ignore[override] # its overloads name each service
        place = (service_name, region_name)
        if place not in self._clients:
            make: Any = super().client  # Its type knows only names of services that are written out.
            self._clients[place] = make(service_name, region_name=region_name)
        return self._clients[place]

    def _note(self, params: Parameters, **_: Any) -> None:
        self._asked.parameters = dict(params)

    def _answer(self, model: Any, **_: Any) -> Any:
        action = f"{model.service_model.endpoint_prefix}:{model.name}"
        try:
            answer = self.account.answers[action](self._asked.parameters)
        except Refusal as refusal:
            return refusal, refusal.document
        metadata = answer.pop("ResponseMetadata", {"HTTPStatusCode": 200})
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), f"{action}: {report.generate_report()}"
        return _Reply(), {**answer, "ResponseMetadata": metadata}


@cache
def _session() -> _Session:
    return _Session()


def _physical(logical_id: str) -> str:
    return f"{NAME}-{logical_id}"


def _logical(text: str) -> str:
    return text.rpartition(f"{NAME}-")[2]


def _queue_url(logical_id: str) -> str:
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{_physical(logical_id)}"


def queue_arn(logical_id: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{_physical(logical_id)}"


def _properties(logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE["Resources"][logical_id].get("Properties", {})
    return found


def _of_type(kind: str) -> Iterable[str]:
    return (name for name, resource in TEMPLATE["Resources"].items() if resource["Type"] == kind)


def _resources() -> list[dict[str, Any]]:
    physical = {name: _physical(name) for name in TEMPLATE["Resources"]}
    physical |= {name: _queue_url(name) for name in _of_type("AWS::SQS::Queue")}
    physical |= {name: _physical(name) for name in _SCHEDULES} | {"AlarmTopic": TOPIC}
    return [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": place,
            "ResourceType": "AWS::Any::Thing",
            "LastUpdatedTimestamp": 0,
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for name, place in physical.items()
    ]


def _healthy(account: Account) -> dict[str, Callable[[Parameters], Any]]:
    return {
        "sts:GetCallerIdentity": lambda _: {
            "Arn": f"arn:aws:iam::{ACCOUNT}:user/operator",
            "Account": ACCOUNT,
        },
        "cloudformation:DescribeStacks": lambda _: {
            "Stacks": [{"StackName": NAME, "StackStatus": "UPDATE_COMPLETE", "CreationTime": 0}]
        },
        "cloudformation:ListStackResources": lambda _: {"StackResourceSummaries": _resources()},
        **_healthy_functions(account),
        **_healthy_queues(),
        **_healthy_tables(account),
        **_healthy_buckets(account),
        **_healthy_alarms(),
        "secretsmanager:DescribeSecret": lambda asked: {"ARN": asked["SecretId"]},
        "secretsmanager:GetSecretValue": lambda asked: {
            "ARN": asked["SecretId"],
            **({"SecretString": account.secret} if account.secret is not None else {"SecretBinary": b"?"}),
        },
        "bedrock:GetFoundationModelAvailability": lambda asked: {
            "modelId": asked["modelId"],
            "agreementAvailability": {"status": "AVAILABLE"},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE",
        },
    }


def _healthy_functions(account: Account) -> dict[str, Callable[[Parameters], Any]]:
    def configuration(asked: Parameters) -> Any:
        logical_id = _logical(asked["FunctionName"])
        properties = _properties(logical_id)
        variables = {
            "PROVIDERS__OPENAI__SECRET_ARN": account.parameters["OpenAiSecretArn"],
            "PROVIDERS__OPENAI__BASE_URL": account.parameters["OpenAiBaseUrl"],
            "PROVIDERS__OPENAI__ENABLED": account.parameters["OpenAiEnabled"],
            "PROVIDERS__BEDROCK__REGION": account.parameters["BedrockRegion"],
        }
        own = properties.get("Environment", {}).get("Variables", {})
        variables |= {name: str(text) for name, text in own.items() if isinstance(text, str | int)}
        timeout = properties["Timeout"]
        seconds = int(account.parameters[timeout["Ref"]]) if isinstance(timeout, dict) else timeout
        return {
            "FunctionName": asked["FunctionName"],
            "Timeout": seconds,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": {"Variables": variables},
        }

    return {
        "lambda:GetAccountSettings": lambda _: {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
        },
        "lambda:GetFunctionConfiguration": configuration,
        "lambda:GetFunctionConcurrency": lambda _: {},
        "lambda:ListEventSourceMappings": lambda asked: {
            "EventSourceMappings": [{"UUID": MAPPING, "FunctionArn": asked["FunctionName"], "State": "Enabled"}]
        },
        "scheduler:GetSchedule": lambda asked: {"Name": asked["Name"], "State": "ENABLED"},
    }


def _healthy_queues() -> dict[str, Callable[[Parameters], Any]]:
    def attributes(asked: Parameters) -> Any:
        logical_id = _logical(asked["QueueUrl"])
        visibility = _properties(logical_id).get("VisibilityTimeout", 30)
        return {
            "Attributes": {
                "QueueArn": queue_arn(logical_id),
                "VisibilityTimeout": str(visibility if isinstance(visibility, int) else _JOBS_VISIBILITY),
                "ApproximateNumberOfMessages": "0",
                "ApproximateNumberOfMessagesNotVisible": "0",
            }
        }

    return {"sqs:GetQueueAttributes": attributes}


def _healthy_tables(account: Account) -> dict[str, Callable[[Parameters], Any]]:
    def query(asked: Parameters) -> Any:
        owner = asked["ExpressionAttributeValues"][":owner"]["S"]
        return {"Items": [to_item(item) for item in account.usage if item["owner"] == owner]}

    return {
        "dynamodb:DescribeTable": lambda _: {
            "Table": {
                "TableStatus": "ACTIVE",
                "DeletionProtectionEnabled": account.parameters["Environment"] == "prod",
                "StreamSpecification": {"StreamEnabled": True},
            }
        },
        "dynamodb:DescribeContinuousBackups": lambda _: {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"},
            }
        },
        "dynamodb:DescribeTimeToLive": lambda _: {
            "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        },
        "dynamodb:Scan": lambda _: {
            "Items": [to_item({"key_hash": f"hash of {each.id}", **each.as_item()}) for each in account.callers]
        },
        "dynamodb:BatchGetItem": lambda asked: {
            "Responses": {table: [to_item(item) for item in account.ledger] for table in asked["RequestItems"]}
        },
        "dynamodb:Query": query,
    }


def _healthy_buckets(account: Account) -> dict[str, Callable[[Parameters], Any]]:
    def lifecycle(_: Parameters) -> Any:
        days = int(account.parameters["RetentionDays"])
        kept = {"images/": days, "inputs/": days, "drops/": days, "uploads/": 1, "previews/": 1}
        rules = [
            {"ID": prefix, "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}
            for prefix, days in kept.items()
        ]
        return {"Rules": rules}

    def cors(_: Parameters) -> Any:
        (rule,) = _properties("ImagesBucket")["CorsConfiguration"]["CorsRules"]
        return {"CORSRules": [{name: rule[name] for name in ("AllowedMethods", "AllowedOrigins", "AllowedHeaders")}]}

    blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "s3:GetPublicAccessBlock": lambda _: {"PublicAccessBlockConfiguration": dict.fromkeys(blocked, True)},
        "s3:GetBucketEncryption": lambda _: {"ServerSideEncryptionConfiguration": {"Rules": [encrypted]}},
        "s3:GetBucketLifecycleConfiguration": lifecycle,
        "s3:GetBucketVersioning": lambda _: {"Status": "Enabled"},
        "s3:GetBucketNotificationConfiguration": lambda _: {
            "QueueConfigurations": [{"QueueArn": queue_arn("DropsQueue"), "Events": ["s3:ObjectCreated:*"]}]
        },
        "s3:GetBucketCors": cors,
    }


def _healthy_alarms() -> dict[str, Callable[[Parameters], Any]]:
    def alarms(asked: Parameters) -> Any:
        names = asked.get("AlarmNames") or [_physical(name) for name in _of_type("AWS::CloudWatch::Alarm")]
        return {
            "MetricAlarms": [
                {"AlarmName": name, "ActionsEnabled": True, "AlarmActions": [TOPIC], "StateValue": "OK"}
                for name in names
                if re.search(r"Alarm$", name)
            ]
        }

    subscription = {"SubscriptionArn": f"{TOPIC}:0a1b", "Protocol": "email", "Endpoint": "operator@example.com"}
    return {
        "monitoring:DescribeAlarms": alarms,
        "sns:ListSubscriptionsByTopic": lambda _: {"Subscriptions": [subscription]},
    }
