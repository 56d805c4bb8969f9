"""easel remove: deletes a deployment with everything in it, in the order that AWS needs.

CloudFormation deletes no bucket that still holds a version or a delete marker, no bus that has rules, and no table that
is protected. It finds all of these by the resources of the stack, so it also removes what a failed deployment left.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from cli.errors import CommandError
from cli.output import Result, show_note, waiting
from cli.session import Context
from cli.stack import Stack, deployment

# While the first attempt runs, functions may still write to a bucket that was empty.
_ATTEMPTS = 3
_POLL_SECONDS = 5

app = typer.Typer()


@dataclass(frozen=True)
class Resources:
    """What a stack holds that keeps it from being deleted. `protected` names tables, and the stack itself."""

    stack_id: str
    buckets: tuple[str, ...]
    buses: tuple[str, ...]
    tables: tuple[str, ...]
    protected: tuple[str, ...]


def find(stack: Stack) -> Resources:
    """Read what has to be done before the stack can be deleted."""
    cloudformation = stack.client("cloudformation")
    described = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
    found: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name):
        for each in page["StackResourceSummaries"]:
            if each.get("PhysicalResourceId") and each["ResourceStatus"] != "DELETE_COMPLETE":
                found.setdefault(each["ResourceType"], []).append(each["PhysicalResourceId"])
    tables = tuple(found.get("AWS::DynamoDB::Table", ()))
    protected = [name for name in tables if _is_protected(stack, name)]
    if described.get("EnableTerminationProtection"):
        protected.append(stack.name)
    return Resources(
        stack_id=described["StackId"],
        buckets=tuple(found.get("AWS::S3::Bucket", ())),
        buses=tuple(found.get("AWS::Events::EventBus", ())),
        tables=tables,
        protected=tuple(protected),
    )


def remove(stack: Stack, resources: Resources, say: Callable[[str], None]) -> None:
    """Delete the stack and all that it holds, and wait until it is gone; `say` is told how far it is.

    Raises:
        CommandError: something cannot be deleted; the message says what, and why.
    """
    cloudformation = stack.client("cloudformation")
    for name in resources.protected:
        if name == stack.name:
            cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        else:
            stack.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    for _ in range(_ATTEMPTS):
        for bucket in resources.buckets:
            say(f"Emptying {bucket}")
            _empty(stack, bucket)
        for bus in resources.buses:
            _remove_rules(stack, bus)
        say("Deleting the stack, which takes some minutes")
        cloudformation.delete_stack(StackName=resources.stack_id)
        if _is_gone(cloudformation, resources.stack_id):
            return
    raise CommandError(f"the stack could not be deleted: {'; '.join(_reasons(cloudformation, resources.stack_id))}")


def _is_protected(stack: Stack, table: str) -> bool:
    client = stack.client("dynamodb")
    try:
        return bool(client.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"))
    except client.exceptions.ResourceNotFoundException:
        return False


def _empty(stack: Stack, bucket: str) -> None:
    """Delete every version of every object, and every delete marker."""
    s3 = stack.client("s3")
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if not found:
                continue
            keys = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors")
            if failed:
                raise CommandError(f"cannot delete '{failed[0]['Key']}' in {bucket}: {failed[0].get('Message')}")
    except s3.exceptions.NoSuchBucket:
        return


def _remove_rules(stack: Stack, bus: str) -> None:
    """Remove the rules of a bus; CloudFormation does not know those that an operator added."""
    events = stack.client("events")
    try:
        pages = list(events.get_paginator("list_rules").paginate(EventBusName=bus))
    except events.exceptions.ResourceNotFoundException:
        return
    for rule in (rule["Name"] for page in pages for rule in page["Rules"]):
        targets = events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
        if targets:
            events.remove_targets(Rule=rule, EventBusName=bus, Ids=[each["Id"] for each in targets])
        events.delete_rule(Name=rule, EventBusName=bus)


def _is_gone(cloudformation: Any, stack_id: str) -> bool:
    """Wait for the end of a deletion; False if it failed."""
    while True:
        try:
            status = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":  # It is no longer known.
                return True
            raise
        if status != "DELETE_IN_PROGRESS":
            return bool(status == "DELETE_COMPLETE")
        time.sleep(_POLL_SECONDS)


def _reasons(cloudformation: Any, stack_id: str) -> list[str]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return [
        f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason given')}"
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] == "DELETE_FAILED"
    ]


def _secrets_of_providers(stack: Stack) -> list[str]:
    """The ARNs in all parameters for secrets; one of them can hold several."""
    given = [value for name, value in stack.parameters.items() if name.endswith(("SecretArn", "SecretArns"))]
    return [arn for value in given for arn in value.split(",") if arn]


def _typed() -> str:
    show_note("Type the name of the stack to go on:")
    try:
        return input().strip()
    except EOFError:  # Nobody is there to answer.
        return ""


@app.command("remove")
def _remove(
    ctx: Context,
    unprotect: Annotated[
        bool, typer.Option("--unprotect", help="Turn off the deletion protection of a prod stack.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The stack's name, instead of being asked for it.")
    ] = None,
) -> Result:
    """Delete this deployment and everything in it.

    That is all images, drops, jobs, keys and logs, the ledger, and the rules on the event bus.
    """
    stack = deployment(ctx)
    resources = find(stack)
    if resources.protected and not unprotect:
        raise CommandError(
            f"protected from deletion: {', '.join(resources.protected)}. Nothing was deleted; add --unprotect if you "
            "really want to delete this deployment"
        )
    show_note(f"This deletes the stack {stack.name}, for good, with")
    for what, names in (("bucket", resources.buckets), ("table", resources.tables), ("event bus", resources.buses)):
        for name in names:
            show_note(f"  the {what} {name}")
    show_note("and so all images, drops, jobs, keys and logs, the ledger, and the rules on the event bus.")
    typed = confirm or _typed()
    if typed != stack.name:
        raise CommandError(f"'{typed}' is not the name of the stack, so nothing was deleted")
    with waiting(f"Deleting {stack.name}") as say:
        remove(stack, resources, say)
    left = _secrets_of_providers(stack)
    return Result(
        asdict(resources) | {"stack": stack.name, "left_secrets": left},
        f"{stack.name} is deleted. Left, because the stack does not own it:",
        *(f"  the secret with a provider's key: {arn}" for arn in left),
        "  DynamoDB's own backups of the tables, for 35 days, and those that you made",
        "  the packages of the functions, in the bucket of the stack aws-sam-cli-managed-default",
    )
