"""What leaves the results of drops: for the S3 door, and for the announcer of jobs that ended."""

from core import aws
from core.drops.result_store import FolderClaims, ResultBucket
from core.drops.results import Results
from core.settings import AnnouncerSettings, ApiSettings

_DAY_SECONDS = 86400


def drop_results(settings: ApiSettings | AnnouncerSettings) -> Results:
    """Where drops leave their results."""
    return Results(
        ResultBucket(aws.s3(), settings.images_bucket),
        FolderClaims(aws.dynamodb(), settings.jobs_table),
        settings.retention_days * _DAY_SECONDS,
    )
