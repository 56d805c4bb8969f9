"""The input images of edits, in the private images bucket under inputs/, beside what callers uploaded."""

from typing import IO, TYPE_CHECKING, NotRequired, TypedDict

from botocore.exceptions import ClientError

from core.images.stored_object import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class InputGone(Exception):
    """The object is no longer there, or no longer the one that was meant."""


class _Place(TypedDict):
    Bucket: str
    Key: str
    VersionId: NotRequired[str]


class InputStore:
    """Stores inputs for jobs."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, file: IO[bytes], content_type: str) -> None:
        """Store a file that came with the request or was downloaded for it."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=file, ContentType=content_type)

    def delete(self, key: str) -> None:
        """Delete an input, if it is there."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def look(self, key: str) -> StoredObject:
        """An object that a caller refers to, as it is now.

        Raises:
            InputGone: there is none.
        """
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            raise _gone(error, key) from None
        return StoredObject(key, answer["ETag"], answer["ContentLength"])

    def read(self, source: StoredObject, most: int) -> bytes:
        """The first `most` bytes of an object.

        Raises:
            InputGone: it has changed, or is gone.
        """
        try:
            answer = self._client.get_object(**self._place(source), IfMatch=source.etag, Range=f"bytes=0-{most - 1}")
        except ClientError as error:
            raise _gone(error, source.key) from None
        return answer["Body"].read()

    def copy(self, source: StoredObject, key: str, content_type: str) -> None:
        """Keep an object as it was when it was looked at, without moving its bytes through here.

        Its metadata and tags stay behind.

        Raises:
            InputGone: it has changed, or is gone.
        """
        try:
            self._client.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource=self._place(source),
                CopySourceIfMatch=source.etag,
                ContentType=content_type,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            raise _gone(error, source.key) from None

    def download(self, key: str, file: IO[bytes]) -> None:
        """Write an input into a file, piece by piece.

        Raises:
            InputGone: it was deleted.
        """
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            raise _gone(error, key) from None
        for chunk in body.iter_chunks(1024 * 1024):
            file.write(chunk)

    def _place(self, source: StoredObject) -> _Place:
        place: _Place = {"Bucket": source.bucket or self._bucket, "Key": source.key}
        if source.version:
            place["VersionId"] = source.version
        return place


def _gone(error: ClientError, key: str) -> Exception:
    # Without ListBucket, which nobody here has, S3 answers 403 for a key that does not exist.
    if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404, 412):
        return InputGone(key)
    return error
