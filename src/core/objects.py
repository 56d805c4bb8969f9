"""S3 objects: how S3 answers for one that is missing or has changed."""

from botocore.exceptions import ClientError


def is_missing(error: ClientError, *, listable: bool = False) -> bool:
    """Whether an object, or the version of it that was asked for, does not exist.

    S3 answers 403 for such a key unless the caller has s3:ListBucket; only the inbox is `listable`, and only there 403
    is a missing permission. 405 is the answer for a version that is a delete marker.
    """
    return _status(error) in ((404, 405) if listable else (403, 404, 405))


def is_changed(error: ClientError) -> bool:
    """Whether an object no longer has the ETag that was asked for (IfMatch)."""
    return _status(error) == 412


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
