"""What has to hold in every version of the template; asked of what is deployed, after the SAM transform."""

import copy
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

Template = dict[str, Any]
Properties = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, Properties]:
    """The properties of all resources of a type, by name."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def target(value: Any) -> str:
    """The resource that a Ref, GetAtt or Sub names first."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), _]}:
            return name
        case {"Fn::Sub": str(text)} if found := re.match(r"\$\{(\w+)", text):
            return found[1]
    return ""


def number(template: Template, value: Any, parameters: dict[str, str]) -> int:
    """A number that may come from a parameter or a mapping."""
    match value:
        case {"Ref": name}:
            return int(parameters[name])
        case {"Fn::FindInMap": [mapping, {"Ref": name}, key]}:
            return int(template["Mappings"][mapping][parameters[name]][key])
    return int(value)


def parameter_sets(template: Template) -> Iterator[dict[str, str]]:
    """Every combination of the parameters that have a list of allowed values; the others at their defaults."""
    described = template["Parameters"]
    defaults = {name: str(each["Default"]) for name, each in described.items() if "Default" in each}
    listed = {name: each["AllowedValues"] for name, each in described.items() if "Timeout" in name}
    for values in itertools.product(*listed.values()):
        yield defaults | {name: str(value) for name, value in zip(listed, values, strict=True)}


