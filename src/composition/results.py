"""The results of drops, which the drop function and the announcer write."""

from core import aws
from core.drops.result_store import FolderClaims, ResultBucket
from core.drops.results import Results
from core.settings import AnnouncerSettings, ApiSettings

_DAY_SECONDS = 86400


def drop_results(settings: ApiSettings | AnnouncerSettings) -> Results:
    """Writes the results of drops."""
    return Results(
        ResultBucket(aws.s3(), settings.images_bucket),
        FolderClaims(aws.dynamodb(), settings.jobs_table),
        settings.retention_days * _DAY_SECONDS,
    )
