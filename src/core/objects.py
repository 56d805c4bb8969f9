"""S3 objects: how S3 answers for one that is missing or has changed."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_KEY_BYTES = 1024  # Source: Amazon S3 user guide, naming objects; S3 answers 400 for longer keys


def exists(client: "S3Client", bucket: str, key: str) -> bool:
    """Whether there is such an object, in a bucket whose objects cannot be listed."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


def is_missing(error: ClientError, *, listable: bool = False) -> bool:
    """Whether an object, or the version of it that was asked for, does not exist.

    S3 answers 403 for such a key unless the caller has s3:ListBucket; only the inbox is `listable`, and only there 403
    is a missing permission. 405 is the answer for a version that is a delete marker. A copy needs more permissions than
    one, so its 403 says nothing.
    """
    return _status(error) in ((404, 405) if listable else (403, 404, 405))


def is_changed(error: ClientError) -> bool:
    """Whether an object no longer has the ETag that was asked for (IfMatch)."""
    return _status(error) == 412


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
