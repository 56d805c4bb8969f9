"""Input images that are objects in S3 already."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredObject:
    """An object as it was at one moment; `size` in bytes. Without a `bucket` it is in the images bucket."""

    key: str
    etag: str
    size: int
    bucket: str | None = None
    version: str | None = None

    @property
    def name(self) -> str:
        """What it is called by: stable for equal bytes, and different for others."""
        place = f"s3://{self.bucket}/{self.key}" if self.bucket else self.key
        return f"{place} {self.version or self.etag}"
