"""What each role of the template can do and what it cannot, by evaluating its policies as AWS does."""

import copy
import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from core import catalog
from tests.deployment.template.test_template import Template, as_list, of_type, roles_of_functions, statements, target
from tests.support import permissions, template
from tests.support.permissions import LEADING_KEYS
from tests.support.powers import ALL, FORBIDDEN, Attempt

TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("attempt", FORBIDDEN, ids=str)
def test_what_a_role_does_not_need_is_denied(attempt: Attempt) -> None:
    assert not all(permissions.allows(attempt.role, access) for access in attempt.accesses())


@pytest.mark.parametrize("attempt", FORBIDDEN, ids=str)
def test_a_statement_that_would_allow_it_is_found(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    widened = copy.deepcopy(template.TEMPLATE)
    (policy,) = widened["Resources"][attempt.role]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"] += [
        {"Effect": "Allow", "Action": access.action, "Resource": {"Ref": access.resource}}
        for access in attempt.accesses()
    ]
    monkeypatch.setattr(permissions, "TEMPLATE", widened)
    permissions.statements_of.cache_clear()
    try:
        assert all(permissions.allows(attempt.role, access) for access in attempt.accesses())
    finally:
        permissions.statements_of.cache_clear()


def test_every_role_of_a_function_is_in_the_table(transformed: Template) -> None:
    assert roles_of_functions(transformed) == set(ALL) == {attempt.role for attempt in FORBIDDEN}


def test_items_of_a_table_are_allowed_by_their_partition_keys_only(transformed: Template) -> None:
    """Streams and indexes have an ARN of their own, which narrows them."""
    tables = of_type(transformed, "AWS::DynamoDB::Table")
    found = 0
    for owner, statement in statements(transformed):
        of_a_table = any(
            target(resource) in tables and resource.get("Fn::GetAtt", ["", ""])[1] == "Arn"
            for resource in as_list(statement["Resource"])
        )
        if of_a_table:
            found += 1
            patterns = statement["Condition"]["ForAllValues:StringLike"][LEADING_KEYS]
            assert patterns, (owner, statement)
            assert all(not pattern.startswith("*") for pattern in patterns), (owner, statement)
    assert found


def test_a_condition_on_all_values_does_not_hold_for_a_request_without_any(transformed: Template) -> None:
    for owner, statement in statements(transformed):
        conditions: dict[str, Any] = statement.get("Condition", {})
        for operator, condition in conditions.items():
            if operator.startswith("ForAllValues:"):
                assert conditions["Null"] == dict.fromkeys(condition, "false"), (owner, statement)


def test_roles_are_assumed_for_this_account_only(transformed: Template) -> None:
    roles = of_type(transformed, "AWS::IAM::Role")
    assert roles
    for name, role in roles.items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}, name


def test_a_function_writes_to_its_own_logs_only(transformed: Template) -> None:
    groups: dict[str, set[str]] = {}
    for function in of_type(transformed, "AWS::Lambda::Function").values():
        groups.setdefault(target(function["Role"]), set()).add(target(function["LoggingConfig"]["LogGroup"]))
    writable: dict[str, set[str]] = {}
    for owner, statement in statements(transformed):
        if any(action.startswith("logs:") for action in as_list(statement["Action"])):
            writable.setdefault(owner, set()).update(target(resource) for resource in as_list(statement["Resource"]))
    assert writable == groups
    assert not any("ManagedPolicyArns" in role for role in of_type(transformed, "AWS::IAM::Role").values())


@pytest.mark.parametrize(
    ("kind", "policy_kind", "named", "action"),
    [
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues", "sqs:*"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
    ],
)
def test_queues_and_topics_refuse_plain_http(
    transformed: Template, kind: str, policy_kind: str, named: str, action: str
) -> None:
    """The endpoints of SQS, SNS and S3 also speak plain HTTP; that of EventBridge does not."""
    refusing = {
        target(resource)
        for policy in of_type(transformed, policy_kind).values()
        for statement in policy["PolicyDocument"]["Statement"]
        for resource in policy[named]
        if (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", action)
        and statement["Condition"] == TLS_ONLY
        and target(statement["Resource"]) == target(resource)
    }
    assert refusing == of_type(transformed, kind).keys()


def test_only_alarms_of_this_account_publish_to_the_topic_of_alarms(transformed: Template) -> None:
    (policy,) = of_type(transformed, "AWS::SNS::TopicPolicy").values()
    (allowed,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert "alarm:*" in json.dumps(allowed["Condition"]["ArnLike"])


def test_the_worker_may_buy_every_model_of_the_catalog_from_bedrock(transformed: Template) -> None:
    """A model that is called through an inference profile needs the profile, and the model behind it in each region."""
    allowed = [
        resource["Fn::Sub"].partition("bedrock:")[2]
        for owner, statement in statements(transformed)
        if owner == "WorkerRole" and "bedrock:InvokeModel" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]

    def holds(resource: str) -> bool:
        return any(fnmatchcase(resource, pattern) for pattern in allowed)

    names = [model.sent_as for model in catalog.load("bedrock").models.values()]
    assert names
    for name in names:
        if name.startswith("us."):
            assert holds(f"${{BedrockRegion}}:${{AWS::AccountId}}:inference-profile/{name}"), name
            for region in ("us-east-1", "us-east-2", "us-west-2"):
                assert holds(f"{region}::foundation-model/{name.removeprefix('us.')}"), (region, name)
        else:
            assert holds(f"${{BedrockRegion}}::foundation-model/{name}"), name
