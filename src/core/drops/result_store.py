"""The results of drops, under drops/ in the images bucket, and which key each folder there belongs to."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from core.dynamodb import from_item, to_item
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

    def put(self, key: str, document: Mapping[str, object]) -> None:
        """Write a manifest."""
        body = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        self._client.put_object(
            Bucket=self.bucket, Key=key, Body=body.encode(), ContentType="application/json; charset=utf-8"
        )

    def get(self, key: str) -> dict[str, Any] | None:
        """A manifest; None if it does not exist."""
        try:
            body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        document: dict[str, Any] = json.loads(body)
        return document

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


class FolderClaims:
    """Which key's drops each folder of results belongs to, in the jobs table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, folder: str, key: str, dropped_at: int, expires_at: int) -> bool:
        """Claim a folder for the drops of a key; False if it belongs to another key. Times are Unix seconds."""
        document = {"id": _id(folder), "key": key, "newest": dropped_at, "expires_at": expires_at}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(document),
                ConditionExpression="attribute_not_exists(id) OR (#key = :key AND newest <= :dropped_at)",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={":key": {"S": key}, ":dropped_at": {"N": str(dropped_at)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            # A newer drop of the same key may have claimed it already: notifications arrive in no particular order.
            return self._held(folder).get("key") == key
        return True

    def newest(self, folder: str) -> int:
        """When the newest drop of a folder was dropped (Unix seconds)."""
        return int(self._held(folder).get("newest", 0))

    def _held(self, folder: str) -> dict[str, Any]:
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": _id(folder)}}, ConsistentRead=True)
        return from_item(answer.get("Item", {}))


def _id(folder: str) -> str:
    return f"folder#{folder}"
