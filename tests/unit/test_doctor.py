"""easel doctor finds each planted fault in a deployment, and names what fixes it."""

import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import botocore.session
import httpx
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from cli.doctor import CHECKS, Examined, examine
from cli.doctor.account import trouble_of_access
from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding, Severity, worst
from cli.doctor.providers import fault_of_key
from core import __version__
from core.callers.model import Caller
from core.ledger.model import Budget
from core.providers.http import HttpClient
from core.providers.openai import OPENAI_URL
from local.processes import ROOT
from tests.support.deployed_account import ACCOUNT, MAPPING, SECRET, TOPIC, Account, queue_arn
from tests.support.internet import REFUSED, Internet, Reply, Request

OPENAI, API, DIRECT, MCP = "api.openai.com", "api.example", "direct.example", "mcp.example"
TODAY = datetime.now(UTC).date()
SERVICES = botocore.session.get_session()
WORKER = "easel-dev-WorkerFunction"


@dataclass
class Web:
    """What the entry points and the provider answer, by host."""

    answers: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host in self.answers:
            return self.answers[host](request)
        if host == OPENAI:
            return listed("gpt-image-2.6-flare", "gpt-image-2", "gpt-image-1")
        if host == MCP:
            return httpx.Response(401)
        if request.method == "OPTIONS":
            return httpx.Response(204, headers={"access-control-allow-origin": "*"})
        assert request.url.path == "/v1/health"
        return httpx.Response(200, json={"status": "ok", "version": __version__})

    def answer(self, host: str, status: int = 200, **what: Any) -> None:
        self.answers[host] = lambda _: httpx.Response(status, **what)

    def fail(self, host: str) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        self.answers[host] = fail


def listed(*names: str, **dates: date) -> httpx.Response:
    rows: list[Any] = [{"id": name} for name in names]
    return httpx.Response(200, json={"data": rows + [{"id": n, "shutdown_date": str(d)} for n, d in dates.items()]})


@dataclass
class Patient:
    """A deployment that is healthy until a fault is planted."""

    internet: Internet
    providers: HttpClient
    account: Account = field(default_factory=Account)
    web: Web = field(default_factory=Web)

    def __post_init__(self) -> None:
        self.internet.get(f"https://{OPENAI}/v1/models", self._openai)

    def _openai(self, request: Request) -> Reply:
        answer = self.web(httpx.Request(request.method, request.url))
        return Reply.of(answer.status_code, content=answer.content)

    def examined(self) -> list[Examined]:
        return examine(self._deployment())

    def found_by(self, check: str) -> tuple[Finding, ...]:
        return tuple(CHECKS[check](self._deployment()))

    def _deployment(self) -> Deployment:
        return Deployment(self.account.stack(), httpx.Client(transport=httpx.MockTransport(self.web)), self.providers)

    def set(self, **parameters: str) -> None:
        self.account.parameters |= parameters

    def caller(self, **fields: Any) -> None:
        self.account.callers.append(Caller("key_1", "shop", 0, **fields))


@pytest.fixture
def patients(internet: Internet) -> Iterator[Callable[[], Patient]]:
    with closing(HttpClient()) as providers:
        yield lambda: Patient(internet, providers)


@pytest.fixture
def patient(patients: Callable[[], Patient]) -> Patient:
    return patients()


def asks_for(name: str) -> Callable[[Any], bool]:
    """Whether a request is about this resource."""
    return lambda asked: any(str(value).endswith(f"easel-dev-{name}") for value in asked.values())


def test_a_healthy_deployment_has_nothing_to_fix(patient: Patient) -> None:
    patient.account.usage = [
        {"owner": f"usage#{TODAY}", "name": "key_1#gpt-image-2.6-flare", "spent": 46150, "images": 1, "reserved": 0}
    ]
    examined = patient.examined()
    assert [each.check for each in examined] == list(CHECKS)
    assert {each.check: each.findings for each in examined if each.severity != "ok"} == {}


Plant = Callable[[Patient], Any]


def both(first: Plant, second: Plant) -> Plant:
    """A fault that takes two changes."""

    def plant(patient: Patient) -> None:
        first(patient)
        second(patient)

    return plant


