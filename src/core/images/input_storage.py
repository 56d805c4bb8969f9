"""The input images of edits, in the private images bucket under inputs/."""

from typing import IO, TYPE_CHECKING, NotRequired, TypedDict

from botocore.exceptions import ClientError

from core.images.stored_object import StoredObject
from core.objects import exists, is_changed, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class InputGone(Exception):
    """The object was deleted or has changed."""


class _Location(TypedDict):
    Bucket: str
    Key: str
    VersionId: NotRequired[str]


class InputStore:
    """Stores the inputs of jobs."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, file: IO[bytes], content_type: str) -> None:
        """Store a file that came with the request or was downloaded for it."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=file, ContentType=content_type)

    def delete(self, key: str) -> None:
        """Delete an input, if it exists."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def stat(self, key: str) -> StoredObject:
        """The current state of an object that a caller refers to.

        Raises:
            InputGone: there is no such object.
        """
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            raise _gone(error, key) from None
        return StoredObject(key, answer["ETag"], answer["ContentLength"])

    def read(self, source: StoredObject, max_bytes: int) -> bytes:
        """The first `max_bytes` bytes of an object.

        Raises:
            InputGone: it has changed or was deleted.
        """
        try:
            answer = self._client.get_object(
                **self._location(source), IfMatch=source.etag, Range=f"bytes=0-{max_bytes - 1}"
            )
        except ClientError as error:
            raise _gone(error, source.key, listable=source.bucket is not None) from None
        return answer["Body"].read()

    def copy(self, source: StoredObject, key: str, content_type: str) -> None:
        """Copy an object inside S3, as it was when its state was read. Its metadata and tags are not copied.

        Raises:
            InputGone: it has changed or was deleted.
        """
        try:
            self._client.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource=self._location(source),
                CopySourceIfMatch=source.etag,
                ContentType=content_type,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            in_inbox = source.bucket is not None
            if not in_inbox and is_missing(error) and exists(self._client, self._bucket, source.key):
                raise  # It is a permission that is missing.
            raise _gone(error, source.key, listable=in_inbox) from None

    def download(self, key: str, file: IO[bytes]) -> None:
        """Write an input to a file in chunks.

        Raises:
            InputGone: it was deleted.
        """
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            raise _gone(error, key) from None
        for chunk in body.iter_chunks(1024 * 1024):
            file.write(chunk)

    def _location(self, source: StoredObject) -> _Location:
        location: _Location = {"Bucket": source.bucket or self._bucket, "Key": source.key}
        if source.version:
            location["VersionId"] = source.version
        return location


def _gone(error: ClientError, key: str, *, listable: bool = False) -> Exception:
    return InputGone(key) if is_missing(error, listable=listable) or is_changed(error) else error
