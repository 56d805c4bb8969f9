"""The results of drops, under drops/ in the images bucket, and which drop each folder there shows."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from core.dynamodb import from_item, to_item, unchanged_since
from core.images.model import Image
from core.objects import exists, is_missing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class ResultBucket:
    """Writes manifests and, beside them, copies of images."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def put(self, key: str, manifest: str) -> None:
        """Write a manifest."""
        self._client.put_object(
            Bucket=self.bucket, Key=key, Body=manifest.encode(), ContentType="application/json; charset=utf-8"
        )

    def names(self, folder: str) -> list[str]:
        """The keys in a folder, without those of the folders in it. There are at most a dozen."""
        page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=folder, Delimiter="/")
        return [entry["Key"] for entry in page.get("Contents", [])]

    def copy(self, image: Image, key: str) -> bool:
        """Copy an image, its bytes unchanged; False if its caller has deleted it."""
        try:
            self._client.copy_object(
                Bucket=self.bucket,
                Key=key,
                CopySource={"Bucket": self.bucket, "Key": image.key},
                ContentType=image.content_type,
                # Not those of the image, which may be cached forever: a newer drop writes the same key.
                MetadataDirective="REPLACE",
                Metadata={"sha256": image.sha256, "job": image.job_id},
                ContentDisposition=image.disposition,
                # The tags of a scanner say nothing of the copy, and copying them would take more permissions.
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            if is_missing(error) and not exists(self._client, self.bucket, image.key):
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        self._client.delete_object(Bucket=self.bucket, Key=key)


@dataclass(frozen=True)
class Claim:
    """Which drop a folder of results shows: one version of one key, and what became of it.

    `job_id` is its job, `error` the text of its error.json; both are None until one of them is known. `version` counts
    the writes of this record. In records of older releases it is 0, and only `key` and `newest`, when the drop was
    dropped (Unix seconds), are known.
    """

    key: str
    drop: str | None = None
    job_id: str | None = None
    error: str | None = None
    newest: int = 0
    version: int = 0


class FolderClaims:
    """Which drop each folder of results shows, in the jobs table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, folder: str) -> Claim | None:
        """The claim of a folder; None if it has none."""
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": _id(folder)}}, ConsistentRead=True)
        if "Item" not in answer:
            return None
        document = from_item(answer["Item"])
        return Claim(**{each.name: document[each.name] for each in fields(Claim) if each.name in document})

    def replace(self, folder: str, held: Claim | None, claim: Claim, expires_at: int) -> bool:
        """Write a claim in place of the one that was read; False if there is another by now."""
        version = held.version if held else 0
        document = {"id": _id(folder), **asdict(claim), "version": version + 1, "expires_at": expires_at}
        condition = unchanged_since(version) if version else {"ConditionExpression": "attribute_not_exists(version)"}
        try:
            self._client.put_item(TableName=self._table, Item=to_item(document), **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _id(folder: str) -> str:
    return f"folder#{folder}"
