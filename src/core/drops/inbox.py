"""The inbox: the bucket that pipelines drop images into. It is only read here."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from core.images.stored_object import StoredObject
from core.objects import MAX_KEY_BYTES, is_changed, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef

_CHUNK_BYTES = 1024 * 1024
# More objects than this do not share the name of a sidecar.
_LISTED = 1000
_STANDARD = "STANDARD"
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


@dataclass(frozen=True)
class Dropped:
    """An object of the inbox; `dropped_at` in Unix seconds. S3 does not hand out what is `archived`."""

    stored: StoredObject
    dropped_at: int
    metadata: dict[str, str] = field(default_factory=dict)
    storage_class: str = _STANDARD
    archived: bool = False

    @property
    def came_in_parts(self) -> bool:
        """Whether it was written in parts. S3 does not say whether those were uploaded or copied."""
        return "-" in self.stored.etag


class _Version(TypedDict, total=False):
    VersionId: str


class Inbox:
    """Reads the inbox."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def find(self, key: str, version: str | None = None) -> Dropped | None:
        """The current object, or a version of it, without its bytes; None if it does not exist."""
        which: _Version = {"VersionId": version} if version else {}
        try:
            answer = self._client.head_object(Bucket=self.bucket, Key=key, **which)
        except ClientError as error:
            # Whether s3:ListBucket makes S3 say 404 of a version that was deleted for good is not documented. If it is
            # the permission that is missing, reading the versions of other drops fails, and that is not forgiven.
            if is_missing(error, listable=version is None):
                return None
            raise
        found = answer.get("VersionId")
        return Dropped(
            StoredObject(
                key,
                answer["ETag"],
                answer["ContentLength"],
                bucket=self.bucket,
                version=found if found != "null" else None,
            ),
            dropped_at=int(answer["LastModified"].timestamp()),
            metadata=answer["Metadata"],
            storage_class=answer.get("StorageClass", _STANDARD),
            archived=answer.get("StorageClass") in _ARCHIVES or "ArchiveStatus" in answer,
        )

    def is_newer(self, key: str, version: str, than: str) -> bool:
        """Whether one version of a key was written after another one, also within the same second.

        Only one that still exists can be the newer one.
        """
        versions = [each["VersionId"] for each in self._versions(key).get("Versions", []) if each["Key"] == key]
        if version not in versions:
            return False
        return than not in versions or versions.index(version) < versions.index(than)

    def before(self, dropped: Dropped) -> Dropped | None:
        """The version that an object replaced; None if there was none, or it had been deleted."""
        key, version = dropped.stored.key, dropped.stored.version
        page = self._versions(key)
        versions = [each for each in page.get("Versions", []) if each["Key"] == key]
        index = next((index for index, each in enumerate(versions) if each["VersionId"] == version), None)
        if index is None or index + 1 >= len(versions):
            return None
        newer, older = versions[index : index + 2]
        deletions = [each["LastModified"] for each in page.get("DeleteMarkers", []) if each["Key"] == key]
        if any(older["LastModified"] <= deletion <= newer["LastModified"] for deletion in deletions):
            return None
        return self.find(key, older["VersionId"])

    def same_bytes(self, one: StoredObject, other: StoredObject) -> bool:
        """Whether two objects hold the same bytes. A copy of one that was uploaded in parts has another ETag."""
        if one.size != other.size:
            return False
        return one.etag == other.etag or self._digest(one) == self._digest(other)

    def _digest(self, stored: StoredObject) -> str:
        which: _Version = {"VersionId": stored.version} if stored.version else {}
        body = self._client.get_object(Bucket=self.bucket, Key=stored.key, **which)["Body"]
        digest = hashlib.sha256()
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def _versions(self, key: str) -> "ListObjectVersionsOutputTypeDef":
        """The versions of a key and its deletions, the newest first; those of longer keys follow."""
        return self._client.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=_LISTED)

    def beginning(self, dropped: StoredObject, limit: int) -> bytes | None:
        """The first `limit` bytes of an object; None if it has been deleted or replaced."""
        which = {"VersionId": dropped.version} if dropped.version else {}
        return self._read(dropped.key, limit, IfMatch=dropped.etag, **which)

    def text(self, key: str, limit: int) -> bytes | None:
        """The first `limit` bytes of the current object; None if it does not exist."""
        return self._read(key, limit)

    def keys(self, prefix: str) -> list[str]:
        """The first keys with that prefix."""
        page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=_LISTED)
        return [entry["Key"] for entry in page.get("Contents", [])]

    def _read(self, key: str, limit: int, **which: str) -> bytes | None:
        if len(key.encode()) > MAX_KEY_BYTES:
            return None
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, **which)  # type: ignore[arg-type] # one of two optional names
        except ClientError as error:
            if is_missing(error, listable=True) or is_changed(error):
                return None
            raise
        with answer["Body"] as body:
            return body.read(limit)