# By the kind of the fault: how it is planted, the check that finds it, how bad it is, and words of what is wrong and
# of its fix.
FAULTS: dict[str, tuple[Plant, str, Severity, str, str]] = {
    "the last deployment failed": (
        lambda p: p.account.change("cloudformation:DescribeStacks", "Stacks", 0, "StackStatus", to="ROLLBACK_FAILED"),
        "stack",
        "broken",
        "ROLLBACK_FAILED",
        "easel --stack easel-dev remove",
    ),
    "the last update was rolled back": (
        lambda p: p.account.change(
            "cloudformation:DescribeStacks", "Stacks", 0, "StackStatus", to="UPDATE_ROLLBACK_COMPLETE"
        ),
        "stack",
        "warning",
        "the version before it runs",
        "describe-stack-events",
    ),
    "the clock is off": (
        lambda p: p.account.change(
            "sts:GetCallerIdentity",
            "ResponseMetadata",
            to={"HTTPHeaders": {"date": format_datetime(datetime.fromtimestamp(time.time() + 200, UTC))}},
        ),
        "clock",
        "warning",
        "seconds behind AWS's",
        "set-ntp",
    ),
    "the root user asks": (
        lambda p: p.account.change("sts:GetCallerIdentity", "Arn", to=f"arn:aws:iam::{ACCOUNT}:root"),
        "identity",
        "warning",
        "root user",
        "use a role",
    ),
    "the workers use up the account's concurrency": (
        lambda p: p.account.change(
            "lambda:GetAccountSettings",
            "AccountLimit",
            to={"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 5},
        ),
        "concurrency",
        "broken",
        "5 functions can run at the same time (10 in the account, 5 reserved)",
        "--quota-code L-B99A9384",
    ),
    "a waiting caller uses up the account's concurrency": (
        lambda p: p.account.change(
            "lambda:GetAccountSettings",
            "AccountLimit",
            to={"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10},
        ),
        "concurrency",
        "warning",
        "need 26",
        "CallerWaitingCalls=2",
    ),
    "the secret does not exist": (
        lambda p: p.account.refuse("secretsmanager:GetSecretValue", "ResourceNotFoundException"),
        "provider secrets",
        "broken",
        SECRET,
        "aws secretsmanager create-secret --name easel/openai",
    ),
    "the secret is about to be deleted": (
        lambda p: p.account.change(
            "secretsmanager:DescribeSecret",
            "DeletedDate",
            to=datetime.now(UTC),
            when=lambda asked: asked["SecretId"] == SECRET,
        ),
        "provider secrets",
        "broken",
        "about to be deleted",
        f"aws secretsmanager restore-secret --secret-id {SECRET}",
    ),
    "the secret is encrypted with a key of the operator's own": (
        lambda p: p.account.change("secretsmanager:DescribeSecret", "KmsKeyId", to="arn:aws:kms:eu:1:key/own"),
        "provider secrets",
        "broken",
        "key/own",
        "--kms-key-id alias/aws/secretsmanager",
    ),
    "the secret is in another region": (
        lambda p: p.set(OpenAiSecretArn=SECRET.replace("eu-central-1", "us-east-1")),
        "provider secrets",
        "broken",
        "is in us-east-1",
        "create it in eu-central-1",
    ),
    "the operator cannot read the secret": (
        lambda p: p.account.refuse("secretsmanager:GetSecretValue", "AccessDeniedException"),
        "provider secrets",
        "unknown",
        "you are not allowed to read openai's secret",
        "secretsmanager:GetSecretValue",
    ),
    "the secret of browser tokens is about to be deleted": (
        lambda p: p.account.change(
            "secretsmanager:DescribeSecret",
            "DeletedDate",
            to=datetime.now(UTC),
            when=lambda asked: "tokens" in asked["SecretId"],
        ),
        "provider secrets",
        "broken",
        "browser tokens",
        "restore-secret",
    ),
    "the provider refuses the key": (
        lambda p: p.web.answer(OPENAI, 401),
        "provider access",
        "broken",
        "refuses its key (401)",
        f"put-secret-value --secret-id {SECRET}",
    ),
    "the provider cannot be reached": (
        lambda p: p.internet.get(f"https://{OPENAI}/v1/models", REFUSED),
        "provider access",
        "broken",
        "cannot be reached",
        "check the base URL",
    ),
    "the provider is down": (
        lambda p: p.web.answer(OPENAI, 503),
        "provider access",
        "warning",
        "answers 503",
        "status page",
    ),
    "the base URL is another server's": (
        lambda p: p.web.answer(OPENAI, text="<html>"),
        "provider access",
        "broken",
        "not a list of models",
        "check the base URL",
    ),
    "the base URL has no list of models": (
        lambda p: p.web.answer(OPENAI, 404),
        "provider access",
        "unknown",
        "no list of models",
        "buy one image",
    ),
    "the provider is switched off": (
        lambda p: p.set(OpenAiEnabled="false"),
        "provider access",
        "warning",
        "switched off",
        "OpenAiEnabled=true",
    ),
    "the default model does not exist": (
        lambda p: p.set(DefaultModel="dall-e-9"),
        "models",
        "broken",
        "'dall-e-9'",
        "DefaultModel",
    ),
    "the key cannot use the default model": (
        lambda p: p.web.answer(OPENAI, json={"data": [{"id": "gpt-image-2"}]}),
        "models",
        "broken",
        "does not list 'gpt-image-2.6-flare'",
        "let the key's project use it",
    ),
    "the default model is shut down soon": (
        lambda p: p.web.answers.update({OPENAI: lambda _: soon("gpt-image-2.6-flare")}),
        "models",
        "warning",
        "will be shut down on",
        "deploy with another DefaultModel",
    ),
    "a model that a key is limited to has been shut down": (
        both(lambda p: p.set(RetiredModels="reject"), lambda p: p.caller(models=("dall-e-3",))),
        "models",
        "broken",
        "'dall-e-3', used by key_1, was shut down",
        "easel keys set",
    ),
    "Bedrock's models are not enabled": (
        both(
            lambda p: p.account.outputs.update(Providers="openai bedrock"),
            lambda p: p.account.change(
                "bedrock:GetFoundationModelAvailability", "authorizationStatus", to="NOT_AUTHORIZED"
            ),
        ),
        "Bedrock access",
        "broken",
        "in us-west-2",
        "#/model-catalog",
    ),
    "Bedrock's region does not have the models": (
        both(
            lambda p: p.account.outputs.update(Providers="openai bedrock"),
            lambda p: p.account.refuse("bedrock:GetFoundationModelAvailability", "ResourceNotFoundException"),
        ),
        "Bedrock access",
        "broken",
        "stable-image-core",
        "#/model-catalog",
    ),
    "all buying is stopped": (
        lambda p: p.account.ledger.append(
            {"owner": "control", "name": "deployment", "stopped_at": 1795348800, "reason": "audit"}
        ),
        "buying",
        "warning",
        "stopped since 2026-11-22T12:00Z (audit)",
        "easel resume",
    ),
    "nothing limits what is spent": (
        both(lambda p: p.set(DailyBudgetUsd=""), lambda p: p.caller()),
        "budgets",
        "warning",
        "limits what 1 key can spend",
        "easel budget set",
    ),
    "only keys have budgets": (
        both(lambda p: p.set(DailyBudgetUsd=""), lambda p: p.caller(budget=Budget(day=1))),
        "budgets",
        "warning",
        "only the keys",
        "easel budget set",
    ),
    "a function is closed": (
        lambda p: p.account.change(
            "lambda:GetFunctionConcurrency",
            "ReservedConcurrentExecutions",
            to=0,
            when=asks_for("WorkerFunction"),
        ),
        "functions",
        "broken",
        "WorkerFunction is closed",
        f"aws lambda delete-function-concurrency --function-name {WORKER}",
    ),
    "a function failed to update": (
        lambda p: p.account.change(
            "lambda:GetFunctionConfiguration", "LastUpdateStatus", to="Failed", when=asks_for("SweepFunction")
        ),
        "functions",
        "broken",
        "SweepFunction: its last update failed",
        "make deploy",
    ),
    "the worker is disconnected": (
        lambda p: p.account.change(
            "lambda:ListEventSourceMappings",
            "EventSourceMappings",
            0,
            "State",
            to="Disabled",
            when=asks_for("WorkerFunction"),
        ),
        "connections",
        "broken",
        "WorkerFunction is disconnected from its queue",
        f"update-event-source-mapping --uuid {MAPPING} --enabled",
    ),
    "nothing feeds the announcer": (
        lambda p: p.account.change(
            "lambda:ListEventSourceMappings", "EventSourceMappings", to=[], when=asks_for("AnnouncerFunction")
        ),
        "connections",
        "broken",
        "nothing feeds AnnouncerFunction",
        "#undoing-drift",
    ),
    "the sweep is not scheduled": (
        lambda p: p.account.change(
            "scheduler:GetSchedule", "State", to="DISABLED", when=asks_for("SweepFunctionEveryMinute")
        ),
        "connections",
        "broken",
        "SweepFunction does not run",
        "EventBridge, Schedules, easel-dev-SweepFunctionEveryMinute, Enable",
    ),
    "a queue shows messages while they are worked on": (
        lambda p: p.account.change(
            "sqs:GetQueueAttributes", "Attributes", "VisibilityTimeout", to="305", when=asks_for("JobsQueue")
        ),
        "time limits",
        "broken",
        "worked on twice",
        "--attributes VisibilityTimeout=1800",
    ),
    "a queue shows messages too early": (
        lambda p: p.account.change(
            "sqs:GetQueueAttributes", "Attributes", "VisibilityTimeout", to="100", when=asks_for("DropsQueue")
        ),
        "time limits",
        "warning",
        "DropsQueue",
        "VisibilityTimeout=360",
    ),
    "a function dies before the gateway gives up": (
        lambda p: p.account.change("lambda:GetFunctionConfiguration", "Timeout", to=28, when=asks_for("ApiFunction")),
        "time limits",
        "broken",
        "ApiFunction dies after 28 s",
        "--timeout 30",
    ),
    "a door waits longer than it may": (
        lambda p: p.account.change(
            "lambda:GetFunctionConfiguration",
            "Environment",
            "Variables",
            to={"EASEL_MAX_WAIT_SECONDS": "60"},
            when=asks_for("McpFunction"),
        ),
        "time limits",
        "broken",
        "McpFunction waits for a job for up to 60 s",
        "EASEL_MAX_WAIT_SECONDS",
    ),
    "drops failed": (
        lambda p: p.account.change(
            "sqs:GetQueueAttributes",
            "Attributes",
            "ApproximateNumberOfMessages",
            to="3",
            when=asks_for("DropsDeadLetterQueue"),
        ),
        "dead letters",
        "broken",
        "3 dropped images",
        "easel redrive",
    ),
    "a table has no backups": (
        lambda p: p.account.change(
            "dynamodb:DescribeContinuousBackups",
            "ContinuousBackupsDescription",
            "PointInTimeRecoveryDescription",
            "PointInTimeRecoveryStatus",
            to="DISABLED",
            when=asks_for("LedgerTable"),
        ),
        "tables",
        "warning",
        "LedgerTable has no point-in-time recovery",
        "aws dynamodb update-continuous-backups --table-name easel-dev-LedgerTable",
    ),
    "a table of prod is not protected": (
        both(
            lambda p: p.set(Environment="prod"),
            lambda p: p.account.change("dynamodb:DescribeTable", "Table", "DeletionProtectionEnabled", to=False),
        ),
        "tables",
        "warning",
        "not protected from deletion",
        "--deletion-protection-enabled",
    ),
    "records of jobs are never deleted": (
        lambda p: p.account.change(
            "dynamodb:DescribeTimeToLive", "TimeToLiveDescription", to={"TimeToLiveStatus": "DISABLED"}
        ),
        "expiry of records",
        "warning",
        "never deleted",
        "aws dynamodb update-time-to-live",
    ),
    "the table of jobs has no stream": (
        lambda p: p.account.change("dynamodb:DescribeTable", "Table", "StreamSpecification"),
        "expiry of records",
        "broken",
        "no stream",
        "#undoing-drift",
    ),
    "a bucket can be made public": (
        lambda p: p.account.refuse("s3:GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        "privacy of buckets",
        "broken",
        "ImagesBucket can be made public",
        "put-public-access-block",
    ),
    "a bucket is not encrypted": (
        lambda p: p.account.refuse("s3:GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError"),
        "privacy of buckets",
        "warning",
        "no encryption",
        "put-bucket-encryption",
    ),
    "images are never deleted": (
        lambda p: p.account.refuse("s3:GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        "expiry of images",
        "warning",
        "images/ in ImagesBucket is never deleted",
        "#undoing-drift",
    ),
    "images are kept for another time than deployed": (
        lambda p: p.account.change("s3:GetBucketLifecycleConfiguration", "Rules", 0, "Expiration", to={"Days": 7}),
        "expiry of images",
        "warning",
        "deleted after 7 days, not 30",
        "RetentionDays=7",
    ),
    "the inbox keeps no versions": (
        lambda p: p.account.change("s3:GetBucketVersioning", "Status", to="Suspended"),
        "inbox",
        "broken",
        "keeps no versions",
        "put-bucket-versioning",
    ),
    "the inbox notifies no one": (
        lambda p: p.account.change("s3:GetBucketNotificationConfiguration", "QueueConfigurations", to=[]),
        "inbox",
        "broken",
        "no notification",
        queue_arn("DropsQueue"),
    ),
    "a page cannot read images": (
        both(
            lambda p: p.caller(origins=("https://shop.example",)),
            lambda p: p.account.change(
                "s3:GetBucketCors", "CORSRules", 0, "AllowedOrigins", to=["https://*.example.com"]
            ),
        ),
        "CORS of images",
        "broken",
        "https://shop.example",
        "put-bucket-cors",
    ),
    "the bucket of images has no CORS": (
        lambda p: p.account.refuse("s3:GetBucketCors", "NoSuchCORSConfiguration"),
        "CORS of images",
        "broken",
        "cannot GET",
        "put-bucket-cors",
    ),
    "a firewall answers preflights": (
        lambda p: p.web.answers.update({API: lambda r: httpx.Response(403) if r.method == "OPTIONS" else Web()(r)}),
        "CORS of the API",
        "broken",
        "cannot call ApiUrl",
        "firewall",
    ),
    "the HTTP API answers 5xx": (
        lambda p: p.web.answers.update({API: lambda r: Web()(r) if r.method == "OPTIONS" else httpx.Response(502)}),
        "HTTP API",
        "broken",
        "ApiUrl answers 502",
        "ApiLogs",
    ),
    "the direct URL does not answer": (
        lambda p: p.web.fail(DIRECT),
        "HTTP API",
        "broken",
        "DirectUrl does not answer (ConnectError)",
        "DirectLogs",
    ),
    "the deployment runs another version": (
        lambda p: p.web.answers.update(
            {API: lambda r: Web()(r) if r.method == "OPTIONS" else httpx.Response(200, json={"version": "0.0.9"})}
        ),
        "HTTP API",
        "warning",
        f"runs version 0.0.9, and this command is {__version__}",
        "git checkout v0.0.9",
    ),
    "the MCP server crashes": (
        lambda p: p.web.answer(MCP, 502),
        "MCP server",
        "broken",
        "McpUrl answers 502",
        "McpLogs",
    ),
    "an alarm was deleted": (
        lambda p: p.account.change("monitoring:DescribeAlarms", "MetricAlarms", to=[]),
        "alarms",
        "broken",
        "UnknownOutcomesAlarm was deleted",
        "deploy again",
    ),
    "an alarm is switched off": (
        lambda p: p.account.change("monitoring:DescribeAlarms", "MetricAlarms", 0, "ActionsEnabled", to=False),
        "alarms",
        "broken",
        "AccessRefusedAlarm is switched off",
        "enable-alarm-actions --alarm-names easel-dev-AccessRefusedAlarm",
    ),
    "an alarm notifies no one": (
        lambda p: p.account.change("monitoring:DescribeAlarms", "MetricAlarms", 0, "AlarmActions", to=[]),
        "alarms",
        "broken",
        "notifies no one",
        "#undoing-drift",
    ),
    "an alarm is going off": (
        lambda p: p.account.change("monitoring:DescribeAlarms", "MetricAlarms", 0, "StateValue", to="ALARM"),
        "alarms",
        "warning",
        "AccessRefusedAlarm is in ALARM",
        "docs/runbook.md#accessrefusedalarm",
    ),
    "no one has subscribed to alarms": (
        lambda p: p.account.change("sns:ListSubscriptionsByTopic", "Subscriptions", to=[]),
        "alarm subscriber",
        "warning",
        "no subscriber",
        f"aws sns subscribe --topic-arn {TOPIC}",
    ),
    "the subscription to alarms is not confirmed": (
        lambda p: p.account.change(
            "sns:ListSubscriptionsByTopic", "Subscriptions", 0, "SubscriptionArn", to="PendingConfirmation"
        ),
        "alarm subscriber",
        "broken",
        "not confirmed",
        "follow its link",
    ),
}


def soon(model: str) -> httpx.Response:
    """A list in which a model ends within the warned days."""
    return listed(**{model: TODAY + timedelta(days=20)})


@pytest.mark.parametrize("fault", FAULTS)
def test_it_finds_a_planted_fault_and_names_its_fix(patient: Patient, fault: str) -> None:
    plant, check, severity, what, fix = FAULTS[fault]
    plant(patient)
    found = patient.found_by(check)
    assert worst(found) == severity, found
    assert [each for each in found if what in each.what and fix in each.fix], found
    assert all(bool(each.fix) == (each.severity != "ok") for each in found), "whatever is not good has a fix"


def commands_in(fix: str) -> list[list[str]]:
    """The words of each command of the AWS CLI; a comma or semicolon outside quotes ends it."""
    return [shlex.split(command) for command in re.findall(r"\baws (?:'[^']*'|[^',;`])+", fix)]


def is_valid(service: str, action: str, *words: str) -> bool:
    """Whether the service has that operation, and it those options and all that it needs."""
    model = SERVICES.get_service_model({"s3api": "s3"}.get(service, service))
    (operation,) = (name for name in model.operation_names if xform_name(name, "-") == action)
    shape = model.operation_model(operation).input_shape
    assert shape
    # The CLI calls this option of `sns subscribe` so, since each command has --endpoint-url.
    given = {word[2:].replace("notification-endpoint", "endpoint") for word in words if word.startswith("--")}
    needed = {xform_name(name, "-") for name in shape.required_members}
    return needed <= given <= {"region", *(xform_name(name, "-") for name in shape.members)}


def test_every_aws_command_of_a_fix_exists_with_its_options(patients: Callable[[], Patient]) -> None:
    commands = set()
    for plant, check, *_ in FAULTS.values():
        planted = patients()
        plant(planted)
        commands |= {tuple(words) for finding in planted.found_by(check) for words in commands_in(finding.fix)}
    commands = {words for words in commands if words[1] != "configure"}
    assert len({action for _, _, action, *_ in commands}) > 15
    assert [words for words in sorted(commands) if not is_valid(*words[1:])] == []


@pytest.mark.parametrize(
    ("action", "check"),
    [
        ("lambda:GetAccountSettings", "concurrency"),
        ("cloudformation:ListStackResources", "inbox"),
        ("dynamodb:Scan", "models"),
        ("s3:GetBucketCors", "CORS of images"),
        ("dynamodb:DescribeTimeToLive", "expiry of records"),
        ("monitoring:DescribeAlarms", "alarms"),
    ],
)
def test_what_the_operator_cannot_read_is_unknown_and_not_healthy(patient: Patient, action: str, check: str) -> None:
    patient.account.refuse(action, "AccessDenied", status=403)
    (found,) = (each for each in patient.examined() if each.check == check)
    (finding,) = found.findings
    assert finding.severity == "unknown"
    assert action.partition(":")[2] in finding.fix


@pytest.mark.parametrize(
    ("action", "code", "check"),
    [
        ("sqs:GetQueueAttributes", "AWS.SimpleQueueService.NonExistentQueue", "dead letters"),
        ("dynamodb:DescribeTable", "ResourceNotFoundException", "tables"),
        ("s3:GetBucketEncryption", "NoSuchBucket", "privacy of buckets"),
        ("lambda:ListEventSourceMappings", "ResourceNotFoundException", "connections"),
    ],
)
def test_a_resource_that_was_deleted_is_broken(patient: Patient, action: str, code: str, check: str) -> None:
    patient.account.refuse(action, code)
    (found,) = (each for each in patient.examined() if each.check == check)
    assert found.severity == "broken"
    assert "no longer exists" in found.findings[-1].what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is empty"),
        ("", "is empty"),
        ("   ", "is empty"),
        ('{"key": "sk-1"}', "without"),
        ('{"api_key": ""}', "without"),
        ('{"api_key": sk-1}', "not valid JSON"),
        ("Bearer sk-0123", "spaces"),
        ("sk-01\nsk-02", "spaces"),
        ('"sk-0123"', "quotation marks"),
        ("sk-...", "placeholder"),
        ("<your key>".replace(" ", "-"), "placeholder"),
        ("REPLACE_ME", "placeholder"),
        ("$OPENAI_API_KEY", "placeholder"),
        ("sk-your-key-here", "placeholder"),
        ("ek_0123456789012345678901234567890123456789012", "Easel's own"),
        ("AIzaSy0123456789012345678901234567890123456", "does not look like"),
    ],
)
def test_the_text_of_a_secret_that_cannot_be_a_key_is_found(text: str | None, said: str) -> None:
    fault = fault_of_key("openai", text, OPENAI_URL)
    assert fault is not None
    assert said in fault[1]
    assert (text or "?").strip() not in fault[1] or not (text or "").strip(), "no key is repeated"


@pytest.mark.parametrize(
    ("provider", "text", "base_url"),
    [
        ("openai", "sk-proj-" + "a" * 150, OPENAI_URL),
        ("openai", '{"api_key": "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}', OPENAI_URL),
        ("openai", "0123456789abcdef0123456789abcdef", "https://mine.openai.azure.com/openai/v1"),
        ("gemini", "AIzaSy0123456789012345678901234567890123456", ""),
        ("own", "anything", "https://images.example/v1"),
    ],
)
def test_a_key_that_may_be_right_is_left_alone(provider: str, text: str, base_url: str) -> None:
    assert fault_of_key(provider, text, base_url) is None


@pytest.mark.parametrize("status", [200, 401, 503])
def test_no_finding_repeats_a_key(patient: Patient, status: int) -> None:
    patient.web.answer(OPENAI, status)
    assert patient.account.secret
    assert patient.account.secret not in str(patient.examined())


@pytest.mark.parametrize(
    ("error", "what", "fix"),
    [
        (NoCredentialsError(), "no AWS credentials", "--profile"),
        (NoRegionError(), "no AWS region", "--region"),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStacks"), "expired", "log in again"),
        (ClientError({"Error": {"Code": "InvalidClientTokenId"}}, "DescribeStacks"), "does not know", "aws configure"),
        (ClientError({"Error": {"Code": "RequestTimeTooSkewed"}}, "DescribeStacks"), "clock", "set-ntp"),
        (
            ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeStacks"),
            "not allowed",
            "cloudformation:DescribeStacks",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_why_aws_cannot_be_asked_is_named_with_its_fix(error: Exception, what: str, fix: str) -> None:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    found = trouble_of_access(code, str(error))
    assert found is not None
    assert what in found[0]
    assert fix in found[1]


def test_the_guide_describes_every_check_in_the_order_of_the_report() -> None:
    table = (ROOT / "docs/doctor.md").read_text().partition("| check |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) == list(CHECKS)


def test_on_the_laptop_cloud_only_what_it_has_is_examined(patient: Patient) -> None:
    stack = replace(patient.account.stack(), endpoint_url="http://127.0.0.1:4566")
    examined = examine(Deployment(stack, httpx.Client(transport=httpx.MockTransport(patient.web)), patient.providers))
    left_out = set(CHECKS) - {each.check for each in examined}
    assert left_out == set(
        re.findall(r"`([^`]+)`", (ROOT / "docs/doctor.md").read_text().partition("are left out:")[2].partition("\n")[0])
    )
    assert len(left_out) == 6
