"""Checks of the tables and buckets: that nothing is public, lost for good, or never deleted."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from cli.doctor.deployment import Deployment
from cli.doctor.findings import UNDO_DRIFT, Finding, broken, warning

_TABLES = ("JobsTable", "LedgerTable", "CallersTable")
_BUCKETS = ("ImagesBucket", "InboxBucket")
_EXPIRES = "expires_at"


def tables(deployment: Deployment) -> Iterator[Finding]:
    """Whether the tables are active, protected as deployed, and can be restored."""
    client = deployment.client("dynamodb")
    for logical_id in _TABLES:
        name = deployment.physical(logical_id)
        table = client.describe_table(TableName=name)["Table"]
        if table["TableStatus"] not in ("ACTIVE", "UPDATING"):
            yield broken(f"{logical_id} is {table['TableStatus']}", "see docs/operations.md, Restoring data")
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        if recovery != "ENABLED":
            yield warning(
                f"{logical_id} has no point-in-time recovery, so a mistake cannot be undone",
                f"aws dynamodb update-continuous-backups --table-name {name} "
                "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
            )
        if deployment.parameter("Environment") == "prod" and not table.get("DeletionProtectionEnabled"):
            yield warning(
                f"{logical_id} is not protected from deletion, although Environment is prod",
                f"aws dynamodb update-table --table-name {name} --deletion-protection-enabled",
            )


def expiry(deployment: Deployment) -> Iterator[Finding]:
    """Whether the records of jobs expire, and the announcer sees what happens to them."""
    client = deployment.client("dynamodb")
    name = deployment.physical("JobsTable")
    lifetime = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if lifetime.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or lifetime.get("AttributeName") != _EXPIRES:
        yield warning(
            "records of jobs, with their prompts, are never deleted: JobsTable has no time to live",
            f"aws dynamodb update-time-to-live --table-name {name} "
            f"--time-to-live-specification Enabled=true,AttributeName={_EXPIRES}",
        )
    stream = client.describe_table(TableName=name)["Table"].get("StreamSpecification", {})
    if not stream.get("StreamEnabled"):
        yield broken(
            "ends of jobs are announced late or never: JobsTable has no stream",
            UNDO_DRIFT,
        )


def privacy(deployment: Deployment) -> Iterator[Finding]:
    """Whether the buckets are closed to the public and encrypted."""
    client = deployment.client("s3")
    for logical_id in _BUCKETS:
        name = deployment.physical(logical_id)
        block = _setting(client.get_public_access_block, name).get("PublicAccessBlockConfiguration", {})
        if not all(
            block.get(each)
            for each in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        ):
            yield broken(
                f"{logical_id} can be made public",
                f"aws s3api put-public-access-block --bucket {name} --public-access-block-configuration "
                "BlockPublicAcls=true,BlockPublicPolicy=true,IgnorePublicAcls=true,RestrictPublicBuckets=true",
            )
        if not _setting(client.get_bucket_encryption, name):
            yield warning(
                f"{logical_id} has no encryption of its own",
                f"aws s3api put-bucket-encryption --bucket {name} --server-side-encryption-configuration "
                '\'{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}\'',
            )


def lifecycle(deployment: Deployment) -> Iterator[Finding]:
    """Whether images, inputs, results, uploads and previews are deleted after their time."""
    client = deployment.client("s3")
    name = deployment.physical("ImagesBucket")
    expected = dict.fromkeys(("images/", "inputs/", "drops/"), deployment.parameter("RetentionDays"))
    expected |= {"uploads/": "1", "previews/": "1"}
    found = {
        rule.get("Filter", {}).get("Prefix", rule.get("Prefix")): str(rule.get("Expiration", {}).get("Days", ""))
        for rule in _setting(client.get_bucket_lifecycle_configuration, name).get("Rules", [])
        if rule["Status"] == "Enabled"
    }
    for prefix, days in expected.items():
        if not (kept := found.get(prefix)):
            yield warning(
                f"what is under {prefix} in ImagesBucket is never deleted, and costs money",
                UNDO_DRIFT,
            )
        elif days and kept != days:
            yield warning(
                f"what is under {prefix} in ImagesBucket is deleted after {kept} days, not {days}",
                f"deploy with RetentionDays={kept}, or {UNDO_DRIFT}",
            )


def inbox(deployment: Deployment) -> Iterator[Finding]:
    """Whether what is dropped into the inbox reaches the drop function, each version by itself."""
    client = deployment.client("s3")
    name = deployment.physical("InboxBucket")
    if client.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        yield broken(
            "the inbox keeps no versions, so an image that is replaced while it waits is lost",
            f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
        )
    queue = deployment.queue("DropsQueue")["QueueArn"]
    wired = [
        each
        for each in client.get_bucket_notification_configuration(Bucket=name).get("QueueConfigurations", [])
        if each["QueueArn"] == queue and any(event.startswith("s3:ObjectCreated") for event in each["Events"])
    ]
    if not wired:
        configuration = f'{{"QueueConfigurations": [{{"QueueArn": "{queue}", "Events": ["s3:ObjectCreated:*"]}}]}}'
        yield broken(
            "images that are dropped into the inbox are not noticed: it has no notification to DropsQueue",
            f"aws s3api put-bucket-notification-configuration --bucket {name} --notification-configuration "
            f"'{configuration}'",
        )


def image_cors(deployment: Deployment) -> Iterator[Finding]:
    """Whether pages of the keys' origins can read images by their signed URLs, and upload."""
    client = deployment.client("s3")
    name = deployment.physical("ImagesBucket")
    rules = _setting(client.get_bucket_cors, name).get("CORSRules", [])
    for origin in origins(deployment):
        for method in ("GET", "POST"):
            allowed = (
                method in rule["AllowedMethods"] and any(_matches(each, origin) for each in rule["AllowedOrigins"])
                for rule in rules
            )
            if not any(allowed):
                yield broken(
                    f"pages of {origin} cannot {method} in ImagesBucket: its CORS rules do not allow it",
                    f"aws s3api put-bucket-cors --bucket {name} --cors-configuration "
                    '\'{"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD", "POST"], '
                    '"AllowedHeaders": ["*"], "ExposeHeaders": ["ETag", "Content-Length", "Content-Type"]}]}\'',
                )


def origins(deployment: Deployment) -> list[str]:
    """The origins of web pages that keys are limited to; one that represents any page if there are none."""
    named = {origin for caller in deployment.callers for origin in caller.origins}
    return sorted(named) or ["https://page.example"]


def _matches(pattern: str, origin: str) -> bool:
    """Whether S3's pattern, which can have one star, allows an origin."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == origin
    return origin.startswith(before) and origin.endswith(after) and len(origin) >= len(before) + len(after)


def _setting(read: Any, bucket: str) -> dict[str, Any]:
    """A setting of a bucket; empty if it has none, for which S3 has a different error for each."""
    try:
        found: dict[str, Any] = read(Bucket=bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code.startswith("NoSuch") and code != "NoSuchBucket":
            return {}
        if code == "ServerSideEncryptionConfigurationNotFoundError":
            return {}
        raise
    return found
