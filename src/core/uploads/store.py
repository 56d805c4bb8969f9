"""Uploads in the images bucket, and their records in the jobs table, with a TTL."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from core.dynamodb import from_item, to_item
from core.objects import is_missing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class UploadChanged(Exception):
    """The upload was deleted, or was used with other bytes."""


@dataclass(frozen=True)
class Upload:
    """The record of an upload. Times are Unix seconds; `etag` is that of the bytes that were used first.

    `token_id` is the browser token that created it, if one did.
    """

    id: str
    caller_id: str
    content_type: str
    max_bytes: int
    created_at: int
    expires_at: int
    filename: str | None = None
    etag: str | None = None
    token_id: str | None = None

    @property
    def key(self) -> str:
        """The key of its bytes in the bucket."""
        return f"uploads/{self.caller_id}/{self.id}"


@dataclass(frozen=True)
class UploadForm:
    """A form: `fields`, followed by the field `file`, to be sent to `url` before `expires_at` (Unix seconds)."""

    url: str
    fields: dict[str, str]
    expires_at: int


@dataclass(frozen=True)
class StoredUpload:
    """Bytes that have arrived."""

    etag: str
    size: int


class UploadStore:
    """Reads and writes the records of uploads."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, upload: Upload) -> None:
        """Write the record of a new upload."""
        self._client.put_item(TableName=self._table, Item=to_item(asdict(upload)))

    def get(self, upload_id: str) -> Upload | None:
        """The upload with that id."""
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": upload_id}}, ConsistentRead=True)
        return Upload(**from_item(answer["Item"])) if "Item" in answer else None

    def pin(self, upload: Upload, etag: str) -> None:
        """Record which bytes were used first; from then on only these can be used.

        Raises:
            UploadChanged: other bytes were used before, or the upload was deleted.
        """
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(asdict(replace(upload, etag=etag))),
                ConditionExpression="attribute_exists(id) AND (attribute_not_exists(etag) OR etag = :etag)",
                ExpressionAttributeValues={":etag": {"S": etag}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise UploadChanged(upload.id) from None

    def delete(self, upload: Upload) -> None:
        """Delete the record, if it is still there."""
        self._client.delete_item(TableName=self._table, Key={"id": {"S": upload.id}})


class UploadBucket:
    """Lets callers put the bytes of uploads into the bucket, and finds them."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def form(self, upload: Upload, now: int, seconds: int) -> UploadForm:
        """A signed form for exactly this upload: its key, its type and its maximum size."""
        content_type = {"Content-Type": upload.content_type}
        signed = self._client.generate_presigned_post(
            self._bucket,
            upload.key,
            Fields={**content_type},
            Conditions=[content_type, ["content-length-range", 1, upload.max_bytes]],
            ExpiresIn=seconds,
        )
        return UploadForm(signed["url"], signed["fields"], now + seconds)

    def find(self, upload: Upload) -> StoredUpload | None:
        """Its bytes; None if they have not arrived yet."""
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=upload.key)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return StoredUpload(head["ETag"], head["ContentLength"])

    def delete(self, upload: Upload) -> None:
        """Delete the bytes, if there are any."""
        self._client.delete_object(Bucket=self._bucket, Key=upload.key)