def statements(template: Template) -> Iterator[tuple[str, Properties]]:
    """Every statement of every role and managed policy, with the name of its owner."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        for name, policy in of_type(template, kind).items():
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def consumers(template: Template) -> Iterator[tuple[str, Properties, Properties]]:
    """Every queue that feeds a function: its name, the queue, the function."""
    queues, functions = of_type(template, "AWS::SQS::Queue"), of_type(template, "AWS::Lambda::Function")
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        source = target(mapping["EventSourceArn"])
        if source in queues:
            yield source, queues[source], functions[target(mapping["FunctionName"])]


def senders(template: Template) -> Iterator[tuple[str, str]]:
    """Every function whose role can send to a queue, with that queue."""
    queues = of_type(template, "AWS::SQS::Queue")
    roles: dict[str, list[str]] = {}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        roles.setdefault(target(function["Role"]), []).append(name)
    for owner, statement in statements(template):
        if "sqs:SendMessage" in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                if target(resource) in queues:
                    yield from ((function, target(resource)) for function in roles.get(owner, []))


# ---------------------------------------------------------------- queues


def test_lambda_does_not_stop_a_function_whose_messages_come_back_to_it(transformed: Template) -> None:
    """Lambda refuses the 17th invocation of a chain in which a function feeds the queue that invokes it, also by way of
    another function. A loop that is meant needs RecursiveLoop, and a line in ADR 22 that says what ends it.
    """
    functions = of_type(transformed, "AWS::Lambda::Function")
    consumer = {
        target(mapping["EventSourceArn"]): target(mapping["FunctionName"])
        for mapping in of_type(transformed, "AWS::Lambda::EventSourceMapping").values()
    }
    invokes: dict[str, set[str]] = {name: set() for name in functions}
    for function, queue in senders(transformed):
        if queue in consumer:
            invokes[function].add(consumer[queue])

    def reached_from(start: str) -> set[str]:
        found: set[str] = set()
        more = set(invokes[start])
        while more:
            found |= more
            more = {after for name in more for after in invokes[name]} - found
        return found

    looping = {name for name in functions if name in reached_from(name)}
    assert looping == {"WorkerFunction", "DropFunction", "WebhookFunction"}
    allowed = {name for name, function in functions.items() if function.get("RecursiveLoop") == "Allow"}
    assert allowed == looping
    decision = (Path(__file__).parents[3] / "docs/adr/0022-loops-that-are-meant.md").read_text()
    assert all(f"`{name}`" in decision for name in looping)


def test_all_functions_share_one_package(transformed: Template) -> None:
    """As local/finishing.py takes for granted."""
    assert (
        len({json.dumps(function["Code"]) for function in of_type(transformed, "AWS::Lambda::Function").values()}) == 1
    )


def test_a_message_stays_hidden_for_six_runs_of_its_consumer(transformed: Template) -> None:
    assert list(consumers(transformed))
    for parameters in parameter_sets(transformed):
        for name, queue, function in consumers(transformed):
            hidden = number(transformed, queue["VisibilityTimeout"], parameters)
            assert hidden >= 6 * number(transformed, function["Timeout"], parameters), (name, parameters)


def test_a_dead_letter_queue_keeps_messages_longer_than_the_queue_before_it(transformed: Template) -> None:
    queues = of_type(transformed, "AWS::SQS::Queue")
    pairs = [
        (queue, target(queue["RedrivePolicy"]["deadLetterTargetArn"]))
        for queue in queues.values()
        if "RedrivePolicy" in queue
    ]
    assert pairs
    for queue, dead_letters in pairs:
        assert queues[dead_letters]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_every_consumed_queue_has_a_dead_letter_queue_or_is_one(transformed: Template) -> None:
    queues = of_type(transformed, "AWS::SQS::Queue")
    dead_letter_queues = {
        target(queue["RedrivePolicy"]["deadLetterTargetArn"]) for queue in queues.values() if "RedrivePolicy" in queue
    }
    for name, queue, _ in consumers(transformed):
        assert "RedrivePolicy" in queue or name in dead_letter_queues, name


def test_a_message_survives_a_few_throttled_deliveries(transformed: Template) -> None:
    """A throttled delivery counts as a receive. Source: AWS Lambda, SQS event sources: at least five receives."""
    for name, queue, _ in consumers(transformed):
        if "RedrivePolicy" in queue:
            assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5, name


def test_consumers_report_failures_message_by_message(transformed: Template) -> None:
    for name, mapping in of_type(transformed, "AWS::Lambda::EventSourceMapping").items():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


# ---------------------------------------------------------------- concurrency


def test_nothing_is_reserved_unless_the_operator_asks(transformed: Template) -> None:
    """While the account's quota is 10, as in new accounts, any reservation fails the deployment."""
    reserved = {
        name: function["ReservedConcurrentExecutions"]
        for name, function in of_type(transformed, "AWS::Lambda::Function").items()
        if "ReservedConcurrentExecutions" in function
    }
    assert set(reserved) == {"DirectFunction", "McpFunction"}, "the doors that no gateway throttles"
    for condition, asked, otherwise in (value["Fn::If"] for value in reserved.values()):
        assert otherwise == {"Ref": "AWS::NoValue"}
        assert transformed["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [asked, ""]}]}
        assert transformed["Parameters"][asked["Ref"]]["Default"] == ""


@pytest.mark.parametrize("parameter", ["DirectConcurrency", "McpConcurrency"])
def test_a_reservation_is_a_number_of_calls_and_0_closes_the_door(transformed: Template, parameter: str) -> None:
    pattern = transformed["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, good) for good in ("", "0", "1", "20", "1000"))
    assert not any(re.fullmatch(pattern, bad) for bad in ("-1", "1.5", "many", " ", "1e3", "٣"))


# ---------------------------------------------------------------- streams


def test_a_url_streams_exactly_if_its_function_has_the_runtime_that_does(transformed: Template) -> None:
    """The answer of one in the format of the other would show callers its prelude, or nothing."""
    functions = of_type(transformed, "AWS::Lambda::Function")
    wrapper = "AWS_LAMBDA_EXEC_WRAPPER"
    wrapped = {name for name, function in functions.items() if wrapper in function["Environment"]["Variables"]}
    urls = of_type(transformed, "AWS::Lambda::Url").values()
    streaming = {target(url["TargetFunctionArn"]) for url in urls if url.get("InvokeMode") == "RESPONSE_STREAM"}
    assert wrapped == streaming == {"DirectFunction"}


def test_the_exec_wrapper_is_a_program_of_the_package(transformed: Template) -> None:
    function = of_type(transformed, "AWS::Lambda::Function")["DirectFunction"]
    place = function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    assert place.startswith("/var/task/")
    program = Path(__file__).parents[3] / "src" / place.removeprefix("/var/task/")
    assert program.stat().st_mode & 0o111 == 0o111
    assert program.read_bytes().startswith(b"#!/bin/sh\n")
    assert b"\r" not in program.read_bytes()


# ---------------------------------------------------------------- permissions


def test_no_statement_allows_an_action_by_wildcard(transformed: Template) -> None:
    for owner, statement in statements(transformed):
        assert not any("*" in action for action in as_list(statement["Action"])), (owner, statement)


def test_every_statement_names_resources_of_this_stack_or_a_parameter_or_models(transformed: Template) -> None:
    names = {*transformed["Resources"], *transformed["Parameters"]}
    models = re.compile(
        r"arn:\$\{AWS::Partition\}:bedrock:[^:]+(::foundation-model|:\S+:inference-profile)/\S*stability\.\S+"
    )
    for owner, statement in statements(transformed):
        for resource in as_list(statement["Resource"]):
            if models.fullmatch(resource.get("Fn::Sub", "")):
                continue
            assert target(resource) in names, (owner, statement)
            # A star may only end a path inside a bucket: ${Bucket.Arn}/images/*. In the inbox every path is its users'.
            pattern = r"[^*]*(/[\w-]+/\*)?" if target(resource) != "InboxBucket" else r"[^*]*(/\*)?"
            assert re.fullmatch(pattern, resource.get("Fn::Sub", "")), (owner, statement)


def test_statements_of_functions_have_a_name_to_be_removed_by(transformed: Template) -> None:
    used = {target(function["Role"]) for function in of_type(transformed, "AWS::Lambda::Function").values()}
    sids = [statement.get("Sid") for owner, statement in statements(transformed) if owner in used]
    assert None not in sids
    assert len(sids) == len(set(sids))


def test_only_the_worker_and_the_check_of_models_may_read_the_providers_key(transformed: Template) -> None:
    readers = {
        owner
        for owner, statement in statements(transformed)
        if "secretsmanager" in json.dumps(statement) and target(statement["Resource"]) != "TokenSecret"
    }
    functions = of_type(transformed, "AWS::Lambda::Function")
    assert {name for name, function in functions.items() if target(function["Role"]) in readers} == {
        "WorkerFunction",
        "ModelCheckFunction",
    }


def test_assistants_may_do_what_callers_of_the_http_api_may_but_delete_nothing_and_report_no_usage(
    transformed: Template,
) -> None:
    """What a new rule needs at the one door it needs at the other: add the statement to both roles."""

    def rights(role: str) -> set[tuple[str, str]]:
        return {
            (action, json.dumps(statement["Resource"]))
            for owner, statement in statements(transformed)
            if owner == role
            for action in as_list(statement["Action"])
        }

    more = {(action, resource) for action, resource in rights("ApiRole") - rights("McpRole")}
    own_logs = {"logs:CreateLogStream", "logs:PutLogEvents"}
    http_only = {"s3:DeleteObject", "dynamodb:Query", "sqs:GetQueueAttributes", "secretsmanager:GetSecretValue"}
    assert {action for action, _ in more} <= http_only | own_logs
    assert {action for action, _ in rights("McpRole") - rights("ApiRole")} == own_logs


def test_only_the_http_api_may_read_what_signs_browser_tokens(transformed: Template) -> None:
    readers = {owner for owner, statement in statements(transformed) if "TokenSecret" in json.dumps(statement)}
    assert readers == {"ApiRole"}


def test_a_function_url_is_allowed_by_both_permissions_it_needs(transformed: Template) -> None:
    urls = of_type(transformed, "AWS::Lambda::Url").values()
    permissions = of_type(transformed, "AWS::Lambda::Permission").values()
    assert urls
    for url in urls:
        allowed = {
            permission["Action"]: permission
            for permission in permissions
            if target(permission["FunctionName"]) == target(url["TargetFunctionArn"])
        }
        assert allowed["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == url["AuthType"]
        assert allowed["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True


# ---------------------------------------------------------------- the S3 door


def roles_of_functions(template: Template) -> set[str]:
    return {target(function["Role"]) for function in of_type(template, "AWS::Lambda::Function").values()}


def buckets_that_tell(template: Template) -> set[str]:
    """Buckets whose events reach somebody."""
    return {
        name for name, bucket in of_type(template, "AWS::S3::Bucket").items() if "NotificationConfiguration" in bucket
    }


def writers(template: Template, buckets: set[str]) -> list[tuple[str, str]]:
    """Roles of functions that may write to one of the buckets, with the statement that lets them."""
    writing = ("s3:Put", "s3:Delete", "s3:Restore", "s3:Replicate", "s3:Abort", "s3:*", "*")
    return [
        (owner, str(statement.get("Sid")))
        for owner, statement in statements(template)
        if statement["Effect"] == "Allow"
        and any(action.startswith(writing) for action in as_list(statement["Action"]))
        and any(resource == "*" or target(resource) in buckets for resource in as_list(statement["Resource"]))
    ]


def test_no_bucket_that_tells_of_its_objects_is_written_by_a_function(transformed: Template) -> None:
    assert buckets_that_tell(transformed) == {"InboxBucket"}
    assert writers(transformed, buckets_that_tell(transformed)) == []


@pytest.mark.parametrize(
    "resource", [{"Fn::Sub": "${InboxBucket.Arn}/*"}, {"Fn::GetAtt": ["InboxBucket", "Arn"]}, "*"], ids=str
)
@pytest.mark.parametrize("action", ["s3:PutObject", ["s3:GetObject", "s3:DeleteObject"], "s3:*"])
def test_a_policy_that_lets_a_function_write_there_is_found(transformed: Template, resource: Any, action: Any) -> None:
    changed = copy.deepcopy(transformed)
    (policy,) = changed["Resources"]["WorkerRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"] += [
        {"Sid": "Mistake", "Effect": "Allow", "Action": action, "Resource": resource}
    ]
    assert writers(changed, buckets_that_tell(changed)) == [("WorkerRole", "Mistake")]


def test_a_notification_of_the_bucket_that_functions_write_to_is_found(transformed: Template) -> None:
    changed = copy.deepcopy(transformed)
    changed["Resources"]["ImagesBucket"]["Properties"]["NotificationConfiguration"] = {}
    assert writers(changed, buckets_that_tell(changed))


def test_the_inbox_refuses_writes_of_every_function_whatever_its_role_allows(transformed: Template) -> None:
    policy = transformed["Resources"]["InboxBucketPolicy"]["Properties"]
    assert target(policy["Bucket"]) == "InboxBucket"
    (denied,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == "DenyWritesOfFunctions"]
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    assert {"s3:PutObject", "s3:DeleteObject"} <= set(denied["Action"])
    assert denied["Resource"] == {"Fn::Sub": "${InboxBucket.Arn}/*"}
    named = {target(role) for role in denied["Condition"]["ArnEquals"]["aws:PrincipalArn"]}
    assert named == roles_of_functions(transformed), "name the role of every function there"


def test_only_the_inbox_may_send_to_the_queue_of_drops(transformed: Template) -> None:
    ((queues, allowed),) = [
        (policy["Queues"], statement)
        for policy in of_type(transformed, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert [target(queue) for queue in queues] == ["DropsQueue"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    condition = allowed["Condition"]
    assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    arn, names = condition["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]
    bucket = transformed["Resources"]["InboxBucket"]["Properties"]["BucketName"]["Fn::Sub"]
    assert [arn.rpartition(":")[2], names] == bucket


# ---------------------------------------------------------------- stores


def test_buckets_are_private_encrypted_and_owned_by_this_account(transformed: Template) -> None:
    buckets = of_type(transformed, "AWS::S3::Bucket")
    assert buckets
    for name, bucket in buckets.items():
        assert all(bucket["PublicAccessBlockConfiguration"].values()), name
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4, name
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], name
        assert bucket["LifecycleConfiguration"]["Rules"], name


def test_whatever_a_function_stores_among_the_images_expires(transformed: Template) -> None:
    rules = transformed["Resources"]["ImagesBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    stored = {
        resource["Fn::Sub"].partition("/")[2].partition("/")[0] + "/"
        for _, statement in statements(transformed)
        if "s3:PutObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if target(resource) == "ImagesBucket"
    }
    assert stored == expiring.keys()
    assert (expiring["uploads/"], expiring["previews/"]) == (1, 1)


def test_buckets_refuse_plain_http(transformed: Template) -> None:
    tls_only = {
        target(policy["Bucket"]): statement["Resource"]
        for policy in of_type(transformed, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and (statement["Principal"], statement["Action"]) == ("*", "s3:*")
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    for name in of_type(transformed, "AWS::S3::Bucket"):
        assert tls_only[name] == [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]


def test_queues_are_encrypted(transformed: Template) -> None:
    for name, queue in of_type(transformed, "AWS::SQS::Queue").items():
        assert queue["SqsManagedSseEnabled"] is True, name


def test_tables_are_paid_by_request_and_can_be_restored(transformed: Template) -> None:
    tables = of_type(transformed, "AWS::DynamoDB::Table")
    assert tables
    for name, table in tables.items():
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


# ---------------------------------------------------------------- operations


def test_every_alarm_tells_a_topic_of_this_stack(transformed: Template) -> None:
    topics = of_type(transformed, "AWS::SNS::Topic")
    alarms = of_type(transformed, "AWS::CloudWatch::Alarm")
    assert alarms
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"], name
        assert all(target(action) in topics for action in alarm["AlarmActions"]), name


def test_every_alarm_watches_something_of_this_stack(transformed: Template) -> None:
    for name, alarm in of_type(transformed, "AWS::CloudWatch::Alarm").items():
        values = [dimension["Value"] for dimension in alarm["Dimensions"]]
        assert any(target(value) in transformed["Resources"] or target(value) == "AWS" for value in values), name


def test_functions_that_callers_or_jobs_wait_for_have_an_alarm_on_throttles(transformed: Template) -> None:
    """The sweep runs every minute, so it notices an exhausted account before a caller does."""
    watched = {
        target(alarm["Dimensions"][0]["Value"])
        for alarm in of_type(transformed, "AWS::CloudWatch::Alarm").values()
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Throttles")
    }
    assert watched == {"ApiFunction", "DirectFunction", "McpFunction", "WorkerFunction", "SweepFunction"}


def test_texts_count_deliveries_as_the_queues_do(transformed: Template) -> None:
    """Alarms and outputs say how often a message failed."""
    limits = {
        queue["RedrivePolicy"]["maxReceiveCount"]
        for queue in of_type(transformed, "AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }
    assert limits == {5}
    texts = [alarm["AlarmDescription"]["Fn::Sub"] for alarm in of_type(transformed, "AWS::CloudWatch::Alarm").values()]
    texts += [output["Description"] for output in transformed["Outputs"].values()]
    texts += (Path(__file__).parents[3] / "docs/operations.md").read_text().splitlines()
    counted = [text for text in texts if re.search(r"(message|drop|worker|function|job)\b.* failed\b.* times", text)]
    assert len(counted) > 5
    assert [text for text in counted if "five times" not in text] == []


def test_every_function_logs_to_a_group_of_its_own_that_forgets(transformed: Template) -> None:
    groups = of_type(transformed, "AWS::Logs::LogGroup")
    functions = of_type(transformed, "AWS::Lambda::Function")
    used = [target(function["LoggingConfig"]["LogGroup"]) for function in functions.values()]
    assert len(used) == len(set(used))
    for group in used:
        assert groups[group]["RetentionInDays"], group


def test_functions_run_on_the_architecture_that_is_asked_for(transformed: Template) -> None:
    for name, function in of_type(transformed, "AWS::Lambda::Function").items():
        assert function["Runtime"] == "python3.13", name
        assert function["Architectures"] == [{"Ref": "Architecture"}], name


def test_a_schedule_has_no_fixed_name_that_a_second_stack_would_clash_with(transformed: Template) -> None:
    for name, schedule in of_type(transformed, "AWS::Scheduler::Schedule").items():
        assert "Name" not in schedule, name


def test_every_parameter_explains_itself(transformed: Template) -> None:
    for name, parameter in transformed["Parameters"].items():
        assert parameter["Description"], name
        assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), f"{name} takes anything"


def test_access_logs_hold_nothing_that_a_client_wrote_and_no_permalink(transformed: Template) -> None:
    (stage,) = of_type(transformed, "AWS::ApiGateway::Stage").values()
    condition, setting, otherwise = stage["AccessLogSetting"]["Fn::If"]
    assert condition == "LogsAtGateway"
    assert otherwise == {"Ref": "AWS::NoValue"}
    named = set(re.findall(r"\$context\.([\w.]+)", setting["Format"]))
    assert {"identity.sourceIp", "status", "extendedRequestId"} <= named
    assert not named & {"requestId", "path", "resourcePath", "identity.userAgent", "authorizer", "error.message"}
    assert json.loads(setting["Format"])
